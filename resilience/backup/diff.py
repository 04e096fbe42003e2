"""What differs between two objects, or two sets of them, by JSON pointer (RFC 6901). Pure.

Values of Secrets never appear: a difference in one is told by its pointer alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.backup.normalise import normalised
from resilience.backup.rules import escaped
from resilience.cluster.interface import Object

_LONGEST = 60


class _Absent:
    """Tells a missing key from null."""


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """One place. `was` and `now` are short texts, "" for absent."""

    pointer: str
    was: str
    now: str

    def __str__(self) -> str:
        if not self.now:
            return f"{self.pointer} was removed (was {self.was})"
        if not self.was:
            return f"{self.pointer} was added ({self.now})"
        return f"{self.pointer}: {self.was} became {self.now}"


def differences(was: Object, now: Object, *, ignore: Iterable[str] = ()) -> list[Difference]:
    """Both sides are normalised first; `ignore` are pointers whose subtree may differ."""
    secret = was.get("kind") == "Secret"
    ignored = tuple(ignore)
    return [
        Difference(pointer, _shown(old, secret), _shown(new, secret))
        for pointer, old, new in _walk("", normalised(was), normalised(now))
        if not any(pointer == each or pointer.startswith(each + "/") for each in ignored)
    ]


def _walk(pointer: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted(was.keys() | now.keys()):
            yield from _walk(
                f"{pointer}/{escaped(key)}", was.get(key, ABSENT), now.get(key, ABSENT)
            )
    elif isinstance(was, list) and isinstance(now, list):
        for number in range(max(len(was), len(now))):
            yield from _walk(
                f"{pointer}/{number}",
                was[number] if number < len(was) else ABSENT,
                now[number] if number < len(now) else ABSENT,
            )
    elif type(was) is not type(now) or was != now:
        yield pointer, was, now


def _shown(value: Any, secret: bool) -> str:
    if value is ABSENT:
        return ""
    if secret:
        return "(secret)"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one object."""

    kind: str
    namespace: str
    name: str
    what: str
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        lines = [f"{self.kind} {where}{self.name} {self.what}"]
        return "\n  ".join(lines + [str(each) for each in self.differences])


Key = tuple[str, str, str]


def changes(was: Mapping[Key, Object], now: Mapping[Key, Object]) -> list[Change]:
    """What was added, removed or changed; keys are (kind, namespace, name)."""
    found = []
    for key in sorted(was.keys() | now.keys()):
        if key not in now:
            found.append(Change(*key, "was removed"))
        elif key not in was:
            found.append(Change(*key, "was added"))
        elif different := differences(was[key], now[key]):
            found.append(Change(*key, "changed", tuple(different)))
    return found
