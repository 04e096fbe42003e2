"""Waits until a workload that was changed shows new Pods, and says why it cannot make any.

A controller whose Pods the API server refuses (a quota, a policy, a webhook) writes that down:
condition ReplicaFailure of Deployments, ReplicaSets and ReplicationControllers
(k8s.io/kubernetes/pkg/controller/deployment, `getReplicaFailures`). That is the service's failure,
not ours, and no waiting helps. StatefulSets and DaemonSets have no such condition.
"""

from __future__ import annotations

from collections.abc import Callable

from resilience.actions.shared.workload import RESOURCES
from resilience.cluster.interface import Object
from resilience.model.values import Reference
from resilience.verbs.context import ActionContext, NotMet

ASK_EVERY = 2.0
"""Seconds between two looks at the conditions."""


def shown(workload: Reference, there: Callable[[], bool], context: ActionContext) -> bool:
    """Whether `there` holds before the deadline. NotMet when the API server refuses the Pods: twice
    in a row, since a condition of an earlier rollout may still be there."""
    refused = ""
    while not context.clock.until(there, min(context.deadline, _next(context))):
        again = _refusal(workload, context)
        if again and again == refused:
            raise NotMet(f"{workload} cannot make a Pod: {again}", final=True)
        refused = again
        if context.clock.monotonic() >= context.deadline:
            return False
    return True


def _next(context: ActionContext) -> float:
    return context.clock.monotonic() + ASK_EVERY


def _refusal(workload: Reference, context: ActionContext) -> str:
    obj = context.cluster.get(RESOURCES[workload.kind], workload.name, context.namespace)
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((_message(each) for each in conditions if _refuses(each)), "")


def _refuses(condition: Object) -> bool:
    return condition.get("type") == "ReplicaFailure" and condition.get("status") == "True"


def _message(condition: Object) -> str:
    return str(condition.get("message") or condition.get("reason") or "ReplicaFailure")
