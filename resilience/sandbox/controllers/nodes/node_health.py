"""Node health as pure rules: conditions to taints, silence to Unknown, zones to states.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go of Kubernetes 1.36; rules 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import condition, labels_of
from resilience.sandbox.kube.taints import NO_EXECUTE, NO_SCHEDULE
from resilience.sandbox.kube.times import stamp

GRACE: Final = 50.0
STARTUP_GRACE: Final = 60.0
MONITOR_PERIOD: Final = 5.0
EVICTION_PERIOD: Final = 10.0
"""Seconds between two nodes of one zone that get the NoExecute taint: 0.1 node/s."""
LARGE_ZONE: Final = 50
SLOW_PERIOD: Final = 100.0
PARTIAL_SHARE: Final = 0.55

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"
EXCLUDE_DISRUPTION: Final = "node.kubernetes.io/exclude-disruption"

_PRESSURES: Final = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
_SCHEDULE_KEYS: Final = {NOT_READY, UNREACHABLE, UNSCHEDULABLE, *_PRESSURES.values()}
_OBSERVED: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")

Taints = list[Mapping[str, Any]]


class Zone(Enum):
    """The state of a zone."""

    NORMAL = "Normal"
    PARTIAL = "PartialDisruption"
    FULL = "FullDisruption"


def ready_status(node: Obj) -> str:
    """ "True", "False" or "Unknown"; "" before the kubelet first reported."""
    found = condition(node, "Ready")
    return str(found["status"]) if found is not None else ""


def wanted_schedule_taints(node: Obj) -> list[str]:
    """Keys of the NoSchedule taints that follow from conditions and cordon."""
    ready = ready_status(node)
    keys = [UNREACHABLE] if ready == "Unknown" else [] if ready == "True" else [NOT_READY]
    for type, key in _PRESSURES.items():
        found = condition(node, type)
        if found is not None and found["status"] == "True":
            keys.append(key)
    if node["spec"].get("unschedulable"):
        keys.append(UNSCHEDULABLE)
    return keys


def with_schedule_taints(node: Obj, now: float) -> Taints | None:
    """The node's taints updated from its conditions; None if they already match."""
    wanted = wanted_schedule_taints(node)
    taints: Taints = list(node["spec"].get("taints") or ())
    kept = [
        t
        for t in taints
        if t["effect"] != NO_SCHEDULE or t["key"] not in _SCHEDULE_KEYS or t["key"] in wanted
    ]
    have = {t["key"] for t in kept if t["effect"] == NO_SCHEDULE}
    new = [_taint(key, NO_SCHEDULE, now) for key in wanted if key not in have]
    result = [*kept, *new]
    return None if result == taints else result


def execute_taint(node: Obj) -> str | None:
    """Key of the NoExecute taint that follows from the Ready condition."""
    ready = ready_status(node)
    return {"Unknown": UNREACHABLE, "False": NOT_READY}.get(ready)


def with_execute_taint(node: Obj, key: str | None, now: float) -> Taints | None:
    """Taints with exactly that NoExecute taint of the two; None if they already are so."""
    taints: Taints = list(node["spec"].get("taints") or ())
    kept = [
        t
        for t in taints
        if t["effect"] != NO_EXECUTE or t["key"] not in (NOT_READY, UNREACHABLE) or t["key"] == key
    ]
    have = any(t["effect"] == NO_EXECUTE and t["key"] == key for t in kept)
    result = kept if key is None or have else [*kept, _taint(key, NO_EXECUTE, now)]
    return None if result == taints else result


def silenced_conditions(node: Obj, now: float) -> list[Mapping[str, Any]]:
    """Conditions of a silent node: everything the kubelet reports becomes Unknown."""
    conditions = list((node.get("status") or {}).get("conditions") or ())
    for type in _OBSERVED:
        old = next((c for c in conditions if c["type"] == type), None)
        if old is not None and old["status"] == "Unknown":
            continue
        reason, text = (
            ("NodeStatusUnknown", "Kubelet stopped posting node status.")
            if old is not None
            else ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
        )
        new: dict[str, Any] = {
            "type": type,
            "status": "Unknown",
            "lastHeartbeatTime": old.get("lastHeartbeatTime") if old is not None else stamp(now),
            "lastTransitionTime": stamp(now),
            "reason": reason,
            "message": text,
        }
        if old is None:
            conditions.append(new)
        else:
            conditions = [new if entry is old else entry for entry in conditions]
    return conditions


def zone_of(node: Obj) -> str:
    """Region and zone; "" for nodes without these labels, which together form one zone."""
    labels = labels_of(node)
    region = labels.get("topology.kubernetes.io/region", "")
    zone = labels.get("topology.kubernetes.io/zone", "")
    return f"{region}:\x00:{zone}" if region or zone else ""


def counts_for_disruption(node: Obj) -> bool:
    """Whether a node counts when a zone's state is judged."""
    return EXCLUDE_DISRUPTION not in labels_of(node)


def zone_state(ready: Sequence[bool]) -> Zone:
    """State of a zone from its nodes' readiness."""
    bad = sum(not one for one in ready)
    if bad and bad == len(ready):
        return Zone.FULL
    if bad > 2 and bad / len(ready) >= PARTIAL_SHARE:
        return Zone.PARTIAL
    return Zone.NORMAL


def eviction_period(
    states: Mapping[str, Zone], sizes: Mapping[str, int], zone: str
) -> float | None:
    """Seconds between two taintings in a zone; None when tainting has stopped."""
    if states and all(state is Zone.FULL for state in states.values()):
        return None
    if states.get(zone, Zone.NORMAL) is Zone.PARTIAL:
        return SLOW_PERIOD if sizes.get(zone, 0) > LARGE_ZONE else None
    return EVICTION_PERIOD


def states_of(nodes: Iterable[Obj]) -> dict[str, Zone]:
    """State of every zone."""
    readiness: dict[str, list[bool]] = {}
    for node in nodes:
        zone = readiness.setdefault(zone_of(node), [])
        if counts_for_disruption(node):
            zone.append(ready_status(node) == "True")
    return {zone: zone_state(ready) for zone, ready in readiness.items()}


def _taint(key: str, effect: str, now: float) -> dict[str, Any]:
    return {"key": key, "effect": effect, "timeAdded": stamp(now)}
