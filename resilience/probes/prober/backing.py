"""Why a Service may not answer: it has no ready Pods. Checked only when a probe saw no answer.

A selector that matches no Pod, or only Pods that are not ready, looks like a refused connection or
a timeout from outside. The explanation comes from the Service and from the watched Pods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import PODS, SERVICES, Cluster, Object, Resource, View
from resilience.kube import objects, readiness
from resilience.model.words import many


class Looking(Protocol):
    """What is needed of a step's context."""

    @property
    def cluster(self) -> Cluster: ...
    @property
    def namespace(self) -> str: ...
    def view(self, resource: Resource, namespace: str = "") -> View: ...


def doubt(context: Looking, service: str, namespace: str) -> Callable[[], str]:
    """A function that says later what is wrong behind that Service; "" when nothing is, or when the
    Service is not in the scenario's own namespace, since only that namespace's Pods are watched."""

    def ask() -> str:
        if not service or namespace not in ("", context.namespace):
            return ""
        try:
            found = context.cluster.get(SERVICES, service, context.namespace)
        except ClusterError:
            return ""
        pods = context.view(PODS, context.namespace).objects()
        return _told(found, pods)

    return ask


def _told(service: Object, pods: Any) -> str:
    selector: Mapping[str, str] = (service.get("spec") or {}).get("selector") or {}
    if not selector:
        return ""
    text = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    matching = [pod for pod in pods if selector.items() <= objects.labels(pod).items()]
    name = f"the Service {objects.namespace(service)}/{objects.name(service)}"
    if not matching:
        return f"{name} has no endpoints: {text} matches none of {many(len(pods), 'Pod')} there"
    if not any(readiness.serves(pod) for pod in matching):
        return f"{name} has no endpoints: none of {many(len(matching), 'Pod')} with {text} is ready"
    return ""
