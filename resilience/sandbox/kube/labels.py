"""Label selectors: values of a LabelSelector and the text of a query parameter.

Sources: k8s.io/apimachinery/pkg/labels/selector.go and apis/meta/v1/helpers.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Labels = Mapping[str, str]
Predicate = Callable[[Labels], bool]

_NAME = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$")
_PREFIX = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_TOKEN = re.compile(r"\s*(?:(?P<op>==|!=|>|<|=|!|\(|\)|,)|(?P<word>[^\s=!<>(),]+))")


class SelectorError(ValueError):
    """The text is not a selector; says why."""


def matches(selector: Any, labels: Labels) -> bool:
    """Whether a LabelSelector value selects these labels. None selects nothing, {} everything."""
    if not isinstance(selector, Mapping):
        return False
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_term(term, labels) for term in selector.get("matchExpressions") or ())


def _term(term: Mapping[str, Any], labels: Labels) -> bool:
    key, values = term.get("key", ""), term.get("values") or ()
    operator = term.get("operator")
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    return False


def is_name(text: str) -> bool:
    """Whether a label key (with or without prefix) is valid."""
    prefix, slash, name = text.rpartition("/")
    if slash and (not _PREFIX.match(prefix) or len(prefix) > 253):
        return False
    return bool(_NAME.match(name)) and len(name) <= 63


def is_value(text: str) -> bool:
    """Whether a label value is valid."""
    return text == "" or (bool(_NAME.match(text)) and len(text) <= 63)


def parse(text: str) -> Predicate | None:
    """A predicate for a `labelSelector` parameter; None for an empty one. SelectorError."""
    tokens = _tokens(text)
    if not tokens:
        return None
    tests: list[Predicate] = []
    at = 0
    while at < len(tokens):
        test, at = _requirement(tokens, at)
        tests.append(test)
        if at < len(tokens):
            if tokens[at] != ("op", ","):
                raise SelectorError(f"found '{tokens[at][1]}', expected: ',' or 'end of string'")
            at += 1
            if at == len(tokens):
                raise SelectorError("found '', expected: identifier after ','")
    return lambda labels: all(test(labels) for test in tests)


def _tokens(text: str) -> list[tuple[str, str]]:
    out, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise SelectorError(f"unable to parse requirement: {text[at:]!r}")
        kind = "op" if match["op"] is not None else "word"
        out.append((kind, match[kind]))
        at = match.end()
    return out


def _key(tokens: list[tuple[str, str]], at: int) -> str:
    if at >= len(tokens) or tokens[at][0] != "word":
        found = tokens[at][1] if at < len(tokens) else ""
        raise SelectorError(f"found '{found}', expected: identifier")
    key = tokens[at][1]
    if not is_name(key):
        raise SelectorError(
            f'key: Invalid value: "{key}": name part must consist of alphanumeric characters,'
            " '-', '_' or '.', and must start and end with an alphanumeric character"
        )
    return key


def _requirement(tokens: list[tuple[str, str]], at: int) -> tuple[Predicate, int]:
    if tokens[at] == ("op", "!"):
        key = _key(tokens, at + 1)
        return (lambda labels: key not in labels), at + 2
    key = _key(tokens, at)
    at += 1
    if at >= len(tokens) or tokens[at] == ("op", ","):
        return (lambda labels: key in labels), at
    kind, word = tokens[at]
    if kind == "op" and word in ("=", "==", "!="):
        return _equality(tokens, at, key, word)
    if kind == "op" and word in ("<", ">"):
        return _comparison(tokens, at, key, word)
    if kind == "word" and word in ("in", "notin"):
        return _membership(tokens, at, key, word)
    raise SelectorError(f"found '{word}', expected: in, notin, =, ==, !=, gt, lt")


def _equality(
    tokens: list[tuple[str, str]], at: int, key: str, operator: str
) -> tuple[Predicate, int]:
    value, at = "", at + 1
    if at < len(tokens) and tokens[at][0] == "word":
        value, at = tokens[at][1], at + 1
    _check_value(value)
    if operator == "!=":
        return (lambda labels: labels.get(key) != value), at
    return (lambda labels: labels.get(key) == value), at


def _comparison(
    tokens: list[tuple[str, str]], at: int, key: str, operator: str
) -> tuple[Predicate, int]:
    if at + 1 >= len(tokens) or not re.fullmatch(r"-?\d+", tokens[at + 1][1]):
        raise SelectorError("for 'Gt', 'Lt' operators, the value must be an integer")
    bound = int(tokens[at + 1][1])

    def test(labels: Labels) -> bool:
        value = labels.get(key)
        if value is None or not re.fullmatch(r"-?\d+", value):
            return False
        return int(value) > bound if operator == ">" else int(value) < bound

    return test, at + 2


def _membership(
    tokens: list[tuple[str, str]], at: int, key: str, operator: str
) -> tuple[Predicate, int]:
    if at + 1 >= len(tokens) or tokens[at + 1] != ("op", "("):
        raise SelectorError(f"found '', expected: '(' after {operator}")
    values: set[str] = set()
    at += 2
    word_expected = True
    while at < len(tokens) and tokens[at] != ("op", ")"):
        kind, word = tokens[at]
        if kind == "word":
            _check_value(word)
            values.add(word)
        elif word == ",":
            if word_expected:
                values.add("")
        else:
            raise SelectorError(f"found '{word}', expected: ',' or ')'")
        word_expected = kind != "word"
        at += 1
    if at >= len(tokens):
        raise SelectorError("found '', expected: ',' or ')'")
    if not values:
        values.add("")
    if operator == "in":
        return (lambda labels: key in labels and labels[key] in values), at + 1
    return (lambda labels: labels.get(key) not in values), at + 1


def _check_value(value: str) -> None:
    if not is_value(value):
        raise SelectorError(
            f'values[0]: Invalid value: "{value}": a valid label must be an empty string or consist'
            " of alphanumeric characters, '-', '_' or '.', and must start and end with an"
            " alphanumeric character"
        )


def selector_text(selector: Any) -> str:
    """A LabelSelector, or a plain map, as a Scale's `status.selector` prints it."""
    if not isinstance(selector, dict):
        return ""
    labels = selector
    if "matchLabels" in selector or "matchExpressions" in selector:
        labels = selector.get("matchLabels") or {}
    parts = [f"{key}={value}" for key, value in labels.items() if isinstance(value, str)]
    for term in selector.get("matchExpressions") or ():
        key, values = term.get("key", ""), ",".join(sorted(term.get("values") or ()))
        parts.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }.get(term.get("operator", ""), key)
        )
    return ",".join(sorted(parts))
