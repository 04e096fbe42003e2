"""A drill's scratch namespace: isolated before anything runs there, and deleted afterwards.

Its labels say which plan it belongs to; its annotations contain its expiry and its snapshot. So
anyone can delete the leftovers of a killed drill, and compare the content without further input.
Egress is limited to the namespace itself and to DNS. Only namespaces with this project's label are
ever deleted, by uid. During the deletion a finalizer keeps the wall until no Pod is left, because
the namespace controller deletes in any order and a Pod may take long to end.

A Lease in the namespace shows that the drill is alive. A namespace that the next drill needs, and
whose Lease is no longer renewed, was left by a killed run: it is deleted at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from resilience.backup.format.backup_clock import Clock, SystemClock
from resilience.backup.format.errors import NoWall, RestoreRefused, StillThere
from resilience.cluster.errors import ClusterError, Conflict, NotFound
from resilience.cluster.interface import (
    LEASES,
    NAMESPACES,
    PODS,
    POLICIES,
    Cluster,
    Object,
)
from resilience.cluster.lease import ASK_EVERY, DURATION, Held, LeaseLock
from resilience.cluster.permit.door import NotCovered
from resilience.kube.namespace_deletion import is_going, why_it_stays

OWNER = "resilience/drill"
EXPIRES = "resilience/expires"
HOLDER = "resilience/run"
STORE = "resilience/store"
SNAPSHOT = "resilience/snapshot"
SOURCE = "resilience/source"
CUSTOM = "resilience/custom"
UNGRANTED = "resilience/ungranted"

WALL = "resilience-drill"
LEASE = "resilience-drill"
_GONE_WITHIN = 120.0
_ABORTED_WITHIN = 15.0
_GONE_SOON = 15.0
_PAUSE = 0.2
_FINALIZER = "resilience/wall"


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


def wall(namespace: str) -> Object:
    """Egress: to Pods of the namespace and to port 53. Ingress: from everywhere, because probes
    must reach it."""
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": WALL, "namespace": namespace},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {}}]}, {"ports": dns}],
        },
    }


@contextmanager
def scratch(
    cluster: Cluster, name: str, origin: Origin, *, clock: Clock, ttl: timedelta
) -> Iterator[str]:
    """The namespace, for as long as the block runs; an existing name is refused unless it belongs
    to a dead drill."""
    uid = _created(cluster, name, origin, clock, ttl)
    walled = ended = False
    alive = LeaseLock(cluster, name, LEASE, origin.holder or "a drill", _Lent(clock))
    try:
        alive.acquire(0)
        alive.keep(_lost)
        cluster.create(POLICIES, wall(name), name)
        walled = True
        yield name
        ended = True
    finally:
        with suppress(ClusterError):  # it is deleted together with the namespace, next
            alive.release()
        if walled:
            torn_down(cluster, name, uid, clock=clock)
        else:
            _deleted(cluster, name, uid)
    if ended:
        wait_gone(cluster, name, uid=uid, clock=clock)


def lease(cluster: Cluster, name: str) -> Object:
    """The drill's Lease, which owns objects that controllers must not adopt."""
    return cluster.get(LEASES, LEASE, name)


def require_standing(cluster: Cluster, name: str) -> None:
    """`NoWall` unless the wall is unchanged."""
    try:
        found = cluster.get(POLICIES, WALL, name).get("spec")
    except NotFound:
        found = None
    if found != wall(name)["spec"]:
        raise NoWall(
            f"NetworkPolicy {name}/{WALL}, the drill's wall, was changed or deleted during the "
            "drill; the restored copy may have reached other systems"
        )


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


def _created(cluster: Cluster, name: str, origin: Origin, clock: Clock, ttl: timedelta) -> str:
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
        cleared(cluster, name, origin.holder, clock=clock)
        created = cluster.create(NAMESPACES, body)
    return str(created["metadata"]["uid"])


def cleared(cluster: Cluster, name: str, holder: str, *, clock: Clock) -> None:
    """Delete what a killed drill left under this name; `RestoreRefused` for anything else.
    `holder` names the run that deletes it."""
    found = cluster.get(NAMESPACES, name)["metadata"]
    held = (found.get("labels") or {}).get(OWNER)
    if not held:
        raise _in_use(name, "it does not belong to a drill")
    if not found.get("deletionTimestamp"):
        _require_dead(cluster, name, held, holder, clock)
    torn_down(cluster, name, str(found["uid"]), clock=clock)
    wait_gone(cluster, name, clock=clock)


