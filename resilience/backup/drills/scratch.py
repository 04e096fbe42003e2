"""A drill's scratch namespace: isolated before anything runs there, and deleted afterwards.

Its labels say which plan it belongs to; its annotations contain its expiry and its snapshot. So
anyone can delete the leftovers of a killed drill, and compare the content without further input.
Egress is limited to the namespace itself and to DNS. Only namespaces with this project's label are
ever deleted, by uid.

A Lease in the namespace shows that the drill is alive. A namespace that the next drill needs, and
whose Lease is no longer renewed, was left by a killed run: it is deleted at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from resilience.backup.drills import retained_volumes
from resilience.backup.drills.scratch_deletion import deleted, torn_down, wait_gone
from resilience.backup.drills.wall import egress_wall
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import InUse, StillThere
from resilience.cluster.errors import ClusterError, Conflict
from resilience.cluster.interface import (
    LEASES,
    NAMESPACES,
    POLICIES,
    Cluster,
    Object,
)
from resilience.cluster.lease import ASK_EVERY, DURATION, Held, LeaseLock
from resilience.cluster.permit.door import NotCovered

OWNER = "resilience/drill"
EXPIRES = "resilience/expires"
HOLDER = "resilience/run"
STORE = "resilience/store"
SNAPSHOT = "resilience/snapshot"
SOURCE = "resilience/source"
CUSTOM = "resilience/custom"
UNGRANTED = "resilience/ungranted"
LEASE = "resilience-drill"
_GONE_SOON = 15.0

Leave = Callable[[str], None]
"""Told of what stays in the cluster."""


def nowhere(line: str) -> None:
    """For those who look themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The origin of a scratch namespace's content; `holder` is the run that created it, `custom`
    the custom resources that it may hold, `ungranted` the Roles and bindings that it lacks."""

    plan: str
    store: str
    snapshot: str
    source: str
    holder: str = ""
    custom: tuple[str, ...] = ()
    ungranted: tuple[str, ...] = ()


@contextmanager
def scratch(
    cluster: Cluster,
    name: str,
    origin: Origin,
    *,
    clock: Clock,
    ttl: timedelta,
    leave: Leave = nowhere,
) -> Iterator[str]:
    """The namespace, for as long as the block runs; an existing name is refused unless it belongs
    to a dead drill. `leave` gets a line for each volume that stays."""
    uid = _created(cluster, name, origin, clock, ttl, leave)
    walled = ended = False
    alive = LeaseLock(cluster, name, LEASE, origin.holder or "a drill", _Lent(clock))
    try:
        alive.acquire(0)
        alive.keep(_lost)
        cluster.create(POLICIES, egress_wall.wall(name), name)
        walled = True
        yield name
        ended = True
    finally:
        with suppress(ClusterError):  # it is deleted together with the namespace, next
            alive.release()
        if walled:
            claims = torn_down(cluster, name, uid, clock=clock)
            try:
                if ended:
                    wait_gone(cluster, name, uid=uid, clock=clock)
            finally:
                _tell_kept(cluster, claims, leave)
        else:
            deleted(cluster, name, uid)


def lease(cluster: Cluster, name: str) -> Object:
    """The drill's Lease, which owns objects that controllers must not adopt."""
    return cluster.get(LEASES, LEASE, name)


def _lost(why: str) -> None:
    """Called when the Lease is lost: its new holder deletes the namespace, and the drill fails
    because objects are missing."""


