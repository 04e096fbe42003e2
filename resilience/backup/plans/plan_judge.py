"""The promises of a plan, judged: fresh, intact. Values out, no pytest.

RPO counts from the *start* of the newest snapshot that was verified: what was written after that
moment is lost, and what was never verified is not there.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.verify import Verification, record, recorded, verify
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import NoSnapshot, StoreError
from resilience.backup.plans.lifecycle import Keys, missed, newest, of_plan
from resilience.backup.store import Store
from resilience.model.scenario import Plan
from resilience.model.values import Duration
from resilience.model.verdict import Finding, Reason, Result, Unit
from resilience.model.words import many


def fresh(plan: Plan, store: Store, *, clock: Clock) -> list[Finding]:
    """Is the newest verified snapshot younger than the RPO, and was no fire missed?"""
    now = clock.now()
    verified = _newest_verified(plan, store)
    findings = [_age(plan, verified, store, now)]
    if plan.schedule:
        findings.append(_fires(plan, store, now))
    return findings


def _newest_verified(plan: Plan, store: Store) -> tuple[str, datetime] | None:
    for each in reversed(of_plan(store, plan.id)):
        snapshot = Snapshot(store, each)
        if recorded(snapshot):
            return each.name, snapshot.started
    return None


def _age(plan: Plan, verified: tuple[str, datetime] | None, store: Store, now: datetime) -> Finding:
    rpo = plan.objective.rpo
    promised = f"a verified snapshot younger than {rpo}" if rpo else "a verified snapshot"
    if not verified:
        some = len(of_plan(store, plan.id))
        measured = f"none of {some} snapshots was ever verified" if some else "no snapshot at all"
        return Finding(
            name="rpo",
            result=Result.FAILED,
            promised=promised,
            measured=measured,
            detail=(f"store {store.url}",),
            place=plan.place,
        )
    name, started = verified
    age = (now - started).total_seconds()
    good = rpo is None or age <= rpo.seconds
    return Finding(
        name="rpo",
        result=Result.PASSED if good else Result.FAILED,
        promised=promised,
        limit=rpo.seconds if rpo else None,
        value=age,
        unit=Unit.SECONDS,
        measured=f"{name} is {_text(age)} old",
        place=plan.place,
        detail=(f"started {started:%Y-%m-%d %H:%M:%S} UTC", f"store {store.url}"),
    )


def _fires(plan: Plan, store: Store, now: datetime) -> Finding:
    rpo = plan.objective.rpo
    within = timedelta(seconds=max(rpo.seconds if rpo else 0.0, 26 * 3600.0))
    lost = missed(plan, store, now, within=within)
    return Finding(
        name="missed",
        result=Result.FAILED if lost else Result.PASSED,
        limit=0.0,
        value=float(len(lost)),
        unit=Unit.COUNT,
        promised=f"no fire of {plan.schedule} ({plan.timezone}) missed",
        measured=f"{len(lost)} missed" if lost else "none missed",
        place=plan.place,
        detail=tuple(f"{fire:%Y-%m-%d %H:%M} UTC has no snapshot" for fire in lost[-5:]),
    )


def intact(plan: Plan, store: Store, *, clock: Clock, keys: Keys) -> list[Finding]:
    """Is every bit of the newest snapshot as it was written? A good answer is written down."""
    promised = "every hash, the signature and the coverage"
    try:
        snapshot = newest(store, plan, keys)
    except NoSnapshot as problem:
        return [
            Finding(
                name="intact",
                result=Result.FAILED,
                promised=promised,
                measured=str(problem),
                place=plan.place,
            )
        ]
    if not snapshot.listed.ours:
        return [
            Finding(
                name="intact",
                result=Result.NOT_MEASURED,
                reason=Reason.UNOBSERVED,
                promised=promised,
                measured=f"{snapshot.name} was written by Velero, which keeps no hashes",
                place=plan.place,
            )
        ]
    found = verify(snapshot, trusted=keys.trusted)
    return [_verdict(plan, snapshot, found, clock)]


def _verdict(plan: Plan, snapshot: Snapshot, found: Verification, clock: Clock) -> Finding:
    detail = list(found.findings[:10])
    if found.intact:
        detail.append(f"signed by {found.signed_by}" if found.signed_by else "not signed")
        try:
            record(snapshot, found, clock.now())
        except StoreError as problem:
            detail.append(f"could not be written down: {problem}")
    measured = f"{snapshot.name}: {many(found.objects, 'object')}, {many(found.bytes, 'byte')}"
    if not found.intact:
        measured = f"{snapshot.name}: {many(len(found.findings), 'difference')}"
    return Finding(
        name="intact",
        result=Result.PASSED if found.intact else Result.FAILED,
        promised="every hash, the signature and the coverage",
        measured=measured,
        detail=tuple(detail),
        place=plan.place,
    )


def _text(seconds: float) -> str:
    return str(Duration.of(round(seconds)))
