"""The life cycle of a plan's snapshots: which are due, taking and verifying them.

A snapshot is named after the time at which it began, not the time at which it was due, so that the
name matches the content. A scheduled run is done once a snapshot exists that began at or after it,
so `run_due` may be called at any time, any number of times, also concurrently. It is missed when
none began within the plan's grace.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from resilience.backup.catalog.catalog import Listed, Snapshot, listed, opened
from resilience.backup.catalog.unlisted import has_marker
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import record
from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import NoSnapshot, Retained
from resilience.backup.format.manifest import Manifest
from resilience.backup.format.sign import Signer
from resilience.backup.plans.own_snapshots import (
    ANYWHERE,
    Here,
    advice,
    newest_own,
    others,
    own,
)
from resilience.backup.plans.plan_snapshots import belongs, named_for, of_plan
from resilience.backup.plans.pruning import StartedOver, is_this_programs, pruned_after, unfinished
from resilience.backup.store import Store, open_store
from resilience.backup.store.store_lock import Lock
from resilience.backup.store.unfinished.saved_volumes import begun_on
from resilience.backup.take.continued import continued, create_saving
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, cluster_uid
from resilience.cluster.interface import Cluster
from resilience.kube.cron import Cron
from resilience.model.scenario import Plan
from resilience.model.words import many


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of a plan: for signing, for verifying signatures, and for encryption."""

    signer: Signer | None = None
    trusted: str = ""
    recipients: tuple[str, ...] = ()
    identities: tuple[object, ...] = ()


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
    """The result of `run_due`. `made` is None if nothing was due. `started_over` has a line for
    each unfinished snapshot that it does not continue. `failed`: the store did not answer once the
    snapshot was taken."""

    plan: str
    made: Manifest | None = None
    verified: bool = False
    pruned: list[str] = field(default_factory=list)
    started_over: list[str] = field(default_factory=list)
    failed: bool = False


Extend = Callable[[Request], Request]
"""Adds hooks and volumes to a request: they need access to containers, which a caller may have."""


Making = Callable[..., Manifest]
"""`create_saving` or `continued`."""


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
        started_over = StartedOver(store)
        report.made = _continued_or_made(
            plan,
            cluster,
            store,
            fire,
            here,
            clock=clock,
            keys=keys,
            extend=lambda request: replace(extend(request), before_commit=lock.require),
            holder=holder,
        )
        report.verified = True
        pruned = pruned_after(plan, store, clock)
        report.pruned, report.failed = pruned.lines, pruned.failed
        if not report.failed:
            report.started_over = started_over.lines(report.made.name)
    return report


def _continued_or_made(
    plan: Plan,
    cluster: Cluster,
    store: Store,
    fire: datetime,
    here: Here,
    *,
    clock: Clock,
    keys: Keys,
    extend: Extend,
    holder: str,
) -> Manifest:
    """A run that was killed after `fire` is continued, if it has saved a volume."""
    with_keys = partial(
        make, plan, cluster, store, clock=clock, keys=keys, extend=extend, holder=holder
    )
    since = layout.stamped_name(plan.id, fire)
    for each in unfinished(store):
        begun = belongs(each.name, plan.id) and _stamp(plan, each) >= since
        if begun and begun_on(store, [entry.key for entry in each.entries]) == here.cluster:
            with suppress(Retained):  # what is in the way cannot be deleted: another one is taken
                return with_keys(name=each.name, act=continued)
    return with_keys(name=_free_name(store, layout.stamped_name(plan.id, clock.now())))


def make(
    plan: Plan,
    cluster: Cluster,
    store: Store,
    *,
    name: str,
    clock: Clock,
    keys: Keys,
    extend: Extend = as_it_is,
    holder: str = "another run",
    act: Making = create_saving,
) -> Manifest:
    """Take one snapshot of a plan, verify it and record that."""
    request = Request(
        name=name,
        plan=plan.id,
        scope=scope(plan),
        signer=keys.signer,
        recipients=keys.recipients or plan.recipients,
    )
    manifest = act(extend(request), cluster, store, clock=clock, holder=holder)
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
            if has_marker(store, name) or not is_this_programs(store, remains):
                raise Retained(f"{name} is taken")
            for entry in remains.entries:
                store.delete(entry.key)
        except Retained:
            number += 1
            name = f"{base}-{number}"
    return name
