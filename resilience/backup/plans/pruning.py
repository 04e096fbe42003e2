"""Deletes the snapshots of a plan that its retention no longer keeps, and leftovers.

Nobody can ask afterwards what was deleted. So it is reported, even if the store fails then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from resilience.backup.catalog.catalog import Listed, Snapshot, listed
from resilience.backup.catalog.listed_files import require_files
from resilience.backup.catalog.retention import Candidate, KeepDecision, decide
from resilience.backup.catalog.unlisted import has_marker
from resilience.backup.catalog.verify_record import newest, recorded
from resilience.backup.data.external_data import swept
from resilience.backup.format import layout
from resilience.backup.format.archive_reader import begun_here
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import (
    UNREADABLE,
    Retained,
    StoreError,
    StoreRefused,
    Undeletable,
)
from resilience.backup.plans.own_snapshots import TOLERANCE, is_early
from resilience.backup.plans.plan_snapshots import named_for
from resilience.backup.store import Store
from resilience.backup.store.store_clock import store_now
from resilience.model.scenario import Plan

_KEPT, _REFUSED = "kept", "not deleted"
_IN_PART = ", or only in part (prune again)"
UNFINISHED_FOR = timedelta(days=1)
"""Files without a marker are deleted when nothing was written to them for this long."""


@dataclass(slots=True)
class Decisions:
    """The retention decision for each snapshot of a plan. `kept` are snapshots that retention does
    not apply to, `damaged` those that cannot be read, lack files or did not pass a verification;
    each has a reason, and all of them stay: none of them is why a good one may go."""

    made: list[KeepDecision] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)


def decisions(plan: Plan, store: Store, now: datetime) -> Decisions:
    """Snapshots compete only with those of the same cluster; one from the future does not compete
    at all."""
    found, candidates = Decisions(), dict[str, list[Candidate]]()
    for each in named_for(store, plan.id):
        if not each.ours and not each.leftover:
            found.kept[each.name] = "Velero's"
            continue
        try:
            snapshot = Snapshot(store, each)
            require_files(snapshot)
            last = newest(snapshot)
            if last is not None and last.damaged:
                found.damaged[each.name] = f"it was found damaged on {last.verified:%Y-%m-%d}"
                continue
            verified = recorded(snapshot) is not None
            if is_early(snapshot.started, now):
                found.kept[each.name] = "it began in the future"
                continue
            uid = snapshot.manifest.cluster_uid if snapshot.manifest else ""
            candidate = Candidate(snapshot.started, each.name, verified)
            candidates.setdefault(uid, []).append(candidate)
        except UNREADABLE as problem:
            found.damaged[each.name] = str(problem)
    for group in candidates.values():
        found.made += decide(group, plan.keep, timezone=plan.timezone)
    return found


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `prune` did, a line for each snapshot. `damaged` says that some snapshots cannot be read
    and stay, `refused` that the store does not let these credentials delete, `failed` that the
    store did not answer."""

    lines: list[str]
    damaged: bool
    refused: bool
    failed: bool = False


def prune(plan: Plan, store: Store, *, clock: Clock, dry_run: bool = False) -> Pruned:
    """Delete snapshots that retention no longer keeps, and leftovers older than a day."""
    decided = decisions(plan, store, clock.now())
    names = [each.candidate.name for each in decided.made if not each.keep]
    done = remove_all(store, names, dry_run)
    stay = decided.kept | decided.damaged
    lines = [
        *(f"{name}: kept: {reason}" for name, reason in stay.items()),
        *(f"{name}: {what}" for name, what in done.items()),
    ]
    refused = any(what.startswith(_REFUSED) for what in done.values())
    failed = any(map(_in_part, done.values()))
    if not failed:
        gone = [name for name, what in done.items() if not stays(what)]
        try:
            for line in _leftovers(store, gone, clock.now(), dry_run):
                lines.append(line)
        except StoreError as problem:
            lines.append(f"other leftovers stay: {problem}")
            failed = True
    return Pruned(lines, bool(decided.damaged), refused, failed)


def pruned_after(plan: Plan, store: Store, clock: Clock) -> Pruned:
    """The same after a snapshot was taken, which no failure may hide."""
    try:
        return prune(plan, store, clock=clock)
    except StoreError as problem:
        return Pruned([f"old snapshots stay: {problem}"], damaged=False, refused=False, failed=True)


def _leftovers(store: Store, gone: list[str], now: datetime, dry_run: bool) -> Iterator[str]:
    yield from sweep(store, now, dry_run=dry_run)
    yield from swept(store, gone, now, after=UNFINISHED_FOR, dry_run=dry_run)


