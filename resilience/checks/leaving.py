"""Pods that were being deleted before the run began: nobody waits for them to be ready again.

A kubelet that is lost never confirms the deletion, and a grace period can be hours long. Their
owner has replaced them, or will not; where its kind is unknown, only that they were leaving before
tells them from Pods that this run, or someone during it, took away.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.cluster.interface import PODS, Object
from resilience.kube import objects
from resilience.verbs.context import CheckContext


def without(pods: Sequence[Object], context: CheckContext) -> list[Object]:
    """The Pods without those that were terminating when the run first saw them."""
    if not any(objects.is_terminating(pod) for pod in pods):
        return list(pods)
    first: dict[str, Object] = {}
    for event in context.history(PODS):
        first.setdefault(objects.uid(event.object), event.object)
    return [pod for pod in pods if not objects.is_terminating(first.get(objects.uid(pod), {}))]
