"""What is missing until a workload is complete, by its status and by its Pods. Pure.

The rules are `kubectl rollout status`'s (kubectl/pkg/polymorphichelpers/rollout_status.go) made
stricter: no old Pod may be left, and as many Pods as wanted must serve in our own watch, because a
status may still tell of the time before a DELETE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from resilience.cluster.interface import (
    DAEMONSETS,
    JOBS,
    REPLICASETS,
    STATEFULSETS,
    Object,
    Resource,
)
from resilience.kube import objects


def wanted(resource: Resource, obj: Object) -> int:
    """How many Pods there should be."""
    if resource == DAEMONSETS:
        return int(_status(obj).get("desiredNumberScheduled", 0))
    return int((obj.get("spec") or {}).get("replicas", 1))


def missing(resource: Resource, obj: Object, pods: Sequence[Object]) -> str:
    """What is not as it should be, "" when all is. `pods` are all of the workload's."""
    if resource == JOBS:
        return _job(obj)
    if objects.is_terminating(obj):
        return "it is being deleted"
    generation = int(objects.metadata(obj).get("generation", 0))
    observed = int(_status(obj).get("observedGeneration", 0))
    if observed < generation:
        return f"its controller has not seen the newest spec ({observed} of {generation})"
    want = wanted(resource, obj)
    if want == 0:
        return "it wants 0 Pods, so being ready would prove nothing"
    serving = sum(objects.serves(pod) for pod in pods)
    wrong = [
        f"{value} {name}" for name, value, least in _counts(resource, obj, want) if value != least
    ]
    if serving < want:
        wrong.append(f"{serving} serving by our own watch")
    return f"expected {want} of {want} Pods, observed " + ", ".join(wrong) if wrong else ""


def summary(resource: Resource, obj: Object) -> str:
    """What is said when nothing is missing."""
    if resource == JOBS:
        return "complete"
    return f"{wanted(resource, obj)} of {wanted(resource, obj)} Pods ready"


def _counts(resource: Resource, obj: Object, want: int) -> Iterator[tuple[str, int, int]]:
    """(word, observed, expected) of each number that the controller reports."""
    status = _status(obj)
    if resource == DAEMONSETS:
        fields = {
            "updatedNumberScheduled": "updated",
            "numberReady": "ready",
            "numberAvailable": "available",
        }
    elif resource == REPLICASETS:
        fields = {"replicas": "present", "readyReplicas": "ready", "availableReplicas": "available"}
    else:
        fields = {
            "replicas": "present",
            "updatedReplicas": "updated",
            "readyReplicas": "ready",
            "availableReplicas": "available",
        }
    expected = {"updatedReplicas": want - _partition(obj)} if resource == STATEFULSETS else {}
    for field, word in fields.items():
        least = expected.get(field, want)
        value = int(status.get(field, 0))
        if resource == STATEFULSETS and field == "updatedReplicas":
            value = min(value, least)
        yield word, value, least


def _partition(obj: Object) -> int:
    strategy = (obj.get("spec") or {}).get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return wanted(STATEFULSETS, obj)
    return int((strategy.get("rollingUpdate") or {}).get("partition", 0))


def _job(obj: Object) -> str:
    if objects.condition(obj, "Complete").get("status") == "True":
        return ""
    failed = objects.condition(obj, "Failed")
    if failed.get("status") == "True":
        return f"it failed: {failed.get('message') or failed.get('reason')}"
    return f"it is not complete ({_status(obj).get('succeeded', 0)} Pods succeeded)"


def _status(obj: Object) -> dict[str, Any]:
    return obj.get("status") or {}
