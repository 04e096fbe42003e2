"""The ReplicaSet's arithmetic: how many Pods to create or delete, and its status.

Pure functions over a `Tally`. Source: pkg/controller/replicaset/{replica_set,replica_set_utils}.go
of Kubernetes 1.36; rules 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import drop_condition, set_condition
from resilience.sandbox.reconcile.pod_index import PodClass, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Replicas of one ReplicaSet in each state that its status reports."""

    replicas: int
    labelled: int
    ready: int
    available: int
    terminating: int


def count(tally: Tally, template_labels: Mapping[str, str], available: int | None = None) -> Counts:
    """Fold the classes; `available` is given if readiness has to last first."""
    wanted = set(template_labels.items())
    ready = _sum(tally, lambda kind: kind.active and kind.ready)
    return Counts(
        replicas=_sum(tally, lambda kind: kind.active),
        labelled=_sum(tally, lambda kind: kind.active and wanted <= set(kind.labels)),
        ready=ready,
        available=ready if available is None else available,
        terminating=_sum(tally, lambda kind: kind.terminating),
    )


def difference(rs: Obj, counts: Counts) -> int:
    """Pods to create (positive) or delete (negative); 0 while the ReplicaSet is being deleted."""
    if rs["metadata"].get("deletionTimestamp"):
        return 0
    wanted: int = rs["spec"].get("replicas", 1)
    return wanted - counts.replicas


def status_of(
    rs: Obj, counts: Counts, failure: tuple[str, str] | None, now: float
) -> dict[str, Any]:
    """The whole status; `failure` is the reason and message of condition ReplicaFailure."""
    old = rs.get("status") or {}
    conditions = list(old.get("conditions") or ())
    if failure is None:
        conditions = drop_condition(conditions, "ReplicaFailure")
    elif not any(entry.get("type") == "ReplicaFailure" for entry in conditions):
        conditions = set_condition(conditions, "ReplicaFailure", "True", *failure, now)
    status: dict[str, Any] = {
        "replicas": counts.replicas,
        "fullyLabeledReplicas": counts.labelled,
        "readyReplicas": counts.ready,
        "availableReplicas": counts.available,
    }
    # Go's omitempty: a zero count is absent on the wire, `replicas` and the pointer-typed
    # terminatingReplicas are not.
    status = {k: v for k, v in status.items() if v or k == "replicas"}
    status["terminatingReplicas"] = counts.terminating
    status["observedGeneration"] = rs["metadata"].get("generation", 1)
    if conditions:
        status["conditions"] = conditions
    return status


def _sum(tally: Tally, holds: Any) -> int:
    return sum(number for kind, number in tally.items() if holds(kind))


__all__ = ["Counts", "PodClass", "count", "difference", "status_of"]
