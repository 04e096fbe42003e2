"""Judges the objectives `fresh` and `intact` of a plan. Values out, no pytest.

RPO counts from the *start* of the newest verified snapshot: writes after that moment are lost, and
an unverified snapshot does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from resilience.backup.catalog.catalog import Listed, Snapshot
from resilience.backup.catalog.damage import record_found
from resilience.backup.catalog.velero_check import check
from resilience.backup.catalog.verify import Verification, verify
from resilience.backup.catalog.verify_record import Verified, latest
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import UNREADABLE, NoSnapshot, StoreError
from resilience.backup.format.velero_backup import PARTIAL
from resilience.backup.plans.enough import holds_enough, is_empty
from resilience.backup.plans.lifecycle import Keys, missed, newest
from resilience.backup.plans.own_snapshots import Here, advice, others, why_not
from resilience.backup.plans.plan_snapshots import named_for, of_plan
from resilience.backup.store import Store
from resilience.kube.clock import told
from resilience.model.scenario import Plan
from resilience.model.values import Duration
from resilience.model.verdict import Figure, Finding, Reason, Result, Unit
from resilience.model.words import many

UNOPENED = "unopened"
"""In a plan's `accept`: the identity is not available here, so content is never read."""

_ADVICE = f"set RESILIENCE_IDENTITY, or accept it by `accept: [{UNOPENED}]`"


def fresh(
    plan: Plan, store: Store, *, clock: Clock, cluster: str = "", skew: float = 0.0
) -> list[Finding]:
    """Whether the newest verified snapshot is younger than the RPO, and no scheduled run was
    missed. `cluster` is the uid of the kube-system whose snapshots count, "" for any; `skew` the
    seconds by which its clock is ahead of this one."""
    now = clock.now()
    here = Here(cluster=cluster, now=now)
    verified = _newest_verified(plan, store, here)
    age = _age(plan, verified, store, now, skew) if verified else _no_age(plan, store, here)
    findings = [age, *_early(plan, store, now)]
    if plan.schedule:
        findings.append(_fires(plan, store, here))
    return findings


