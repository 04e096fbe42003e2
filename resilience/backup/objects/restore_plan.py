"""How many readings of an archive it takes to create its objects in order, and which objects in
which.

Each object has a stage: its wave, and within it one after its owners. An object of an early wave
(claims, Secrets, ConfigMaps, permissions: what Pods mount or need) stays in it even if its owner
comes later, else a volume could not be filled before something mounts it. Stages that follow each
other in the archive are created in one reading; an archive of this program needs two, one of
Velero's as many as its random order demands. Memory is a number per stage and the uids of owners
and of kinds that two groups may serve, never objects.
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
    """The facts about an object that are known without its body."""

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
    twins: dict[str, str] = field(default_factory=dict)

    def stage(self, kind: str, uid: str) -> Stage:
        """The stage of an object."""
        return self.owned.get(uid) or Stage(order.wave(kind), 0)

    def twin_of(self, kind: str, uid: str) -> str:
        """Why this one is left out: the same object is in the snapshot under another group."""
        other = self.twins.get(uid, kind)
        return "" if other == kind else f"the same object as {other} of that name"


def plan(index: Callable[[], Iterable[Indexed]]) -> Passes:
    """Read the index twice: first owners, then stages."""
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
    found.twins = _twins(index)
    return found


def _twins(index: Callable[[], Iterable[Indexed]]) -> dict[str, str]:
    """Of objects that one uid has under two groups (Velero keeps `ingresses.extensions` beside
    `ingresses.networking.k8s.io`): the kind that is restored, by uid."""
    plurals: dict[str, set[str]] = {}
    for each in index():
        plurals.setdefault(each.kind.partition(".")[0], set()).add(each.kind)
    shared = {kind for kinds in plurals.values() if len(kinds) > 1 for kind in kinds}
    found: dict[str, str] = {}
    for each in index() if shared else ():
        if each.kind in shared and each.uid:
            found[each.uid] = max(found.get(each.uid, each.kind), each.kind, key=_newer_group)
    return found


def _newer_group(kind: str) -> tuple[bool, str]:
    """`extensions` was split into the current groups."""
    return not kind.endswith(".extensions"), kind


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
    """A cycle of owners, which no controller creates, is cut where it is entered."""
    known: dict[str, Stage] = {}

    def stage(uid: str, above: frozenset[str]) -> Stage:
        if uid not in known:
            each = family[uid]
            parents = [
                stage(owner, above | {uid})
                for owner in each.owners
                if owner in family and owner not in above | {uid}
            ]
            wave = order.wave(each.kind)
            if wave > order.CLAIMS:
                wave = max([wave, *(parent.wave for parent in parents)])
            depth = max([parent.depth + 1 for parent in parents if parent.wave == wave], default=0)
            known[uid] = Stage(wave, depth)
        return known[uid]

    for uid in sorted(family):
        stage(uid, frozenset())
    return known
