"""Waits until a changed workload has new Pods, or says why it cannot create any.

A controller whose Pods the API server refuses (a quota, a policy, a webhook) reports that:
condition ReplicaFailure of Deployments, ReplicaSets and ReplicationControllers
(k8s.io/kubernetes/pkg/controller/deployment, `getReplicaFailures`). That is a failure of the
service, and waiting does not help. StatefulSets and DaemonSets have no such condition.
"""

from __future__ import annotations

from collections.abc import Callable

from resilience.actions.shared.workload import RESOURCES
from resilience.kube import readiness
from resilience.model.values import Reference
from resilience.verbs.context import ActionContext, NotMet

ASK_EVERY = 2.0
"""Seconds between two checks of the conditions."""


def shown(workload: Reference, there: Callable[[], bool], context: ActionContext) -> bool:
    """Whether `there` holds before the deadline. NotMet when the API server refuses the Pods in two
    checks in a row: the first may still see a condition of an earlier rollout."""
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
    return readiness.refusal(obj)