def remove_all(store: Store, names: Iterable[str], dry_run: bool = False) -> dict[str, str]:
    """What became of each snapshot. After a failure of the store the others are not tried."""
    done: dict[str, str] = {}
    problem: StoreError | None = None
    for name in names:
        if problem is not None:
            done[name] = f"{_REFUSED}: the store failed before"
            continue
        try:
            done[name] = remove(store, name, dry_run)
        except StoreError as failure:
            problem = failure
            done[name] = f"{_REFUSED}{_IN_PART}: {failure}"
    return done


def _in_part(what: str) -> bool:
    return what.startswith(_REFUSED + _IN_PART)


def unfinished(store: Store, until: datetime | None = None) -> list[Listed]:
    """Snapshots of this program without a marker, to which nothing was written since `until`."""
    return [
        each
        for each in listed(store)
        if not each.marker
        and (until is None or each.newest < until)
        and is_this_programs(store, each)
        and not has_marker(store, each.name)
    ]


def sweep(store: Store, now: datetime, *, dry_run: bool = False) -> Iterator[str]:
    """Leftovers of interrupted snapshots. Only directories of this program, recognized by their
    files; others are left alone. Their age counts by the clock that dated them, the store's."""
    if not dry_run:
        stored = store_now(store)
        if stored is None:
            yield "leftovers stay: the store does not list yet what was just written"
            return
        if abs(stored - now) > TOLERANCE:
            yield (
                f"the store's clock differs from this machine's: {stored:%Y-%m-%d %H:%M:%S} and "
                f"{now:%Y-%m-%d %H:%M:%S} UTC; correct the wrong one"
            )
        now = min(now, stored)
    for each in unfinished(store, now - UNFINISHED_FOR):
        yield f"{each.name}: unfinished, {remove(store, each.name, dry_run)}"
    if not dry_run:
        yield from _unfinished_uploads(store, now)


def _unfinished_uploads(store: Store, now: datetime) -> list[str]:
    """Delete them. That is a right of its own, which the store may not give, or not know."""
    try:
        store.sweep(now - UNFINISHED_FOR)
    except (StoreRefused, Retained) as problem:
        return [
            f"unfinished uploads stay: {problem}; give the bucket a rule that removes them, or "
            "these credentials the permission (s3:ListBucketMultipartUploads)"
        ]
    return []


def is_this_programs(store: Store, each: Listed) -> bool:
    """Whether files are this program's: one that only it writes, or an archive that it began.
    Velero gives its archive the same name, and may still be working on it."""
    if any(layout.is_ours(entry.key) for entry in each.entries):
        return True
    keys = {entry.key for entry in each.entries}
    if keys != {layout.archive(each.name)}:
        return False
    return begun_here(store.stream(layout.archive(each.name)))


def remove(store: Store, name: str, dry_run: bool = False) -> str:
    """Delete one snapshot, its marker first, so that a partial one is never visible."""
    if dry_run:
        return "would be deleted"
    markers = (layout.marker(name), layout.sealed_marker(name))
    keys = [entry.key for entry in store.list(layout.directory(name))]
    try:
        for key in sorted(keys, key=lambda key: key not in markers):
            store.delete(key)
    except Undeletable as problem:
        return f"{_REFUSED}: {problem}"
    except Retained as problem:
        return f"{_KEPT}: {problem}"
    return "deleted"


def stays(what: str) -> bool:
    """Whether `remove` said that it deleted nothing."""
    return what.startswith((_KEPT, _REFUSED))


class StartedOver:
    """Says of a snapshot that it did not continue a killed one, by hand, by schedule and by
    the verb `snapshot`. Made before the snapshot is taken."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left = unfinished(store)

    def lines(self, name: str) -> list[str]:
        """One for each that is still there once the snapshot `name` has been taken; what pruning
        deleted since has a line there."""
        there = [each for each in self._left if any(self._store.list(layout.directory(each.name)))]
        return [
            f"snapshot {each.name} is unfinished, last written to on "
            f"{each.newest:%Y-%m-%d at %H:%M:%S}: "
            f"its run was killed, or is still running. {name} started from the beginning; "
            f"{_what_to_do(each)}"
            for each in there
            if each.name != name
        ]


def _what_to_do(each: Listed) -> str:
    """Of an unfinished snapshot that has saved no volume, nothing would be continued."""
    saved = any(layout.is_saved_volume(entry.key) for entry in each.entries)
    if not saved:
        return "`resilience backup prune` deletes the other one a day after its last file"
    return (
        f"`resilience backup create --continue {each.name}` with the same plan or options "
        "completes the other one without reading the volumes again that it has, and `resilience "
        "backup prune` deletes what nothing was written to for a day"
    )