class _Lent:
    """This project's clock in the form that locks need."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def wall(self) -> float:
        return self._clock.now().timestamp()

    def wait(self, seconds: float) -> None:
        self._clock.wait(seconds)


def _tell_kept(cluster: Cluster, claims: Collection[str], leave: Leave) -> None:
    for line in retained_volumes.kept(cluster, claims):
        leave(line)


def _created(
    cluster: Cluster, name: str, origin: Origin, clock: Clock, ttl: timedelta, leave: Leave
) -> str:
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {OWNER: origin.plan},
            "annotations": {
                EXPIRES: (clock.now() + ttl).isoformat(),
                STORE: origin.store,
                SNAPSHOT: origin.snapshot,
                SOURCE: origin.source,
                HOLDER: origin.holder,
                CUSTOM: ",".join(origin.custom),
                UNGRANTED: ",".join(origin.ungranted),
            },
        },
    }
    try:
        created = cluster.create(NAMESPACES, body)
    except Conflict:
        cleared(cluster, name, origin.holder, clock=clock, leave=leave)
        created = cluster.create(NAMESPACES, body)
    return str(created["metadata"]["uid"])


def cleared(
    cluster: Cluster, name: str, holder: str, *, clock: Clock, leave: Leave = nowhere
) -> None:
    """Delete what a killed drill left under this name; `InUse` for anything else.
    `holder` names the run that deletes it, `leave` gets a line for each volume that stays."""
    found = cluster.get(NAMESPACES, name)["metadata"]
    held = (found.get("labels") or {}).get(OWNER)
    if not held:
        raise _in_use(name, "it does not belong to a drill")
    if not found.get("deletionTimestamp"):
        _require_dead(cluster, name, held, holder, clock)
    claims = torn_down(cluster, name, str(found["uid"]), clock=clock)
    wait_gone(cluster, name, clock=clock)
    _tell_kept(cluster, claims, leave)


def _require_dead(cluster: Cluster, name: str, held: str, holder: str, clock: Clock) -> None:
    """Watches the Lease for its whole duration: clocks of two hosts are never compared."""
    lock = LeaseLock(cluster, name, LEASE, holder or "a drill", _Lent(clock))
    try:
        lock.acquire(DURATION + 2 * ASK_EVERY)
    except Held as problem:
        whose = f"another drill of plan {held} uses it, run {problem.holder}"
        raise _in_use(name, whose) from None


def _in_use(name: str, whose: str) -> InUse:
    return InUse(
        f"namespace {name} exists and {whose}; nothing was touched. Wait for it to end, or write "
        "another `drill.into`"
    )


def sweep(cluster: Cluster, *, clock: Clock, leave: Leave = nowhere) -> list[str]:
    """Delete expired namespaces of earlier drills, and wait until they are gone. `leave` gets
    a line for each volume that stays."""
    swept = []
    for each in cluster.list(NAMESPACES, labels=OWNER):
        metadata = each["metadata"]
        if OWNER in (metadata.get("labels") or {}) and _expired(metadata, clock.now()):
            try:
                claims = torn_down(cluster, metadata["name"], metadata["uid"], clock=clock)
            except NotCovered:  # another plan's, or someone's with this label: not deleted here
                continue
            wait_gone(cluster, metadata["name"], clock=clock)
            _tell_kept(cluster, claims, leave)
            swept.append(metadata["name"])
    return swept


def _expired(metadata: Mapping[str, Mapping[str, str]], now: datetime) -> bool:
    try:
        return now >= datetime.fromisoformat(metadata.get("annotations", {})[EXPIRES])
    except (KeyError, ValueError):  # someone edited it, so it is not deleted here
        return False


def left_by(cluster: Cluster, run: str, *, clock: Clock, within: float = _GONE_SOON) -> list[str]:
    """Scratch namespaces of this run that still exist, each with the reason; [] once all are
    gone."""
    if cluster.ended():
        return []
    try:
        found = cluster.list(NAMESPACES, labels=OWNER)
    except ClusterError as problem:
        return [f"cannot check whether the scratch namespaces of the drill are gone: {problem}"]
    left = []
    for metadata in (each["metadata"] for each in found):
        if (metadata.get("annotations") or {}).get(HOLDER) == run:
            name, uid = metadata["name"], metadata["uid"]
            try:
                wait_gone(cluster, name, clock=clock, uid=uid, within=within)
            except (StillThere, ClusterError) as problem:
                left.append(f"delete namespace {name}: {problem}")
    return left
