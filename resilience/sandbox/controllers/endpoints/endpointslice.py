"""The EndpointSlice controller: endpoints of Services with a selector (rules 3.6).

Slices are owned by their Service, named SERVICE-xxxxx and grouped by ports, as Pods may resolve a
named target port differently. A Service without Pods has one empty slice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from resilience.sandbox.controllers.endpoints.endpoint_facts import (
    Endpoint,
    Ports,
    endpoint_of,
    is_member,
    ports_of,
)
from resilience.sandbox.controllers.endpoints.service_controller import (
    ServingController,
    is_managed,
)
from resilience.sandbox.controllers.endpoints.slice_plan import plan
from resilience.sandbox.kube.api import Change, Obj
from resilience.sandbox.kube.object_edits import (
    controller_reference,
    is_deleting,
    key_of,
    labels_of,
    uid_of,
)
from resilience.sandbox.kube.pod_facts import node_of
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, unless_gone

SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
MANAGER: Final = "endpointslice-controller.k8s.io"
HEADLESS: Final = "service.kubernetes.io/headless"


class EndpointSliceController(ServingController):
    """See the module."""

    name = "endpoint-slice-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("endpointslices", "discovery.k8s.io")
        self.nodes = context.kind("nodes")

    def start(self) -> None:
        """Watch Services, Pods and slices."""
        super().start()
        self.context.watch(self.kind, self._slice_changed)

    def reconcile(self, key: Key) -> float | None:
        """One Service."""
        service = self.api.find(self.services, *key)
        if service is None or is_deleting(service) or not is_managed(service):
            return None
        desired = self._desired(service)
        existing = self._existing(service)
        if not desired:
            # A placeholder distinguishes "no endpoints" from "not processed yet".
            self._write_placeholder(service, existing)
            return None
        for ports in sorted({*desired, *existing}):
            slices = existing.get(ports, [])
            self._write(service, ports, slices, desired.get(ports, {}))
        return None

    def _slice_changed(self, change: Change) -> None:
        labels = labels_of(change.obj)
        if labels.get(MANAGED_BY) == MANAGER and SERVICE_NAME in labels:
            self.enqueue((change.obj["metadata"]["namespace"], labels[SERVICE_NAME]))

    def _desired(self, service: Obj) -> dict[Ports, dict[str, Endpoint]]:
        desired: dict[Ports, dict[str, Endpoint]] = {}
        for pod in self.members.pods(key_of(service)):
            if is_member(pod):
                ports = ports_of(service, pod)
                desired.setdefault(ports, {})[uid_of(pod)] = self._endpoint(service, pod)
        return desired

    def _endpoint(self, service: Obj, pod: Obj) -> Endpoint:
        node = self.api.find(self.nodes, "", node_of(pod))
        return endpoint_of(pod, service, labels_of(node) if node is not None else {})

    def _existing(self, service: Obj) -> dict[Ports, list[Obj]]:
        """This Service's slices by ports; those of another address type or owner are excluded."""
        wanted = {SERVICE_NAME: service["metadata"]["name"], MANAGED_BY: MANAGER}
        found: dict[Ports, list[Obj]] = {}
        owned = self.api.list(self.kind, service["metadata"]["namespace"], owner=uid_of(service))
        for slice_ in owned:
            if not is_deleting(slice_) and wanted.items() <= labels_of(slice_).items():
                ports = tuple(tuple(sorted(p.items())) for p in slice_.get("ports") or ())
                found.setdefault(ports, []).append(slice_)
        return found

    def _write(
        self, service: Obj, ports: Ports, slices: Sequence[Obj], desired: Mapping[str, Endpoint]
    ) -> None:
        by_name = {s["metadata"]["name"]: s for s in slices}
        todo = plan({n: s.get("endpoints") or [] for n, s in by_name.items()}, desired)
        labels = slice_labels(service)
        for name in todo.delete:
            self._delete(by_name[name])
        for name, slice_ in by_name.items():
            relabel = labels_of(slice_) != labels and name not in todo.delete
            if name in todo.update or relabel:
                endpoints = todo.update.get(name, slice_.get("endpoints") or [])
                metadata = {**slice_["metadata"], "labels": labels}
                self.api.update(self.kind, {**slice_, "metadata": metadata, "endpoints": endpoints})
        for endpoints in todo.create:
            self._create(service, ports, endpoints)

    def _write_placeholder(self, service: Obj, existing: Mapping[Ports, Sequence[Obj]]) -> None:
        slices = [slice_ for group in existing.values() for slice_ in group]
        empty = next((s for s in slices if not s.get("ports") and not s.get("endpoints")), None)
        for slice_ in slices:
            if slice_ is not empty:
                self._delete(slice_)
        if empty is None:
            self._create(service, (), [])

    def _create(self, service: Obj, ports: Ports, endpoints: list[Endpoint]) -> None:
        namespace, name = key_of(service)
        metadata: dict[str, Any] = {
            "generateName": f"{name}-",
            "namespace": namespace,
            "labels": slice_labels(service),
            "ownerReferences": [controller_reference(service, self.services)],
        }
        body = {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.kind,
            "metadata": metadata,
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [dict(port) for port in ports],
        }
        self.create(body)

    def _delete(self, slice_: Obj) -> None:
        unless_gone(lambda: self.api.delete(self.kind, *key_of(slice_), uid=uid_of(slice_)))


def slice_labels(service: Obj) -> dict[str, str]:
    """Labels of a Service's slices: its own, the Service's name, the manager."""
    own = {SERVICE_NAME: service["metadata"]["name"], MANAGED_BY: MANAGER}
    if service["spec"].get("clusterIP") == "None":
        own[HEADLESS] = ""
    return {**labels_of(service), **own}
