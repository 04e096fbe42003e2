"""The life cycle of a plan's snapshots: which are due, taking, verifying and retaining them.

A snapshot is named after the time at which it began, not the time at which it was due, so that the
name matches the content. A scheduled run is done once a snapshot exists that began at or after it,
so `run_due` may be called at any time, any number of times, also concurrently. It is missed when
none began within the plan's grace. A plan's snapshots are found by their names alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from resilience.backup.catalog.catalog import Listed, Snapshot, held_against, listed, opened
from resilience.backup.catalog.retention import Candidate, KeepDecision, decide
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import record, recorded
from resilience.backup.data.external_data import copied, swept
from resilience.backup.format import layout
from resilience.backup.format.archive_reader import begun_here
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import UNREADABLE, NoSnapshot, Retained
from resilience.backup.format.manifest import Manifest
from resilience.backup.format.sign import Signer
from resilience.backup.plans.own_snapshots import (
    ANYWHERE,
    Here,
    advice,
    is_early,
    newest_own,
    others,
    own,
)
from resilience.backup.store import Store, open_store
from resilience.backup.store.store_lock import Lock
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, cluster_uid, create
from resilience.cluster.interface import Cluster
from resilience.kube.cron import Cron
from resilience.model.progress import track
from resilience.model.scenario import Plan
from resilience.model.words import many

UNFINISHED_FOR = timedelta(days=1)
"""Files without a marker are deleted when nothing was written to them for this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of a plan: for signing, for verifying signatures, and for encryption."""

    signer: Signer | None = None
    trusted: str = ""
    recipients: tuple[str, ...] = ()
    identities: tuple[object, ...] = ()


def belongs(name: str, plan: str) -> bool:
    """Whether a snapshot's name has this plan's form: PLAN-YYYYMMDDhhmmss."""
    return re.fullmatch(re.escape(plan) + r"-\d{14}(-\d)?", name) is not None


def of_plan(store: Store, plan: str) -> list[Listed]:
    """Visible snapshots that this program took for a plan, oldest first (their names sort by
    time). Velero names the backups of a schedule in the same way: those never belong to a plan."""
    return [each for each in named_for(store, plan) if each.ours]


def named_for(store: Store, plan: str) -> list[Listed]:
    """Visible snapshots with a name of the plan, Velero's included."""
    return [each for each in listed(store) if each.marker and belongs(each.name, plan)]


def plan_store(plan: Plan, url: str = "") -> Store:
    """The plan's store; a relative directory is resolved against the plan's file."""
    return open_store(url) if url else open_store(plan.store, base=Path(plan.place.file).parent)


def newest(store: Store, plan: Plan, keys: Keys = Keys(), here: Here = ANYWHERE) -> Snapshot:
    """The newest visible snapshot of a plan that counts `here`; if the plan has none, the newest
    backup of Velero's schedule with its name. `NoSnapshot` says what to do when there is none."""
    found = of_plan(store, plan.id) or named_for(store, plan.id)
    last = newest_own(store, found, here)
    if last:
        return Snapshot(store, last, keys.identities, keys.trusted)
    if found:
        lines = others(store, found, here)
        raise NoSnapshot(
            f"plan {plan.id} has {many(len(found), 'snapshot')} in {store.url}, but none counts: "
            f"{lines[-1]}{advice(lines)}"
        )
    raise NoSnapshot(
        f"plan {plan.id} has no snapshot in {store.url}; take one with "
        f"`resilience backup create {plan.place.file}`"
    )


def scope(plan: Plan) -> Scope:
    """The snapshot request of a plan."""
    return Scope(
        namespaces=plan.namespaces,
        exclude_namespaces=plan.exclude.namespaces,
        kinds=plan.kinds,
        exclude_kinds=plan.exclude.kinds,
        labels=str(plan.labels) if plan.labels else "",
        cluster=plan.cluster,
        accept=plan.accept,
    )


def cron(plan: Plan) -> Cron | None:
    """A plan's schedule."""
    return Cron.parse(plan.schedule, plan.timezone) if plan.schedule else None


def due(plan: Plan, store: Store, now: datetime, here: Here = ANYWHERE) -> datetime | None:
    """The latest scheduled run that no snapshot covers yet; None when nothing is due."""
    schedule = cron(plan)
    if not schedule:
        return None
    fire = schedule.previous_before(now + timedelta(microseconds=1))
    since = layout.stamped_name(plan.id, fire)
    made = [each for each in of_plan(store, plan.id) if _stamp(plan, each) >= since]
    return None if own(store, made, here) else fire


def _stamp(plan: Plan, each: Listed) -> str:
    """PLAN-YYYYMMDDhhmmss, without the number that a second one of that moment has."""
    return each.name[: len(plan.id) + 15]


def missed(
    plan: Plan, store: Store, now: datetime, *, within: timedelta, here: Here = ANYWHERE
) -> list[datetime]:
    """Scheduled runs of the last `within` that no snapshot covered within the plan's grace,
    except those still in their grace and those from before the plan's first snapshot."""
    schedule, have = cron(plan), own(store, of_plan(store, plan.id), here)
    if not schedule or not have:
        return []
    stamps = sorted(_stamp(plan, each) for each in have)
    grace = timedelta(seconds=plan.grace.seconds)
    fires = schedule.between(now - within, now - grace)

    def answered(fire: datetime) -> bool:
        first, last = (layout.stamped_name(plan.id, each) for each in (fire, fire + grace))
        return any(first <= stamp <= last for stamp in stamps)

    began = [fire for fire in fires if layout.stamped_name(plan.id, fire) > stamps[0]]
    return [fire for fire in began if not answered(fire)]


