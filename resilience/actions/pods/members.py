"""The current Pods of a workload, as the run's own watches show them."""

from __future__ import annotations

from resilience.cluster.interface import PODS, REPLICASETS, Object
from resilience.kube import objects
from resilience.verbs.context import Context


def pods_of(workload: Object, context: Context) -> list[Object]:
    """Pods whose chain of controllers leads to the workload, including terminating ones, sorted by
    name."""
    owners = {objects.uid(workload)}
    if workload.get("kind") == "Deployment":
        owners |= {
            objects.uid(replicaset)
            for replicaset in context.view(REPLICASETS, context.namespace).objects()
            if objects.controller_uid(replicaset) == objects.uid(workload)
        }
    pods = context.view(PODS, context.namespace).objects()
    return [pod for pod in pods if objects.controller_uid(pod) in owners]


def living(workload: Object, context: Context) -> list[Object]:
    """Those that neither leave nor have finished."""
    return [pod for pod in pods_of(workload, context)
            if not objects.is_terminating(pod) and not objects.is_finished(pod)]  # fmt: skip
