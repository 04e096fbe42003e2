"""The YAML parser's errors, in words for people who do not know its inner states.

The parser names the state it was in ("while scanning for the next token"); a person needs to know
what to type. Errors without a translation here keep the parser's own sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import yaml

from resilience.language.text import source
from resilience.language.text.near import quoted
from resilience.model.place import Place, Problem


def problem(file: str, text: str, error: yaml.YAMLError) -> Problem:
    """The one problem that ended parsing."""
    if isinstance(error, yaml.MarkedYAMLError):
        return _marked(file, text, error)
    position = int(getattr(error, "position", 0))
    return Problem(
        _of_byte(file, text, position),
        "a control character",
        "printable text, spaces and line ends",
    )


def _of_byte(file: str, text: str, position: int) -> Place:
    """The C parser counts bytes of UTF-8."""
    before = text.encode("utf-8")[:position].decode("utf-8", errors="ignore")
    return source.place_at(file, before, len(before))


@dataclass(frozen=True, slots=True)
class _Rule:
    """If the parser's sentence contains `says`, `message` and `expected` are shown instead, at
    the place where the construct began when `at_start`. `when` receives the text from the
    parser's place on and whether the construct began on the same line."""

    says: str
    message: str
    expected: str
    at_start: bool = False
    when: Callable[[str, bool], bool] = lambda rest, one_line: True


_RULES: Sequence[_Rule] = (
    _Rule(
        "cannot start any token",
        "a tab; YAML takes only spaces for indentation",
        "spaces, two for each level",
        when=lambda rest, _: rest.startswith("\t"),
    ),
    _Rule(
        "mapping values are not allowed",
        "a second colon on this line, or a wrong indentation",
        "quotes around text with a colon and a space in it; the keys of a mapping in one column",
    ),
    _Rule(
        "could not find expected ':'",
        "a line that is not `key: value`",
        "a colon and a space after each key",
        at_start=True,
    ),
    _Rule(
        "did not find expected key",
        "wrong indentation, or a line that is not `key: value`",
        "the keys of one mapping all in one column",
    ),
    _Rule(
        "did not find expected '-' indicator",
        "wrong indentation in a list",
        "all dashes in one column, and the keys of one item in one column",
    ),
    _Rule(
        "block sequence entries are not allowed",
        "a list that begins on the line of its key",
        "the first dash on a line of its own",
    ),
    _Rule(
        "did not find expected ',' or '}'",
        "a second colon in one value inside { }",
        "quotes around text with a colon in it; a label selector is `app=shop`",
        when=lambda rest, one_line: one_line and rest.startswith(":"),
    ),
    _Rule(
        "did not find expected ',' or '}'",
        "`{` that is never closed, or a missing comma",
        "`{key: value, key: value}`",
        at_start=True,
    ),
    _Rule(
        "did not find expected ',' or ']'",
        "`[` that is never closed, or a missing comma",
        "`[value, value]`",
        at_start=True,
    ),
    _Rule(
        "unexpected end of stream",
        "a quote that is never closed",
        "the closing quote",
        at_start=True,
    ),
    _Rule(
        "unexpected document indicator",
        "a quote that is never closed",
        "the closing quote",
        at_start=True,
    ),
    _Rule(
        "unknown escape character",
        "an escape that YAML does not know",
        "single quotes around text with backslashes",
    ),
    _Rule(
        "undefined alias",
        "an alias (`*name`) whose anchor (`&name`) is not in this document",
        "quotes around text that begins with `*`",
    ),
    _Rule("second occurrence", "the same anchor twice", "each `&name` once"),
)


def _marked(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    rest = _rest(text, error)
    begun, stopped = error.context_mark, error.problem_mark
    one_line = bool(begun and stopped and begun.line == stopped.line)
    for rule in _RULES:
        if rule.says in (error.problem or "") and rule.when(rest, one_line):
            mark = begun if rule.at_start and begun else stopped
            return Problem(_place(file, text, mark), rule.message, rule.expected)
    place = _place(file, text, stopped or begun)
    if "cannot start any token" in (error.problem or "") and rest:
        return Problem(place, f"text that begins with {quoted(rest[0])}", "quotes around it")
    return Problem(place, f"not YAML: {error.problem or 'unreadable'}", "valid YAML")


def _place(file: str, text: str, mark: yaml.error.Mark | None) -> Place:
    return source.inside(file, text, mark.line, mark.column) if mark else Place(file, 1, 1)


def _rest(text: str, error: yaml.MarkedYAMLError) -> str:
    if error.problem_mark is None:
        return ""
    rows = source.lines(text)
    mark = error.problem_mark
    return rows[mark.line][mark.column :] if mark.line < len(rows) else ""
