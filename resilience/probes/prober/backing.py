"""Why a Service may not answer: it has no ready Pods. Checked only when a probe saw no answer.

A selector that matches no Pod, or only Pods that are not ready, looks like a refused connection or
a timeout from outside. The explanation comes from the Service and from the watched Pods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import (
    ENDPOINTSLICES,
    PODS,
    SERVICES,
    Cluster,
    Object,
    Resource,
    View,
)
from resilience.kube import objects, readiness
from resilience.model.words import many

OF_SERVICE = "kubernetes.io/service-name"


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
        return _told(found, pods, _slices(context, found))

    return ask


def _by_hand(service: Object, slices: Sequence[Object]) -> str:
    """A Service without a selector serves what someone wrote into its EndpointSlices."""
    name = objects.name(service)
    mine = [each for each in slices if objects.labels(each).get(OF_SERVICE) == name]
    external = (service.get("spec") or {}).get("type") == "ExternalName"
    if external or any(each.get("endpoints") for each in mine):
        return ""
    what = f"the Service {objects.namespace(service)}/{name} has no endpoints"
    return f"{what}: it has no selector, and no EndpointSlice of it has an address"


def _unnamed(service: Object, pods: Sequence[Object]) -> str:
    """The name of a target port that no container of these Pods has."""
    known = {
        str(each.get("name"))
        for pod in pods
        for container in objects.lasting_containers(pod)
        for each in container.get("ports") or ()
    }
    for port in (service.get("spec") or {}).get("ports") or ():
        target = port.get("targetPort")
        if isinstance(target, str) and target and target not in known:
            return target
    return ""


def _told(service: Object, pods: Any, slices: Sequence[Object]) -> str:
    selector: Mapping[str, str] = (service.get("spec") or {}).get("selector") or {}
    if not selector:
        return _by_hand(service, slices)
    text = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    matching = [pod for pod in pods if selector.items() <= objects.labels(pod).items()]
    name = f"the Service {objects.namespace(service)}/{objects.name(service)}"
    if not matching:
        return f"{name} has no endpoints: {text} matches none of {many(len(pods), 'Pod')} there"
    if not any(readiness.serves(pod) for pod in matching):
        return f"{name} has no endpoints: none of {many(len(matching), 'Pod')} with {text} is ready"
    if port := _unnamed(service, matching):
        return f"{name} has a targetPort `{port}` that no container of Pods {text} names"
    return ""


def _slices(context: Looking, service: Object) -> Sequence[Object]:
    """The EndpointSlices of the namespace, if they decide; () if they may not be read."""
    if (service.get("spec") or {}).get("selector"):
        return ()
    try:
        return context.cluster.list(ENDPOINTSLICES, context.namespace)
    except ClusterError:
        return ()
