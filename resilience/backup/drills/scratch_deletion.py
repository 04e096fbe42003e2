"""Deletes a scratch namespace behind its wall.

A finalizer keeps the wall until no Pod is left, because the namespace controller deletes in any
order and a Pod may take long to end.
"""

from __future__ import annotations

from contextlib import suppress

from resilience.backup.drills import retained_volumes
from resilience.backup.drills.wall import egress_wall
from resilience.backup.format.backup_clock import Clock, SystemClock
from resilience.backup.format.errors import StillThere
from resilience.cluster.errors import Conflict, NotFound
from resilience.cluster.interface import (
    NAMESPACES,
    PODS,
    Cluster,
)
from resilience.kube.namespace_deletion import is_going, why_it_stays

_GONE_WITHIN = 120.0
_ABORTED_WITHIN = 15.0
_PAUSE = 0.2


def torn_down(cluster: Cluster, name: str, uid: str, *, clock: Clock) -> frozenset[str]:
    """Delete a scratch namespace; its wall is removed with the last Pod. May be called again for
    one that is already being deleted. The uids of its claims, for `retained_volumes.kept`.
    `StillThere` names Pods that do not end: their wall stays, and the next drill continues the
    deletion."""
    egress_wall.keep(cluster, name)
    claims = retained_volumes.released(cluster, name)
    if not deleted(cluster, name, uid) and _is_gone(cluster, name):
        return claims
    try:
        left = _wait_without_pods(cluster, name, clock, _GONE_WITHIN)
    except BaseException:  # an aborted run: the Pods must still end behind the wall
        if not _wait_without_pods(cluster, name, SystemClock(), _ABORTED_WITHIN):
            egress_wall.let_go(cluster, name)
        raise
    if left:
        raise StillThere(
            f"namespace {name} is being deleted, but these Pods have not ended after "
            f"{_GONE_WITHIN:.0f}s: {', '.join(left)}; the drill's NetworkPolicy stays until they "
            "do. Look at their nodes; the next drill continues the deletion"
        )
    egress_wall.let_go(cluster, name)
    return claims


def deleted(cluster: Cluster, name: str, uid: str) -> bool:
    """Whether the namespace was there to be deleted."""
    try:
        cluster.delete(NAMESPACES, name, uid=uid)
    except (NotFound, Conflict):  # gone, or someone else's
        return False
    return True


def _is_gone(cluster: Cluster, name: str) -> bool:
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
