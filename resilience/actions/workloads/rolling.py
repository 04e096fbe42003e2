"""Whether a new template makes a workload replace Pods, and which, known before it is changed.

The rules are those of the controllers in k8s.io/kubernetes/pkg/controller: a Deployment that is
paused and an OnDelete strategy replace none, a StatefulSet none below its partition.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.model.values import Reference
from resilience.model.words import many
from resilience.verbs.context import ActionFailed, NothingToDo


def require(reference: Reference, workload: Object) -> None:
    """Raise ActionFailed if the workload would keep all of its Pods: waiting would be useless."""
    spec = workload.get("spec") or {}
    if spec.get("paused"):
        raise ActionFailed(f"{reference} is paused, so it would not roll out; resume it first")
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        raise ActionFailed(f"{reference} has updateStrategy OnDelete, so it would not roll out")
    replicas = spec.get("replicas", 1)
    if replicas == 0:
        raise NothingToDo(f"{reference} wants 0 Pods, so a new template would have no effect")
    if (partition := _partition(workload)) >= replicas:
        raise ActionFailed(
            f"{reference} has {many(replicas, 'Pod')} and partition {partition}, so it would "
            "replace none of them; lower the partition first"
        )


def replaced(workload: Object, pods: Sequence[Object]) -> list[Object]:
    """Those that a new template replaces."""
    first = _partition(workload) + objects.first_ordinal(workload)
    return [pod for pod in pods if not first or objects.ordinal(pod) >= first]


def _partition(workload: Object) -> int:
    if workload.get("kind") != "StatefulSet":
        return 0
    strategy = (workload.get("spec") or {}).get("updateStrategy") or {}
    return int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
