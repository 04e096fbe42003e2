"""The required form of a journal's line. Pure.

Anyone who may write ConfigMaps in the journal's namespace can write a journal: its lines are
untrusted until each field has the type that a run gives it. A line with another form is `BadLine`;
reading stops before it, and the reader reports it by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from resilience.model.masks import MASKS
from resilience.model.words import one_line

Line = Mapping[str, Any]

_LOCK = re.compile(r"nodes|cluster-scoped|namespace-[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RUN = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


class BadLine(ValueError):
    """A line is invalid; the text says why."""


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "a text"


def _named(value: Any) -> str:
    return "" if isinstance(value, str) and value else "a non-empty string"


def _run(value: Any) -> str:
    return "" if isinstance(value, str) and _RUN.fullmatch(value) else "the id of a run"


def _number(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if number else "a number"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _mapping(value: Any) -> str:
    return "" if isinstance(value, Mapping) else "a mapping"


def _locks(value: Any) -> str:
    named = isinstance(value, list) and all(
        isinstance(each, str) and _LOCK.fullmatch(each) for each in value
    )
    return "" if named else "a list of names of locks"


Wanted = Callable[[Any], str]
"""A value -> what is expected instead; "" if it is acceptable."""

NEEDED: Mapping[str, Mapping[str, Wanted]] = {
    "begin": {"run": _run},
    "undo": {"id": _named, "verb": _named, "data": _mapping, "text": _named},
    "amend": {"id": _named, "data": _mapping},
    "forget": {"id": _named},
    "done": {"id": _named},
    "failed": {"id": _named},
    "kept": {"id": _named},
    "end": {},
}
"""Operation to its fields; unknown fields belong to later versions and are ignored."""

TYPED: Mapping[str, Wanted] = {
    "format": _number, "scenario": _text, "wall": _number, "context": _text, "cluster": _text,
    "namespace": _text, "ephemeral": _flag, "journal": _text, "locks": _locks, "holder": _text,
    "path": _text, "text": _text, "left": _number,
}  # fmt: skip
"""Optional fields."""


def parsed(text: str | bytes) -> Any:
    """The JSON of one line, of any form; text that is not JSON stays text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text if isinstance(text, str) else text.decode(errors="replace")


def checked(line: Any) -> Line:
    """The line as a mapping; raises BadLine if its form is unknown."""
    if not isinstance(line, dict):
        raise BadLine(f"it is {_shown(line)}, expected a mapping")
    if problem := _text(line.get("op")):
        raise BadLine(f"`op` is {_shown(line.get('op'))}, expected {problem}")
    needed = NEEDED.get(line["op"], {})
    for key, wanted in {**{key: TYPED[key] for key in TYPED if key in line}, **needed}.items():
        if problem := wanted(line.get(key)):
            raise BadLine(f"`{key}` is {_shown(line.get(key))}, expected {problem}")
    return line


def _shown(value: Any) -> str:
    text = MASKS.over(one_line(repr(value))) if value is not None else "missing"
    return text if len(text) <= 40 else f"{text[:37]}..."