def _early(plan: Plan, store: Store, now: datetime) -> Iterator[Finding]:
    """A snapshot from the future means that a clock is wrong, now or then."""
    lines = others(store, _candidates(plan, store), Here(now=now))
    if lines:
        yield Finding(
            name="clock",
            result=Result.FAILED,
            promised="no snapshot began in the future",
            measured=f"{many(len(lines), 'snapshot')} did",
            detail=tuple(lines[-5:]),
            place=plan.place,
        )


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest verified snapshot. `opened` says that an encrypted snapshot of the plan was read
    at some time."""

    name: str
    started: datetime
    opened: bool


def _newest_verified(plan: Plan, store: Store, here: Here) -> _Newest | None:
    """A snapshot that cannot be read does not hide others."""
    newest_, opened = None, False
    for each in reversed(_candidates(plan, store)):
        snapshot = Snapshot(store, each)
        if why_not(snapshot, here) or is_empty(snapshot):
            continue
        try:
            found = latest(snapshot)
            if found and not newest_:
                newest_ = (each.name, snapshot.started)
        except UNREADABLE:
            continue
        opened = opened or bool(found and found.opened)
        if newest_ and opened:
            break
    return _Newest(*newest_, opened) if newest_ else None


def _candidates(plan: Plan, store: Store) -> list[Listed]:
    return of_plan(store, plan.id) or named_for(store, plan.id)


def _promised(plan: Plan) -> str:
    rpo = plan.objective.rpo
    return f"a verified snapshot younger than {rpo}" if rpo else "a verified snapshot"


def _no_age(plan: Plan, store: Store, here: Here) -> Finding:
    found = _candidates(plan, store)
    lines = [*others(store, found, here), *_unread(Snapshot(store, each) for each in found)]
    measured = "no snapshot at all"
    if found and len(lines) == len(found):
        measured = f"none of {many(len(found), 'snapshot')} counts: {lines[-1]}{advice(lines)}"
    elif found and all(is_empty(Snapshot(store, each)) for each in found):
        measured = f"{many(len(found), 'snapshot')}, none with an object"
    elif found:
        measured = f"none of {len(found)} snapshots was ever verified"
    return Finding(
        name="rpo",
        figure=Figure.RPO,
        result=Result.FAILED,
        promised=_promised(plan),
        measured=measured,
        detail=(f"store {store.url}",),
        place=plan.place,
    )


def _unread(snapshots: Iterable[Snapshot]) -> Iterator[str]:
    """A line for each that cannot be read, and so cannot count."""
    for each in snapshots:
        try:
            each.started  # noqa: B018
        except UNREADABLE as problem:
            yield f"{each.name} cannot be read: {problem}"


def _age(plan: Plan, verified: _Newest, store: Store, now: datetime, skew: float) -> Finding:
    """By bounds: the snapshot was dated by this clock or by that of a host of the cluster."""
    rpo = plan.objective.rpo
    age = (now - verified.started).total_seconds()
    least, most = age + min(0.0, skew), age + max(0.0, skew)
    measured = f"{verified.name} is {_text(age)} old"
    result, reason = Result.PASSED, None
    if rpo and least > rpo.seconds:
        result = Result.FAILED
    elif rpo and most > rpo.seconds:
        result, reason = Result.NOT_MEASURED, Reason.UNOBSERVED
        measured += f", or {_text(age + skew)} if the cluster's clock dated it"
    elif not verified.opened and UNOPENED not in plan.accept:
        result, reason = Result.NOT_MEASURED, Reason.UNOBSERVED
        measured += f"; no snapshot of the plan was ever opened with its identity ({_ADVICE})"
    return Finding(
        name="rpo",
        figure=Figure.RPO,
        result=result,
        reason=reason,
        promised=_promised(plan),
        limit=rpo.seconds if rpo else None,
        value=age,
        unit=Unit.SECONDS,
        measured=measured,
        place=plan.place,
        detail=(
            f"started {verified.started:%Y-%m-%d %H:%M:%S} UTC",
            f"store {store.url}",
            *([told(skew)] if skew else ()),
        ),
    )


def _fires(plan: Plan, store: Store, here: Here) -> Finding:
    assert here.now is not None
    rpo = plan.objective.rpo
    within = timedelta(seconds=max(rpo.seconds if rpo else 0.0, 26 * 3600.0))
    lost = missed(plan, store, here.now, within=within, here=here)
    return Finding(
        name="missed",
        figure=Figure.MISSED,
        result=Result.FAILED if lost else Result.PASSED,
        limit=0.0,
        value=float(len(lost)),
        unit=Unit.COUNT,
        promised=f"no scheduled run of {plan.schedule} ({plan.timezone}) missed",
        measured=f"{len(lost)} missed" if lost else "none missed",
        place=plan.place,
        detail=tuple(
            f"no snapshot began within {plan.grace} of {fire:%Y-%m-%d %H:%M} UTC"
            for fire in lost[-5:]
        ),
    )


def intact(
    plan: Plan, store: Store, *, clock: Clock, keys: Keys, cluster: str = ""
) -> list[Finding]:
    """Whether every bit of the newest snapshot is as it was written. A good result is recorded."""
    promised = "every hash, the signature and the coverage"
    try:
        snapshot = newest(store, plan, keys, Here(cluster=cluster, now=clock.now()))
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
    if not snapshot.listed.ours and not snapshot.listed.leftover:
        return _intact_velero(plan, snapshot, clock)
    found = verify(snapshot)
    verdict = _verdict(plan, snapshot, found, clock)
    return [verdict, *holds_enough(snapshot, plan)] if found.intact else [verdict]


def _intact_velero(plan: Plan, snapshot: Snapshot, clock: Clock) -> list[Finding]:
    """Velero keeps no hashes: its archive can only be compared with its list, and with what an
    earlier verification recorded."""
    found = check(snapshot)
    damaged = not found.intact
    if found.partial and PARTIAL not in plan.accept:
        found.findings.append(f"its phase is {PARTIAL}; accept it by `accept: [{PARTIAL}]`")
    detail = [*found.findings[:10], *found.warnings]
    measured = f"{snapshot.name}: {many(found.objects, 'object')}, {many(found.bytes, 'byte')}"
    if found.intact or damaged:  # being partial is no damage
        detail += _written_down(snapshot, found, clock, archive=found.archive)
    if not found.intact:
        measured = f"{snapshot.name}: {many(len(found.findings), 'finding')}"
    result = Result.PASSED if found.listed else Result.NOT_MEASURED
    return [
        Finding(
            name="intact",
            result=result if found.intact else Result.FAILED,
            reason=Reason.UNOBSERVED if found.intact and not found.listed else None,
            promised="everything that Velero listed, unchanged since it was first verified",
            measured=measured,
            detail=tuple(detail),
            place=plan.place,
        )
    ]


def _written_down(
    snapshot: Snapshot, found: Verified, clock: Clock, *, archive: str = ""
) -> list[str]:
    """A proof may lack the permission to write; that is reported, and does not change its
    result."""
    try:
        record_found(snapshot, found, clock.now(), archive=archive)
    except StoreError as problem:
        return [f"could not be recorded: {problem}"]
    return []


def _verdict(plan: Plan, snapshot: Snapshot, found: Verification, clock: Clock) -> Finding:
    detail = list(found.findings[:10])
    if found.intact:
        detail.append(f"signed by {found.signed_by}" if found.signed_by else "not signed")
    detail += _written_down(snapshot, found, clock)
    measured = f"{snapshot.name}: {many(found.objects, 'object')}, {many(found.bytes, 'byte')}"
    if not found.intact:
        measured = f"{snapshot.name}: {many(len(found.findings), 'difference')}"
    result, reason = Result.PASSED if found.intact else Result.FAILED, None
    if found.intact and not found.opened:
        measured = (
            f"{snapshot.name}: its stored bytes are what was written; its content was not opened "
            f"({_ADVICE})"
        )
        if UNOPENED not in plan.accept:
            result, reason = Result.NOT_MEASURED, Reason.UNOBSERVED
    return Finding(
        name="intact",
        result=result,
        reason=reason,
        promised="every hash, the signature and the coverage",
        measured=measured,
        detail=tuple(detail),
        place=plan.place,
    )


def _text(seconds: float) -> str:
    return str(Duration.of(round(seconds)))
