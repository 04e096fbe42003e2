"""The EndpointSliceMirroring controller: slices for Endpoints that a client has written.

Only for Services without a selector; others get their slices from their Pods. A subset becomes one
slice for each family of its addresses. Source: pkg/controller/endpointslicemirroring.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from resilience.sandbox.controllers.endpoints.endpoint_facts import Endpoint, Ports
from resilience.sandbox.controllers.endpoints.endpointslice import MANAGED_BY, SERVICE_NAME
from resilience.sandbox.controllers.podsets.pod_creation import is_namespace_terminating
from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.kube.object_edits import (
    controller_reference,
    is_deleting,
    key_of,
    labels_of,
    uid_of,
)
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller, unless_gone

MANAGER: Final = "endpointslicemirroring-controller.k8s.io"
SKIP: Final = "endpointslice.kubernetes.io/skip-mirror"
LIMIT: Final = 1000
"""Addresses of one subset that are mirrored."""
_LEADER: Final = "control-plane.alpha.kubernetes.io/leader"
_NOT_COPIED: Final = frozenset(
    {
        "endpoints.kubernetes.io/last-change-trigger-time",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)
Group = tuple[str, Ports]
"""The address type and the ports of one slice."""


def desired_of(endpoints: Obj) -> tuple[dict[Group, list[Endpoint]], int, int]:
    """Endpoints by slice, the number of invalid addresses, and the number of addresses beyond the
    limit."""
    found: dict[Group, list[Endpoint]] = {}
    invalid = skipped = 0
    for subset in endpoints.get("subsets") or ():
        ports = _ports(subset)
        addresses = [
            *((entry, True) for entry in subset.get("addresses") or ()),
            *((entry, False) for entry in subset.get("notReadyAddresses") or ()),
        ]
        skipped += max(len(addresses) - LIMIT, 0)
        for entry, ready in addresses[:LIMIT]:
            family, endpoint = _endpoint(entry, ready=ready)
            if endpoint is None:
                invalid += 1
            else:
                found.setdefault((family, ports), []).append(endpoint)
    return found, invalid, skipped


def _ports(subset: Mapping[str, Any]) -> Ports:
    listed = [
        {"name": "", "protocol": "TCP", **{key: value for key, value in port.items()}}
        for port in subset.get("ports") or ()
    ]
    return tuple(sorted(tuple(sorted(port.items())) for port in listed))


def _endpoint(address: Mapping[str, Any], *, ready: bool) -> tuple[str, Endpoint | None]:
    try:
        found = ipaddress.ip_address(address["ip"])
    except ValueError:
        return "", None
    endpoint: Endpoint = {"addresses": [str(found)], "conditions": {"ready": ready}}
    for field in ("targetRef", "nodeName", "hostname"):
        if address.get(field):
            endpoint[field] = address[field]
    return f"IPv{found.version}", endpoint


def is_mirrored(endpoints: Obj) -> bool:
    """Whether slices are made at all: not for Endpoints that opt out, nor for an old leader's
    lock."""
    annotations = endpoints["metadata"].get("annotations") or {}
    return labels_of(endpoints).get(SKIP) != "true" and _LEADER not in annotations


class SliceMirroring(Controller):
    """Keys are Endpoints, and the Services of the same name."""

    name = "endpoint-slice-mirroring-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = context.kind("services")
        self.endpoints = context.kind("endpoints")
        self.kind = context.kind("endpointslices", "discovery.k8s.io")

    def start(self) -> None:
        """Watch Endpoints, Services and slices."""
        self.context.watch(self.endpoints, self._changed)
        self.context.watch(self.services, self._changed)
        self.context.watch(self.kind, self._slice_changed)

    def _changed(self, change: Change) -> None:
        self.enqueue(key_of(change.obj))

    def _slice_changed(self, change: Change) -> None:
        labels = labels_of(change.obj)
        if labels.get(MANAGED_BY) == MANAGER and SERVICE_NAME in labels:
            self.enqueue((change.obj["metadata"]["namespace"], labels[SERVICE_NAME]))

    def reconcile(self, key: Key) -> float | None:
        """One Endpoints object."""
        endpoints = self.api.find(self.endpoints, *key)
        service = self.api.find(self.services, *key)
        existing = self._existing(key)
        if (
            endpoints is None
            or service is None
            or not is_mirrored(endpoints)
            or service["spec"].get("selector")
        ):
            for slice_ in existing:
                self._delete(slice_)
        elif not is_deleting(endpoints):
            self._mirror(endpoints, existing)
        return None

    def _existing(self, key: Key) -> list[Obj]:
        wanted = {SERVICE_NAME: key[1], MANAGED_BY: MANAGER}
        return [slice_ for slice_ in self.api.list(self.kind, key[0], labels=wanted)
                if not is_deleting(slice_)]  # fmt: skip

    def _mirror(self, endpoints: Obj, existing: list[Obj]) -> None:
        desired, invalid, skipped = desired_of(endpoints)
        self._report(endpoints, invalid, skipped)
        spare: list[Obj] = []
        held: dict[Group, Obj] = {}
        for slice_ in existing:
            group = _group(slice_)
            if group in desired and group not in held:
                held[group] = slice_
            else:
                spare.append(slice_)
        for group in sorted(desired):
            slice_or_none = held.get(group) or _taken(spare, group[0])
            self._write(endpoints, group, desired[group], slice_or_none)
        for slice_ in spare:
            self._delete(slice_)

    def _report(self, endpoints: Obj, invalid: int, skipped: int) -> None:
        if invalid:
            text = f"Skipped {invalid} invalid IP addresses when mirroring to EndpointSlices"
            self._warn(endpoints, "InvalidIPAddress", text)
        if skipped:
            text = (
                f"A max of {LIMIT} addresses can be mirrored to EndpointSlices per Endpoints"
                f" subset. {skipped} addresses were skipped"
            )
            self._warn(endpoints, "TooManyAddressesToMirror", text)

    def _warn(self, endpoints: Obj, reason: str, message: str) -> None:
        self.api.event(
            endpoints, type="Warning", reason=reason, message=message, component=self.name
        )

    def _write(
        self, endpoints: Obj, group: Group, wanted: list[Endpoint], slice_: Obj | None
    ) -> None:
        body = self._body(endpoints, group, wanted)
        if slice_ is None:
            self._create(body)
            return
        metadata = {**slice_["metadata"], "labels": body["metadata"]["labels"]}
        metadata.pop("annotations", None)
        if "annotations" in body["metadata"]:
            metadata["annotations"] = body["metadata"]["annotations"]
        fresh = {**slice_, **body, "metadata": metadata}
        if fresh != slice_:
            self.api.update(self.kind, fresh)

    def _body(self, endpoints: Obj, group: Group, wanted: list[Endpoint]) -> Obj:
        namespace, name = key_of(endpoints)
        metadata: dict[str, Any] = {
            "generateName": f"{name}-",
            "namespace": namespace,
            "labels": {**labels_of(endpoints), SERVICE_NAME: name, MANAGED_BY: MANAGER},
            "ownerReferences": [controller_reference(endpoints, self.endpoints)],
        }
        given = endpoints["metadata"].get("annotations") or {}
        kept = {key: value for key, value in given.items() if key not in _NOT_COPIED}
        if kept:
            metadata["annotations"] = kept
        return {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.kind,
            "metadata": metadata,
            "addressType": group[0],
            "endpoints": wanted,
            "ports": [dict(port) for port in group[1]],
        }

    def _create(self, body: Obj) -> None:
        try:
            self.api.create(self.kind, body)
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise

    def _delete(self, slice_: Obj) -> None:
        unless_gone(lambda: self.api.delete(self.kind, *key_of(slice_), uid=uid_of(slice_)))


def _group(slice_: Obj) -> Group:
    ports = tuple(sorted(tuple(sorted(port.items())) for port in slice_.get("ports") or ()))
    return slice_["addressType"], ports


def _taken(spare: list[Obj], family: str) -> Obj | None:
    """A slice of this family that can be reused for other content."""
    for at, slice_ in enumerate(spare):
        if slice_["addressType"] == family:
            return spare.pop(at)
    return None