def _require_dead(cluster: Cluster, name: str, held: str, holder: str, clock: Clock) -> None:
    """Watches the Lease for its whole duration: clocks of two hosts are never compared."""
    lock = LeaseLock(cluster, name, LEASE, holder or "a drill", _Lent(clock))
    try:
        lock.acquire(DURATION + 2 * ASK_EVERY)
    except Held as problem:
        whose = f"another drill of plan {held} uses it, run {problem.holder}"
        raise _in_use(name, whose) from None


def _in_use(name: str, whose: str) -> RestoreRefused:
    return RestoreRefused(
        f"namespace {name} exists and {whose}; nothing was touched. Wait for it to end, or write "
        "another `drill.into`"
    )


def _deleted(cluster: Cluster, name: str, uid: str) -> bool:
    try:
        cluster.delete(NAMESPACES, name, uid=uid)
    except (NotFound, Conflict):  # gone, or someone else's
        return False
    return True


def torn_down(cluster: Cluster, name: str, uid: str, *, clock: Clock) -> None:
    """Delete a scratch namespace; its wall is removed with the last Pod. May be called again for
    one that is already being deleted. `StillThere` names Pods that do not end: their wall stays,
    and the next drill continues the deletion."""
    _keep_wall(cluster, name, [_FINALIZER])
    if not _deleted(cluster, name, uid) and _gone(cluster, name):
        return
    try:
        left = _wait_without_pods(cluster, name, clock, _GONE_WITHIN)
    except (
        BaseException
    ):  # an aborted run: the Pods in the namespace must still end behind its wall
        if not _wait_without_pods(cluster, name, SystemClock(), _ABORTED_WITHIN):
            _keep_wall(cluster, name, None)
        raise
    if left:
        raise StillThere(
            f"namespace {name} is being deleted, but these Pods have not ended after "
            f"{_GONE_WITHIN:.0f}s: {', '.join(left)}; the drill's NetworkPolicy stays until they "
            "do. Look at their nodes; the next drill continues the deletion"
        )
    _keep_wall(cluster, name, None)


def _keep_wall(cluster: Cluster, name: str, finalizers: list[str] | None) -> None:
    body = {"metadata": {"finalizers": finalizers}}
    with suppress(NotFound):  # the wall does not exist yet, or no longer
        cluster.patch(POLICIES, WALL, body, name)


def _gone(cluster: Cluster, name: str) -> bool:
    try:
        cluster.get(NAMESPACES, name)
    except NotFound:
        return True
    return False


def _wait_without_pods(cluster: Cluster, name: str, clock: Clock, within: float) -> list[str]:
    """Remaining Pods. Delete the Pods with a grace period of one second, since they serve no
    one."""
    until, hurried = clock.monotonic() + within, set[str]()
    while pods := cluster.list(PODS, name):
        for metadata in (each["metadata"] for each in pods):
            if metadata["uid"] not in hurried:
                hurried.add(metadata["uid"])
                with suppress(NotFound, Conflict):
                    cluster.delete(PODS, metadata["name"], name, grace=1, uid=metadata["uid"])
        if clock.monotonic() >= until:
            return sorted(each["metadata"]["name"] for each in pods)
        clock.wait(_PAUSE)
    return []


def sweep(cluster: Cluster, *, clock: Clock) -> list[str]:
    """Delete expired namespaces of earlier drills, and wait until they are gone."""
    swept = []
    for each in cluster.list(NAMESPACES, labels=OWNER):
        metadata = each["metadata"]
        if OWNER in (metadata.get("labels") or {}) and _expired(metadata, clock.now()):
            try:
                torn_down(cluster, metadata["name"], metadata["uid"], clock=clock)
            except (
                NotCovered
            ):  # another plan's namespace, or someone's with this label: not deleted here
                continue
            wait_gone(cluster, metadata["name"], clock=clock)
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


def wait_gone(
    cluster: Cluster, name: str, *, clock: Clock, uid: str = "", within: float = _GONE_WITHIN
) -> None:
    """`StillThere` when the namespace (with this uid) still exists after that time."""
    until = clock.monotonic() + within
    while True:
        try:
            found = cluster.get(NAMESPACES, name)
        except NotFound:
            return
        if uid and found["metadata"]["uid"] != uid:
            return
        if clock.monotonic() >= until:
            what = f"Terminating after {within:.0f}s" if is_going(found) else "there"
            raise StillThere(
                f"namespace {name} is still {what}: {why_it_stays(found)}; the next drill waits "
                "for it"
            )
        clock.wait(0.5)