@dataclass(slots=True)
class RunReport:
    """The result of `run_due`. `made` is None if nothing was due."""

    plan: str
    made: Manifest | None = None
    verified: bool = False
    pruned: list[str] = field(default_factory=list)


Extend = Callable[[Request], Request]
"""Adds hooks and volumes to a request: they need access to containers, which a caller may have."""


def as_it_is(request: Request) -> Request:
    """Objects only."""
    return request


def run_due(
    plan: Plan,
    cluster: Cluster,
    store: Store,
    *,
    clock: Clock,
    keys: Keys,
    holder: str,
    extend: Extend = as_it_is,
) -> RunReport:
    """Take what is due, verify it, prune; nothing when nothing is due. `Busy` when another run
    holds the plan's lock, or took it from this one: then nothing of this run becomes visible."""
    report = RunReport(plan.id)
    here = Here(cluster=cluster_uid(cluster))
    if not due(plan, store, clock.now(), here):
        return report
    lock = Lock(store, f"plan-{plan.id}", holder, clock=clock)
    with lock.held():
        fire = due(
            plan, store, clock.now(), here
        )  # another run may have taken it before this run got the lock
        if not fire:
            return report
        name = _free_name(store, layout.stamped_name(plan.id, clock.now()))
        report.made = make(
            plan,
            cluster,
            store,
            name=name,
            clock=clock,
            keys=keys,
            extend=lambda request: replace(extend(request), before_commit=lock.require),
        )
        report.verified = True
        report.pruned = prune(plan, store, clock=clock).lines
    return report


def make(
    plan: Plan,
    cluster: Cluster,
    store: Store,
    *,
    name: str,
    clock: Clock,
    keys: Keys,
    extend: Extend = as_it_is,
) -> Manifest:
    """Take one snapshot of a plan, verify it and record that."""
    request = Request(
        name=name,
        plan=plan.id,
        scope=scope(plan),
        signer=keys.signer,
        recipients=keys.recipients or plan.recipients,
    )
    manifest = create(extend(request), cluster, store, clock=clock)
    snapshot = opened(store, name, keys.identities, trusted=keys.trusted)
    record(snapshot, verify(snapshot), clock.now())
    return manifest


def _free_name(store: Store, base: str) -> str:
    """This run holds the lock, so files of this program under the name without a marker are
    leftovers of an interrupted run: they are deleted, or, if a retention lock forbids that, left
    alone and another name is used. Files of Velero under the name are left alone as well."""
    name, number = base, 1
    while remains := next(iter(listed(store, name)), None):
        try:
            if remains.marker or not _ours(store, remains):
                raise Retained(f"{name} is taken")
            for entry in remains.entries:
                store.delete(entry.key)
        except Retained:
            number += 1
            name = f"{base}-{number}"
    return name


@dataclass(slots=True)
class Decisions:
    """The retention decision for each snapshot of a plan. `kept` are snapshots that retention does
    not apply to, `damaged` those that cannot be read; each has a reason, and all of them stay."""

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
    and stay."""

    lines: list[str]
    damaged: bool


def prune(plan: Plan, store: Store, *, clock: Clock, dry_run: bool = False) -> Pruned:
    """Delete snapshots that retention no longer keeps, and leftovers older than a day."""
    decided = decisions(plan, store, clock.now())
    names = [each.candidate.name for each in decided.made if not each.keep]
    done = {name: remove(store, name, dry_run) for name in names}
    gone = [name for name, what in done.items() if not what.startswith("kept")]
    now = clock.now()
    stay = decided.kept | decided.damaged
    lines = [
        *(f"{name}: kept: {reason}" for name, reason in stay.items()),
        *(f"{name}: {what}" for name, what in done.items()),
        *sweep(store, now, dry_run=dry_run),
        *swept(store, gone, now, after=UNFINISHED_FOR, dry_run=dry_run),
    ]
    return Pruned(lines, bool(decided.damaged))


def sweep(store: Store, now: datetime, *, dry_run: bool = False) -> list[str]:
    """Leftovers of interrupted snapshots. Only directories of this program, recognized by their
    files; others are left alone."""
    told = []
    for each in listed(store):
        if each.marker or each.newest >= now - UNFINISHED_FOR:
            continue
        if _ours(store, each):
            told.append(f"{each.name}: unfinished, {remove(store, each.name, dry_run)}")
    if not dry_run:
        store.sweep(now - UNFINISHED_FOR)
    return told


def _ours(store: Store, each: Listed) -> bool:
    """By a file that only this program writes, or by an archive that it began: Velero gives its
    archive the same name, and may still be working on it."""
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
    except Retained as problem:
        return f"kept: {problem}"
    return "deleted"


def copy(source: Store, target: Store, name: str, *, clock: Clock) -> int:
    """Copy a snapshot to another store, file by file, its marker last; returns the bytes. A file
    that differs from the original ends the copy, which stays invisible."""
    snapshot = opened(source, name)
    keys = [entry.key for entry in snapshot.listed.entries if entry.key != snapshot.listed.marker]
    total = copied(snapshot, target, clock)
    files = {each.key: each for each in snapshot.manifest.files} if snapshot.manifest else {}
    whole = sum(entry.size for entry in snapshot.listed.entries)
    with track(f"copy {name}", total=whole, unit="byte") as done:
        for key in (*keys, snapshot.listed.marker):
            written = files.get(key)
            with target.upload(key) as upload:
                for chunk in held_against(source, written) if written else source.stream(key):
                    upload.write(chunk)
                    done(len(chunk))
                total += upload.commit().size
    return total
