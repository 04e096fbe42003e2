"""Undoes the changes of dead runs from the cluster's journal, only while holding their locks.

A run whose locks can be taken is dead or over. If its local file is here and its writer gone, that
is known at once; otherwise all holders are watched together for one Lease duration, and a holder
that renews nothing is dead. A journal is untrusted data: one that has another form, names no locks,
or whose locks consent does not cover now, is left alone and reported. Nothing outside of the
cluster happens on its word: only a record that a file on this machine holds as well is trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from resilience.cluster.interface import Cluster
from resilience.cluster.lease import silent
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.guard.identity import identity
from resilience.engine.guard.locks import Locks, holder
from resilience.engine.journal import journal_configmap, journal_file, trust
from resilience.engine.journal.journal_configmap import Found
from resilience.engine.journal.recover import Kind, Recovered, undo_all
from resilience.model.values import RunId
from resilience.model.verb import Catalogue
from resilience.verbs.context import Refused

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The locks and journals of a cluster, and the means of undoing. `cluster` writes locks and
    journals; `acting` returns the one that undoes what was done under such locks, Refused if
    consent does not cover that now; without it `cluster` is used, as far as its door allows.
    `force` overrules what someone else changed since, `forget` accepts it."""

    cluster: Cluster
    namespace: str
    verbs: Catalogue
    clock: EngineClock
    aborter: Aborter
    directory: Path
    acting: Callable[[Sequence[str]], Cluster] | None = None
    force: bool = False
    forget: bool = False


def recover(
    place: Place, *, wait: float, runs: Sequence[str] = (), tell: Tell = print
) -> list[Recovered]:
    """Undo what dead runs left; `runs` limits it. Whether a run is alive is watched for up to
    `wait` seconds; live runs are left alone."""
    found = [left for left in _found(place) if not runs or left.run in runs]
    dead = _known_dead(place)
    dead |= _silent([left for left in found if not _unusable(left, place)], place, wait, dead, tell)
    results = [_recovered(left, place, dead, tell) for left in found]
    forget_undone_elsewhere(place)
    return results


def under_locks(
    place: Place, own: RunId, held: Sequence[str], tell: Tell = print
) -> list[Recovered]:
    """The same for a run that holds the locks `held`: what dead runs left there comes first. The
    holder of another run's further locks is dead as well, since one of them could be taken."""
    return [
        _with_others(left, place, held, tell)
        for left in _found(place)
        if left.run != own and set(left.locks) & set(held)
    ]


def _found(place: Place) -> list[Found]:
    """The journals in the cluster, each as its run's file on this machine has it, if any."""
    return [
        replace(left, story=trust.corrected(left.story, place.directory, left.run))
        for left in journal_configmap.found(place.cluster, place.namespace)
    ]


def forget_undone_elsewhere(place: Place) -> None:
    """Delete local files whose journal in the cluster is gone."""
    here = identity(place.cluster)
    for path in journal_file.left_behind(place.directory):
        begin = journal_file.read(path).begin
        ours = begin.get("journal") == place.namespace and begin.get("cluster") == here
        if ours and not journal_configmap.is_there(
            place.cluster, str(begin["run"]), place.namespace
        ):
            path.unlink(missing_ok=True)


def _known_dead(place: Place) -> set[str]:
    """Holders whose run was on this host, and whose writer is gone."""
    begins = [journal_file.read(path).begin for path in journal_file.left_behind(place.directory)]
    return {str(begin["holder"]) for begin in begins if begin.get("holder")}


def _silent(
    left: Sequence[Found], place: Place, wait: float, dead: set[str], tell: Tell
) -> set[str]:
    """Holders of these runs' locks that renew none of them within a Lease's duration."""
    runs = ", ".join(each.run for each in left)
    return silent(
        place.cluster,
        place.namespace,
        sorted({name for each in left for name in each.locks}),
        place.clock,
        lambda seconds: tell(
            f"run {runs} left a journal in the cluster; watching for up to {seconds:.0f} s whether"
            " it still lives"
        ),
        within=wait,
        known_dead=dead,
    )


