"""Plans how many times an archive must be read to create its objects in order, and which objects
are created in which reading.

Each object has a stage: its wave, and within it one after its owners. An object of an early wave
(claims, Secrets, ConfigMaps, permissions: what Pods mount or need) stays in it even if its owner
comes later, else a volume could not be filled before something mounts it. Stages that follow each
other in the archive are created in one reading; an archive of this program needs two, one of
Velero's needs as many as its order requires. It keeps a number per stage in memory, and uids of
owners and of kinds that two groups may serve, but never objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from resilience.backup.objects import order


class RestoreStage(NamedTuple):
    """An object of `depth` 0 has no owner in the snapshot; one of depth 1 has an owner of depth 0
    in its wave or an earlier wave."""

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

    readings: list[frozenset[RestoreStage]] = field(default_factory=list)
    owned: dict[str, RestoreStage] = field(default_factory=dict)
    owners: frozenset[str] = frozenset()
    count: int = 0
    twins: dict[str, str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)

    def stage(self, kind: str, uid: str) -> RestoreStage:
        """The stage in which an object is restored."""
        return self.owned.get(uid) or RestoreStage(order.wave(kind), 0)

    def twin_of(self, kind: str, uid: str) -> str:
        """Why an object is left out: the snapshot contains the same object under another group."""
        other = self.twins.get(uid, kind)
        return "" if other == kind else f"the same object as {other} of that name"


def plan(index: Callable[[], Iterable[Indexed]]) -> Passes:
    """Read the index once, and twice more if it has owners: for these, and for the stages."""
    found, owners = Passes(), set[str]()

    def noted() -> Iterator[Indexed]:
        for each in index():
            owners.update(each.owners)
            found.kinds.add(each.kind)
            found.count += 1
            yield each

    span = _span(found, noted())
    if owners:
        found.owners = frozenset(owners)
        family = {each.uid: each for each in index() if each.owners or each.uid in owners}
        found.owned = _stages(family)
        span = _span(found, index())
    found.readings = list(_readings(*span))
    found.twins = _twins(found.kinds, index)
    return found


def _span(
    found: Passes, index: Iterable[Indexed]
) -> tuple[dict[RestoreStage, int], dict[RestoreStage, int]]:
    """The numbers of the first and the last object of each stage."""
    first: dict[RestoreStage, int] = {}
    last: dict[RestoreStage, int] = {}
    for number, each in enumerate(index):
        stage = found.stage(each.kind, each.uid)
        first.setdefault(stage, number)
        last[stage] = number
    return first, last


def _twins(held: Iterable[str], index: Callable[[], Iterable[Indexed]]) -> dict[str, str]:
    """For objects that exist with one uid under two groups (Velero keeps `ingresses.extensions`
    beside `ingresses.networking.k8s.io`): the kind that is restored, by uid."""
    plurals: dict[str, set[str]] = {}
    for kind in held:
        plurals.setdefault(kind.partition(".")[0], set()).add(kind)
    shared = {kind for kinds in plurals.values() if len(kinds) > 1 for kind in kinds}
    found: dict[str, str] = {}
    for each in index() if shared else ():
        if each.kind in shared and each.uid:
            found[each.uid] = max(found.get(each.uid, each.kind), each.kind, key=_newer_group)
    return found


def _newer_group(kind: str) -> tuple[bool, str]:
    """`extensions` was split into the current groups."""
    return not kind.endswith(".extensions"), kind


def _readings(
    first: dict[RestoreStage, int], last: dict[RestoreStage, int]
) -> Iterator[frozenset[RestoreStage]]:
    taken: list[RestoreStage] = []
    for stage in sorted(first):
        if taken and first[stage] < last[taken[-1]]:
            yield frozenset(taken)
            taken = []
        taken.append(stage)
    if taken:
        yield frozenset(taken)


def _stages(family: dict[str, Indexed]) -> dict[str, RestoreStage]:
    """A cycle of owners, which no controller creates, is cut where it is entered."""
    known: dict[str, RestoreStage] = {}

    def stage(uid: str, above: frozenset[str]) -> RestoreStage:
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
            known[uid] = RestoreStage(wave, depth)
        return known[uid]

    for uid in sorted(family):
        stage(uid, frozenset())
    return known
