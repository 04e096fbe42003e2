"""Undoes what dead runs left in the cluster's journal: under their locks, and only then.

A run whose locks can be taken is dead or over. Where its local file is here and its writer gone,
that is known at once, and its locks are taken over in its own name; else a silent holder is watched
for as long as a Lease lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resilience.cluster.interface import Cluster
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.guard.identity import identity
from resilience.engine.guard.locks import Locks, holder
from resilience.engine.journal import journal_configmap, journal_file
from resilience.engine.journal.journal_configmap import Found
from resilience.engine.journal.recover import Recovered, undo_all
from resilience.model.values import RunId
from resilience.model.verb import Catalogue
from resilience.verbs.context import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where locks and journals of a cluster are, and what undoing takes. `cluster` writes locks
    and journals; `acting` gives the one that undoes what was done under such locks, Refused where
    consent does not cover that now; without it `cluster` does, as far as its door lets it."""

    cluster: Cluster
    namespace: str
    verbs: Catalogue
    clock: EngineClock
    aborter: Aborter
    directory: Path
    acting: Callable[[Sequence[str]], Cluster] | None = None


def recover(
    place: Place, *, wait: float, runs: Sequence[str] = (), tell: Callable[[str], None] = print
) -> list[Recovered]:
    """Undo what died runs left, `runs` limits it; those whose locks are held are skipped, after
    `wait` seconds each."""
    dead = _known_dead(place)
    found = []
    for left in journal_configmap.found(place.cluster, place.namespace):
        if not runs or left.run in runs:
            found.append(_recovered(left, place, dead.get(left.run, ""), wait, tell))
    forget_undone_elsewhere(place)
    return found


def under_locks(place: Place, own: RunId, held: Sequence[str]) -> list[Recovered]:
    """The same for a run that holds `held`: what dead runs left there comes first."""
    return [
        undo(left, place)
        for left in journal_configmap.found(place.cluster, place.namespace)
        if left.run != own and set(left.locks) <= set(held)
    ]


def forget_undone_elsewhere(place: Place) -> None:
    """Remove local files whose journal in the cluster is gone."""
    here = identity(place.cluster)
    for path in journal_file.left_behind(place.directory):
        begin = journal_file.read(path).begin
        ours = begin.get("journal") == place.namespace and begin.get("cluster") == here
        if ours and not journal_configmap.is_there(
            place.cluster, str(begin["run"]), place.namespace
        ):
            path.unlink(missing_ok=True)


def _known_dead(place: Place) -> Mapping[str, str]:
    """Run to holder, of runs whose writer was on this machine and is gone."""
    begins = [journal_file.read(path).begin for path in journal_file.left_behind(place.directory)]
    return {str(begin["run"]): str(begin.get("holder", "")) for begin in begins if "run" in begin}


def _recovered(
    left: Found, place: Place, dead: str, wait: float, tell: Callable[[str], None]
) -> Recovered:
    who = dead or holder(RunId(f"{left.run}-recovery"))
    locks = Locks(place.cluster, place.namespace, left.locks, who, place.clock)
    if not dead and wait:
        tell(f"run {left.run}: looking whether it still lives, up to {wait:.0f} s")
    try:
        locks.acquire(0.0 if dead else wait)
    except Refused as error:
        return Recovered(run=left.run, skipped=str(error))
    try:
        locks.keep(lambda why: place.aborter.abort(why))
        return undo(left, place)
    finally:
        locks.release()


def undo(left: Found, place: Place) -> Recovered:
    """Undo what one run left; its locks must be ours."""
    if left.story.begin.get("cluster") != identity(place.cluster):
        return Recovered(run=left.run, skipped="was written on another cluster; it is left alone")
    if not left.locks:
        return Recovered(run=left.run, skipped="names no locks; it is left alone")
    try:
        acting = place.acting(left.locks) if place.acting else place.cluster
    except Refused as error:
        return Recovered(run=left.run, skipped=f"is left alone: {error}")
    journal = left.taken_over(place.cluster)
    try:
        return undo_all(left.run, journal, acting, place.verbs, place.clock, place.aborter)
    finally:
        journal.close()