def _unusable(left: Found, place: Place) -> str:
    """Why this journal cannot be acted on; "" if it can."""
    if not left.story.begin:
        return left.story.broken or "it has no first line"
    if not left.locks:
        return "it names no locks"
    if left.story.begin.get("cluster") != identity(place.cluster):
        return "it was written on another cluster"
    return ""


def _recovered(left: Found, place: Place, dead: Iterable[str], tell: Tell) -> Recovered:
    if why := _unusable(left, place):
        return _ignored(left, why)
    if left.story.kept and not left.story.pending and not (place.force or place.forget):
        kept = tuple(f"{undo.text}: {undo.failure}" for undo in left.story.kept)
        return Recovered(run=left.run, kept=kept, news=False)
    locks = _locks(left, place, left.locks, tell)
    try:
        locks.acquire(0.0, dead)
    except Refused as error:
        return _held(left, locks, str(error))
    return _undone(left, place, locks)


def _locks(left: Found, place: Place, names: Sequence[str], tell: Tell) -> Locks:
    who = holder(RunId(f"{left.run}-recovery"))
    return Locks(place.cluster, place.namespace, names, who, place.clock, tell)


def _undone(left: Found, place: Place, locks: Locks) -> Recovered:
    try:
        locks.keep(lambda why: place.aborter.abort(why))
        return undo(left, place)
    finally:
        locks.release()


def _held(left: Found, locks: Locks, why: str) -> Recovered:
    """Its own holder is alive: nothing is left yet. Any other holder of all of its locks undoes
    it before anything else."""
    holders = set(locks.holders().values())
    if holders <= {left.holder, ""}:
        return Recovered(run=left.run, kind=Kind.LIVES, skipped=f"is still at work: {why}")
    if len(holders) == 1:
        return Recovered(run=left.run, kind=Kind.LIVES, skipped=f"is undone by another run: {why}")
    return Recovered(run=left.run, skipped=f"could not be undone: {why}")


def _with_others(left: Found, place: Place, held: Sequence[str], tell: Tell) -> Recovered:
    """Under this run's locks, and those that the dead run held in addition."""
    if why := _unusable(left, place):
        return _ignored(left, why)
    more = [name for name in left.locks if name not in held]
    if not more:
        return undo(left, place)
    locks = _locks(left, place, more, tell)
    try:
        locks.acquire(0.0, {left.holder})
    except Refused as error:
        return Recovered(run=left.run, skipped=f"could not be undone: {error}")
    return _undone(left, place, locks)


def _ignored(left: Found, why: str) -> Recovered:
    return Recovered(
        run=left.run,
        kind=Kind.IGNORED,
        skipped=f"its journal is left alone: {why}. To see it: kubectl -n {left.namespace} get"
        f" configmap -l {journal_configmap.RUN_LABEL}={left.run} -o yaml; to remove it: kubectl"
        f" -n {left.namespace} delete configmap -l {journal_configmap.RUN_LABEL}={left.run}",
    )


def undo(left: Found, place: Place) -> Recovered:
    """Undo what one run left; this run must hold its locks."""
    if why := _unusable(left, place):
        return _ignored(left, why)
    try:
        acting = place.acting(left.locks) if place.acting else place.cluster
    except Refused as error:
        return _ignored(left, str(error))
    journal, damaged = left.taken_over(place.cluster), left.story.broken
    trusted = trust.by_file(place.directory, left.run)
    try:
        result = undo_all(
            left.run, journal, acting, place.verbs, place.clock, place.aborter,
            force=place.force, forget=place.forget, broken=damaged,
            refuses=lambda undo: trust.refused(undo, left.locks, trusted(undo)), trusts=trusted,
        )  # fmt: skip
    finally:
        if not damaged or place.forget:
            journal.close()
    if not damaged or place.forget:
        return result
    journal_configmap.mark_reported(place.cluster, left)
    # What was undone before the damaged line is undone anew each time: nobody reads past that line.
    return replace(result, news=not left.reported or len(result.left) > 1)
