"""The differences between two objects, or two sets of them, by JSON pointer (RFC 6901). Pure.

Only an entry of a closed list excuses a difference (`may_differ`); used entries are counted, for
the report. Values of Secrets never appear: a difference in one is its pointer alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.backup.objects.json_pointer import escaped
from resilience.backup.objects.kind_identity import identity
from resilience.backup.proof.may_be_absent import why_absent
from resilience.backup.proof.may_differ import (
    LIST,
    STATUS,
    AllowedDifference,
    comparable,
    excused,
    owners,
)
from resilience.cluster.interface import Object
from resilience.model.words import one_line

_LONGEST = 60

Path = tuple[str, ...]
"""The escaped parts of a JSON pointer."""


class _Absent:
    """Distinguishes a missing key from null."""


ABSENT = _Absent()

COMPARED_ANYWHERE = (*LIST, STATUS)
"""Between two snapshots: there it is unknown whether a kind has a status subresource."""


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


@dataclass(slots=True)
class Comparison:
    """The differences of two objects, and the entries that allowed further differences."""

    differences: list[Difference]
    used: Counter[AllowedDifference]


def compared(
    was: Object, now: Object, entries: Sequence[AllowedDifference] = COMPARED_ANYWHERE
) -> Comparison:
    """Compare everything but owners' uids; `entries` say what may differ."""
    (mine, used), (theirs, _) = comparable(was), comparable(now)
    found, secret = Comparison([], Counter(used)), identity(was) == "Secret"
    for parts, old, new in _walk((), mine, theirs, lambda *at: _excuse(found, entries, was, *at)):
        found.differences.append(
            Difference("/" + "/".join(parts), _shown(old, secret), _shown(new, secret))
        )
    return found


def differences(
    was: Object, now: Object, entries: Sequence[AllowedDifference] = COMPARED_ANYWHERE
) -> list[Difference]:
    """The differences, including owners by kind and name."""
    found = compared(was, now, entries).differences
    if owners(was) != owners(now):
        texts = [
            ", ".join(f"{kind} {name}" for kind, name in sorted(owners(o))) for o in (was, now)
        ]
        found.append(Difference("/metadata/ownerReferences", *texts))
    return found


def _excuse(
    found: Comparison,
    entries: Sequence[AllowedDifference],
    was: Object,
    parts: Path,
    old: Any,
    new: Any,
) -> bool:
    entry = excused(entries, was, parts, old, new)
    if entry:
        found.used[entry] += 1
    return entry is not None


def _walk(parts: Path, was: Any, now: Any, excuse: Any) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted(was.keys() | now.keys()):
            at = (*parts, escaped(key))
            yield from _walk(at, was.get(key, ABSENT), now.get(key, ABSENT), excuse)
    elif isinstance(was, list) and isinstance(now, list):
        for number in range(max(len(was), len(now))):
            old = was[number] if number < len(was) else ABSENT
            new = now[number] if number < len(now) else ABSENT
            yield from _walk((*parts, str(number)), old, new, excuse)
    elif (type(was) is not type(now) or was != now) and not _all_excused(parts, was, now, excuse):
        yield parts, was, now


def _all_excused(parts: Path, was: Any, now: Any, excuse: Any) -> bool:
    """A mapping or list that is missing on one side is excused if each of its parts is."""
    if excuse(parts, was, now):
        return True
    if not isinstance(was, dict | _Absent) or not isinstance(now, dict | _Absent):
        return False
    old, new = ({} if isinstance(each, _Absent) else each for each in (was, now))
    keys = sorted(old.keys() | new.keys())
    return bool(keys) and all(
        _all_excused((*parts, escaped(key)), old.get(key, ABSENT), new.get(key, ABSENT), excuse)
        for key in keys
    )


def _shown(value: Any, secret: bool) -> str:
    if value is ABSENT:
        return ""
    if secret:
        return "(secret)"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one object."""

    kind: str
    namespace: str
    name: str
    what: str
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        lines = [one_line(f"{self.kind} {where}{self.name} {self.what}")]
        return "\n  ".join(lines + [str(each) for each in self.differences])


Key = tuple[str, str, str]


def changes(was: Mapping[Key, Object], now: Mapping[Key, Object]) -> list[Change]:
    """What was added, removed or changed; keys are (kind, namespace, name). Objects that
    controllers recreate are left out: their changes follow from others."""
    found = []
    for key in sorted(was.keys() | now.keys()):
        if all(why_absent(each[key]) for each in (was, now) if key in each):
            continue
        if key not in now:
            found.append(Change(*key, "was removed"))
        elif key not in was:
            found.append(Change(*key, "was added"))
        elif different := differences(was[key], now[key]):
            found.append(Change(*key, "changed", tuple(different)))
    return found
