"""In how many readings of an archive its objects can be created in order, and which in which.

Each object has a stage: its wave, and within it one after its owners. Stages that follow each other
in the archive are taken in one reading; an archive of ours needs two, one of Velero's as many as
its random order demands. What is held is a number per stage and the uids of owners, never objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from resilience.backup.objects import order


class Stage(NamedTuple):
    """`depth` 0 has no owner in the snapshot, 1 is owned by a 0 of its wave or an earlier one."""

    wave: int
    depth: int


class Indexed(NamedTuple):
    """What is known of an object without its body."""

    kind: str
    uid: str
    owners: Sequence[str]


@dataclass(slots=True)
class Passes:
    """`readings` are sets of stages, one reading of the archive each."""

    readings: list[frozenset[Stage]] = field(default_factory=list)
    owned: dict[str, Stage] = field(default_factory=dict)
    owners: frozenset[str] = frozenset()
    count: int = 0

    def stage(self, kind: str, uid: str) -> Stage:
        """Where an object belongs."""
        return self.owned.get(uid) or Stage(order.wave(kind), 0)


def plan(index: Callable[[], Iterable[Indexed]]) -> Passes:
    """Read the index twice: who owns, then where everything lies."""
    found = Passes(owners=frozenset(uid for each in index() for uid in each.owners))
    if found.owners:
        found.owned = _stages(
            {each.uid: each for each in index() if each.owners or each.uid in found.owners}
        )
    first: dict[Stage, int] = {}
    last: dict[Stage, int] = {}
    for number, each in enumerate(index()):
        stage = found.stage(each.kind, each.uid)
        first.setdefault(stage, number)
        last[stage] = number
        found.count = number + 1
    found.readings = list(_readings(first, last))
    return found


def _readings(first: dict[Stage, int], last: dict[Stage, int]) -> Iterator[frozenset[Stage]]:
    taken: list[Stage] = []
    for stage in sorted(first):
        if taken and first[stage] < last[taken[-1]]:
            yield frozenset(taken)
            taken = []
        taken.append(stage)
    if taken:
        yield frozenset(taken)


def _stages(family: dict[str, Indexed]) -> dict[str, Stage]:
    """A ring of owners, which no controller makes, is cut where it is entered."""
    known: dict[str, Stage] = {}

    def stage(uid: str, above: frozenset[str]) -> Stage:
        if uid not in known:
            each = family[uid]
            parents = [
                stage(owner, above | {uid})
                for owner in each.owners
                if owner in family and owner not in above | {uid}
            ]
            wave = max([order.wave(each.kind), *(parent.wave for parent in parents)])
            depth = max([parent.depth + 1 for parent in parents if parent.wave == wave], default=0)
            known[uid] = Stage(wave, depth)
        return known[uid]

    for uid in sorted(family):
        stage(uid, frozenset())
    return known
