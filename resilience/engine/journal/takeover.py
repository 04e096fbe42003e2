"""Undoes the changes of dead runs from the cluster's journal, only while holding their locks.

A run whose locks can be taken has died or ended. If the run's local file is here and its writer is
gone, that is known at once. Otherwise all holders are watched together for one Lease duration; a
holder that renews nothing is dead. A journal is untrusted data. It is left alone and reported if it
has an unknown form, names no locks, or if consent does not cover its locks now. It never causes
anything outside of the cluster, unless a file on this machine holds the same record.
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
    """The locks and journals of a cluster, and what is needed to undo. `cluster` writes locks and
    journals; `acting` returns the cluster for undoing what was done under such locks; it raises
    Refused if consent does not cover that now. Without `acting`, `cluster` is used, as far as its
    own guard allows. `force` also undoes changes that someone else has modified since; `forget`
    keeps them."""

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
    """Undo what dead runs left; `runs` limits it. Runs are watched for up to `wait` seconds; those
    that are alive are left alone."""
    found = [left for left in _found(place) if not runs or left.run in runs]
    dead = _known_dead(place)
    dead |= _silent([left for left in found if not _unusable(left, place)], place, wait, dead, tell)
    results = [_recovered(left, place, dead, tell) for left in found]
    forget_undone_elsewhere(place)
    return results


def under_locks(
    place: Place, own: RunId, held: Sequence[str], tell: Tell = print
) -> list[Recovered]:
    """The same for a run that holds the locks `held`: it undoes what dead runs left before it acts.
    If one lock of a run could be taken, the holder of its other locks is dead as well."""
    return [
        _with_others(left, place, held, tell)
        for left in _found(place)
        if left.run != own and set(left.locks) & set(held)
    ]


def _found(place: Place) -> list[Found]:
    """The journals in the cluster, each replaced by the run's file on this machine, if there is
    one."""
    return [
        replace(left, story=trust.corrected(left.story, place.directory, left.run))
        for left in journal_configmap.found(place.cluster, place.namespace)
    ]


def forget_undone_elsewhere(place: Place) -> None:
    """Delete local files whose journal in the cluster is gone."""
    here = identity(place.cluster)
    for path, story in journal_file.stories_left(place.directory):
        begin = story.begin
        ours = begin.get("journal") == place.namespace and begin.get("cluster") == here
        if ours and not journal_configmap.is_there(
            place.cluster, str(begin["run"]), place.namespace
        ):
            path.unlink(missing_ok=True)


def _known_dead(place: Place) -> set[str]:
    """Holders that ran on this host and whose writer is gone."""
    begins = [story.begin for _, story in journal_file.stories_left(place.directory)]
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
            f"run {runs} left a journal in the cluster; watching for up to {seconds:.0f} s "
            "whether it is still alive"
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
    """The run's own holder is alive: it has left nothing. Any other holder of all its locks undoes
    the run before anything else."""
    holders = set(locks.holders().values())
    if holders <= {left.holder, ""}:
        return Recovered(run=left.run, kind=Kind.LIVES, skipped=f"is still at work: {why}")
    if len(holders) == 1:
        return Recovered(run=left.run, kind=Kind.LIVES, skipped=f"is undone by another run: {why}")
    return Recovered(run=left.run, skipped=f"could not be undone: {why}")


def _with_others(left: Found, place: Place, held: Sequence[str], tell: Tell) -> Recovered:
    """Act under this run's locks and the other locks that the dead run held."""
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
    # Undos before the damaged line are repeated each time, because nothing after that line is read.
    return replace(result, news=not left.reported or len(result.left) > 1)
