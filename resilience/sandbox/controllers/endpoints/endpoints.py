"""The Endpoints controller: the older form of endpoints that many clients still read.

Terminating Pods are left out (unless the Service publishes Pods that are not ready), and at most
1,000 addresses are kept, with the annotation that says so. Source: pkg/controller/endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from resilience.sandbox.controllers.endpoints.endpoint_facts import (
    address_of,
    is_member,
    own_hostname,
    ports_of,
)
from resilience.sandbox.controllers.endpoints.endpointslice import HEADLESS
from resilience.sandbox.controllers.endpoints.service_controller import (
    ServingController,
    is_managed,
)
from resilience.sandbox.kube.api import Change, Obj
from resilience.sandbox.kube.object_edits import is_deleting, key_of, labels_of, uid_of
from resilience.sandbox.kube.pod_facts import is_ready, node_of
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context

LIMIT: Final = 1000
OVER_CAPACITY: Final = "endpoints.kubernetes.io/over-capacity"
MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
MANAGER: Final = "endpoint-controller"

Subsets = list[dict[str, Any]]


def subsets_of(service: Obj, pods: Iterable[Obj]) -> tuple[Subsets, bool]:
    """Subsets grouped by ports, and whether addresses were left out."""
    publish = bool(service["spec"].get("publishNotReadyAddresses"))
    groups: dict[Any, dict[str, list[dict[str, Any]]]] = {}
    number = 0
    for pod in pods:
        if not is_member(pod) or (is_deleting(pod) and not publish):
            continue
        number += 1
        if number > LIMIT:
            continue
        field = "addresses" if publish or is_ready(pod) else "notReadyAddresses"
        group = groups.setdefault(ports_of(service, pod), {})
        group.setdefault(field, []).append(_address(service, pod))
    return [_subset(ports, groups[ports]) for ports in sorted(groups)], number > LIMIT


def _address(service: Obj, pod: Obj) -> dict[str, Any]:
    namespace, name = key_of(pod)
    address: dict[str, Any] = {
        "ip": address_of(pod),
        "nodeName": node_of(pod),
        "targetRef": {"kind": "Pod", "name": name, "namespace": namespace, "uid": uid_of(pod)},
    }
    hostname = own_hostname(pod, service)
    return {**address, "hostname": hostname} if hostname else address


def _subset(ports: Any, group: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    subset: dict[str, Any] = {
        field: sorted(addresses, key=lambda a: (a["ip"], a["targetRef"]["name"]))
        for field, addresses in group.items()
    }
    listed = [{k: v for k, v in port if v != ""} for port in ports]
    return {**subset, "ports": listed} if listed else subset


class EndpointsController(ServingController):
    """See the module."""

    name = "endpoint-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("endpoints")

    def start(self) -> None:
        """Watch Services, Pods and Endpoints."""
        super().start()
        self.context.watch(self.kind, self._endpoints_changed)

    def reconcile(self, key: Key) -> float | None:
        """One Service."""
        service = self.api.find(self.services, *key)
        current = self.api.find(self.kind, *key)
        if service is None:
            if current is not None and labels_of(current).get(MANAGED_BY) == MANAGER:
                self.api.delete(self.kind, *key)
            return None
        if not is_managed(service):
            return None
        subsets, over = subsets_of(service, self.members.pods(key))
        labels = {**labels_of(service), MANAGED_BY: MANAGER}
        if service["spec"].get("clusterIP") == "None":
            labels[HEADLESS] = ""
        self._write(key, current, subsets, labels, {OVER_CAPACITY: "truncated"} if over else {})
        return None

    def _write(
        self,
        key: Key,
        current: Obj | None,
        subsets: Subsets,
        labels: dict[str, str],
        annotations: dict[str, str],
    ) -> None:
        metadata = {"namespace": key[0], "name": key[1], "labels": labels}
        if annotations:
            metadata["annotations"] = annotations
        body: Obj = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata}
        if subsets:
            body["subsets"] = subsets
        if current is None:
            self.create(body)
        elif (current.get("subsets") or []) != subsets or labels_of(current) != labels:
            self.api.update(self.kind, {**body, "metadata": {**current["metadata"], **metadata}})

    def _endpoints_changed(self, change: Change) -> None:
        if change.old is not None:
            self.enqueue(key_of(change.obj))
