"""A drill's scratch namespace: walled in before anything lives there, gone afterwards.

Its labels say whose it is, its annotations until when and from which snapshot, so that whoever
comes next can sweep what a killed drill left, and can compare what is in it without being told.
Egress is limited to the namespace itself and to DNS. Only namespaces that bear our label are ever
deleted, by uid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from resilience.backup.clock import Clock
from resilience.backup.errors import RestoreRefused
from resilience.cluster.errors import Conflict, NotFound
from resilience.cluster.interface import NAMESPACES, Cluster, Object, Resource

OWNER = "resilience/drill"
EXPIRES = "resilience/expires"
HOLDER = "resilience/run"
STORE = "resilience/store"
SNAPSHOT = "resilience/snapshot"
SOURCE = "resilience/source"

WALL = "resilience-drill"
_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
_GONE_WITHIN = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the content of a scratch namespace comes from; `holder` is the run that made it."""

    plan: str
    store: str
    snapshot: str
    source: str
    holder: str = ""


def wall(namespace: str) -> Object:
    """Out: to Pods of the namespace and to port 53. In: from everywhere, as a probe must get in."""
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
    """The namespace for the block; refuses a name that exists and is not an expired one of ours."""
    uid = _created(cluster, name, origin, clock, ttl)
    try:
        cluster.create(_POLICIES, wall(name), name)
        yield name
    finally:
        _deleted(cluster, name, uid)


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
            },
        },
    }
    try:
        created = cluster.create(NAMESPACES, body)
    except Conflict:
        found = cluster.get(NAMESPACES, name)["metadata"]
        held = (found.get("labels") or {}).get(OWNER)
        whose = f"another drill of plan {held} uses it" if held else "it is not a drill's"
        raise RestoreRefused(
            f"namespace {name} exists and {whose}; nothing was touched. Wait for it to end, or "
            "write another `drill.into`"
        ) from None
    return str(created["metadata"]["uid"])


def _deleted(cluster: Cluster, name: str, uid: str) -> bool:
    try:
        cluster.delete(NAMESPACES, name, uid=uid)
    except (NotFound, Conflict):  # gone, or somebody else's by now
        return False
    return True


def sweep(cluster: Cluster, *, clock: Clock) -> list[str]:
    """Delete what earlier drills left and is past its time, and wait until it is gone."""
    swept = []
    for each in cluster.list(NAMESPACES, labels=OWNER):
        metadata = each["metadata"]
        if OWNER in (metadata.get("labels") or {}) and _expired(metadata, clock.now()):
            _deleted(cluster, metadata["name"], metadata["uid"])
            wait_gone(cluster, metadata["name"], clock=clock)
            swept.append(metadata["name"])
    return swept


def _expired(metadata: Mapping[str, Mapping[str, str]], now: datetime) -> bool:
    try:
        return now >= datetime.fromisoformat(metadata.get("annotations", {})[EXPIRES])
    except (KeyError, ValueError):  # somebody edited it: then it is not ours to delete
        return False


def wait_gone(cluster: Cluster, name: str, *, clock: Clock) -> None:
    """`RestoreRefused` when the namespace is still there after two minutes."""
    until = clock.monotonic() + _GONE_WITHIN
    while True:
        try:
            cluster.get(NAMESPACES, name)
        except NotFound:
            return
        if clock.monotonic() >= until:
            raise RestoreRefused(
                f"namespace {name} is still Terminating after "
                f"{_GONE_WITHIN:.0f}s; look at its conditions"
            )
        clock.wait(0.5)
