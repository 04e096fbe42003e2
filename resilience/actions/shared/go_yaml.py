"""YAML values as kubectl reads them: sigs.k8s.io/yaml, a fork of go-yaml v2, and then JSON.

That is neither YAML 1.1 nor 1.2: `y` and `off` are booleans, `010` and `0o10` are 8, `1_000` is a
number, `1:30` and dates are text, `=` is text. A merge takes effect at its position. Keys become
text as Go writes them; what JSON cannot represent is an error. The tests compare this with
kubectl's own output. PyYAML does the parsing, with the same C library.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from typing import Any

from resilience.actions.shared.go_numbers import as_json, as_key, number

TAGS = "tag:yaml.org,2002:"
PLAIN = "!plain"
"""The tag of a scalar that is written without quotes and without a tag."""

MOST = 1_000_000
"""Maximum number of values in one document, including repeats by aliases: a document with more is
an attack ("billion laughs")."""

TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")

WORDS: dict[str, Any] = {
    **dict.fromkeys(TRUE, True),
    **dict.fromkeys(FALSE, False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}

_DAY = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_TIME = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?"
_ZONE = r"(Z|z|[-+][0-9]{1,2}(:?[0-9]{2})?)"
DATE = re.compile(rf"{_DAY}(([Tt]|[ \t]+){_TIME}[ \t]*{_ZONE}?)?")

NO_ESCAPE = re.compile(r"(?<!\\)(\\\\)*\\/")
"""`\\/` is valid in JSON and in YAML 1.2, but kubectl's YAML rejects it."""

KINDS: dict[str, Callable[[Any], bool]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, float),
    "bool": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "timestamp": lambda value: isinstance(value, str) and bool(DATE.fullmatch(value)),
    "merge": lambda value: value == "<<",
}


def loader() -> Any:
    """A PyYAML loader class whose nodes `value` understands."""
    import yaml

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {None: [(PLAIN, re.compile(""))]}
    return type("ManifestLoader", (base,), {"yaml_implicit_resolvers": resolvers})


def value(node: Any, text: str) -> Any:
    """The JSON value of a node. Raises PyYAML's MarkedYAMLError, with the place, if there is
    none."""
    return _Reader(text).read(node)


class _Reader:
    """The state while one document is read."""

    def __init__(self, text: str) -> None:
        self._text = text.removeprefix("\ufeff")
        self._left = MOST
        self._inside: set[int] = set()

    def read(self, node: Any) -> Any:
        import yaml

        self._left -= 1
        if self._left < 0:
            raise _error(node, "document contains excessive aliasing")
        if isinstance(node, yaml.ScalarNode):
            return as_json(self._scalar(node), lambda text: _error(node, text))
        if id(node) in self._inside:
            raise _error(node, "anchor contains itself")
        self._inside.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.read(each) for each in node.value]
            return self._mapping(node)
        finally:
            self._inside.discard(id(node))

    def _mapping(self, node: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if _is_merge(key):
                found |= self._merged(value)
            else:
                found[self._key(key)] = self.read(value)
        return found

    def _merged(self, node: Any) -> dict[str, Any]:
        import yaml

        if isinstance(node, yaml.MappingNode):
            return dict(self.read(node))
        if not isinstance(node, yaml.SequenceNode):
            raise _error(node, "map merge requires map or sequence of maps as the value")
        found: dict[str, Any] = {}
        for each in reversed(node.value):  # the first of several merges wins
            if not isinstance(each, yaml.MappingNode):
                raise _error(each, "map merge requires map or sequence of maps as the value")
            found |= self.read(each)
        return found

    def _key(self, node: Any) -> str:
        import yaml

        if not isinstance(node, yaml.ScalarNode):
            raise _error(node, "invalid map key: only a single value can be one")
        return as_key(self._scalar(node), lambda text: _error(node, text))

    def _scalar(self, node: Any) -> Any:
        source = self._text[node.start_mark.index : node.end_mark.index]
        if node.style == '"' and NO_ESCAPE.search(source):
            raise _error(node, "found unknown escape character: kubectl reads no `\\/`")
        if node.tag == PLAIN and source.startswith("!"):  # a lone `!` means: this is text
            return node.value
        return _scalar(node)


def _is_merge(key: Any) -> bool:
    return key.value == "<<" and key.tag in (PLAIN, TAGS + "merge")


def _scalar(node: Any) -> Any:
    tag = "" if node.tag == PLAIN else node.tag.removeprefix(TAGS)
    if tag == "binary":
        return _binary(node)
    if tag not in ("", *KINDS):
        return node.value
    found = _resolved(node.value, tag)
    if tag == "float" and KINDS["int"](found):
        found = float(found)
    if tag and not KINDS[tag](found):
        raise _error(node, f"cannot decode `{node.value}` as a !!{tag}")
    return found


def _resolved(text: str, tag: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if tag in ("", "timestamp") and DATE.fullmatch(text):
        return text
    found = number(text)
    return text if found is None else found


def _binary(node: Any) -> str:
    """The bytes as text; invalid UTF-8 becomes replacement characters, as in Go's JSON."""
    try:
        raw = base64.b64decode(re.sub(r"[\r\n]", "", node.value), validate=True)
    except (binascii.Error, ValueError):
        raise _error(node, "!!binary value contains invalid base64 data") from None
    text = raw.decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", "\ufffd", text)


def _error(node: Any, text: str) -> Exception:
    from yaml import MarkedYAMLError

    return MarkedYAMLError(problem=text, problem_mark=node.start_mark)
