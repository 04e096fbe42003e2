"""Cluster IPs and node ports of Services: allocated, checked, kept over updates, released.

Source: pkg/registry/core/service/storage/{alloc,storage}.go. The range is the upper half
of the sandbox's own /16; 127.SLOT.128.1 goes to `kubernetes` in `default`, as the first address of
the range does in a real cluster.
"""

from __future__ import annotations

import ipaddress
import random
from typing import Any

from resilience.sandbox.apiserver.admission.pod_defaults import Spec, mappings
from resilience.sandbox.apiserver.admission.services import service_families
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.patch.fieldset import key_of

_PORTS = range(30000, 32768)
_WITH_PORTS = ("NodePort", "LoadBalancer")


class ServiceAddresses:
    """Follows every committed Service, so that its record of used addresses is always current."""

    def __init__(self, network: str) -> None:
        self._first = int(ipaddress.IPv4Address(f"{network}.128.1"))
        self._last = int(ipaddress.IPv4Address(f"{network}.255.254"))
        self._used: dict[str, tuple[str, str]] = {}
        self._ports: dict[int, tuple[str, str]] = {}
        self._chance = random.Random(self._first)

    def follow(self, change: Change) -> None:
        """Record one committed change of a Service."""
        if change.old is not None:
            self._forget(change.old)
        if change.type != "DELETED":
            key = _key(change.obj)
            address = (change.obj.get("spec") or {}).get("clusterIP")
            if address and address != "None":
                self._used[address] = key
            for port in _node_ports(change.obj):
                self._ports[port] = key

    def admit(self, request: Request) -> None:
        """Allocate addresses for a new or changed Service, or refuse those it requests."""
        spec = request.obj.get("spec")
        if not isinstance(spec, dict):
            return
        old = (request.old or {}).get("spec") or {}
        if request.old is not None:
            self._keep(request, spec, old)
        given = set(spec)
        if causes := service_families.settle(spec, old):
            raise refusals.invalid(request.resource, request.name, causes)
        self._address(request, spec)
        filled = set(service_families.FIELDS) - given
        request.unowned.update(("f:spec", f"f:{field}") for field in filled)
        self._node_port_numbers(request, spec, old)
        self._health_check_port(request, spec, old)

    def _keep(self, request: Request, spec: Spec, old: Spec) -> None:
        """An update without an address keeps the current one; it may not request a different
        one."""
        kinds = service_families.WITH_IP
        same = spec.get("type") in kinds and old.get("type") in kinds
        if same and not spec.get("clusterIP"):
            for field in ("clusterIP", "clusterIPs"):
                if field in old:
                    spec[field] = old[field]
        if same and old.get("clusterIP") and spec.get("clusterIP") != old["clusterIP"]:
            raise refusals.invalid(
                request.resource,
                request.name,
                [
                    refusals.value_invalid(
                        "spec.clusterIPs[0]",
                        [spec.get("clusterIP")],
                        "may not change once set",
                    )
                ],
            )

    def _address(self, request: Request, spec: Spec) -> None:
        if spec.get("type") not in service_families.WITH_IP:
            spec.pop("internalTrafficPolicy", None)
            return
        wanted = spec.get("clusterIP")
        if not wanted:
            spec["clusterIP"] = self._free(request)
        elif wanted != "None":
            self._check(request, str(wanted))
        spec["clusterIPs"] = [spec["clusterIP"]]
        if wanted == "None" and spec.get("sessionAffinity") == "ClientIP":
            request.call.warnings.append("spec.SessionAffinity is ignored for headless services")

    def _free(self, request: Request) -> str:
        if (request.namespace, request.name) == ("default", "kubernetes"):
            return str(ipaddress.IPv4Address(self._first))
        for _ in range(64):
            # The first two hundred stay free for Services that request an address (kube-dns does).
            address = str(
                ipaddress.IPv4Address(self._chance.randint(self._first + 200, self._last))
            )
            if address not in self._used and not address.endswith((".0", ".255")):
                return address
        for number in range(self._first + 1, self._last):
            address = str(ipaddress.IPv4Address(number))
            if address not in self._used:
                return address
        raise ApiError(
            500,
            "InternalError",
            "Internal error occurred: failed to allocate a serviceIP: range is full",
        )

    def _check(self, request: Request, wanted: str) -> None:
        owner = self._used.get(wanted)
        if owner == (request.namespace, request.name):
            return
        why = "provided IP is already allocated" if owner else ""
        if not self._first <= int(ipaddress.IPv4Address(wanted)) <= self._last:
            why = (
                "failed to allocate IP " + wanted + ": the provided IP is not in the valid"
                f" range. The range of valid IPs is {self._range()}"
            )
        if why:
            raise refusals.invalid(
                request.resource,
                request.name,
                [refusals.value_invalid("spec.clusterIPs", [wanted], why)],
            )

    def _range(self) -> str:
        return f"{ipaddress.IPv4Address(self._first - 1)}/17"

    def _node_port_numbers(self, request: Request, spec: Spec, old: Spec) -> None:
        ports = list(mappings(spec.get("ports")))
        if spec.get("type") not in _WITH_PORTS:
            for port in ports:
                port.pop("nodePort", None)
            return
        key = (request.namespace, request.name)
        before = {
            (port.get("port"), port.get("protocol")): port.get("nodePort")
            for port in mappings(old.get("ports"))
        }
        for at, port in enumerate(ports):
            wanted = port.get("nodePort") or before.get((port.get("port"), port.get("protocol")))
            if wanted:
                self._check_port(request, at, wanted, key)
            elif not _is_given_ports(spec):
                continue
            else:
                wanted = self._free_port(spec)
                item = key_of(port, ("port", "protocol"))
                request.unowned.add(("f:spec", "f:ports", item, "f:nodePort"))
            port["nodePort"] = wanted

    def _health_check_port(self, request: Request, spec: Spec, old: Spec) -> None:
        """The port where each node says whether it has a Pod of the Service (alloc.go,
        allocHealthCheckNodePort)."""
        before = old.get("healthCheckNodePort") if _is_checked(old) else None
        wanted = spec.get("healthCheckNodePort")
        if not _is_checked(spec):
            if wanted == before:
                spec.pop("healthCheckNodePort", None)
            return
        if not wanted:
            request.unowned.add(("f:spec", "f:healthCheckNodePort"))
            spec["healthCheckNodePort"] = before or self._free_port(spec)
        elif before and wanted != before:
            why = refusals.value_invalid("spec.healthCheckNodePort", wanted, "field is immutable")
            raise refusals.invalid(request.resource, request.name, [why])
        elif self._ports.get(wanted) not in (None, (request.namespace, request.name)):
            raise ApiError(
                500,
                "InternalError",
                f"Internal error occurred: failed to allocate requested HealthCheck NodePort "
                f"{wanted}: provided port is already allocated",
            )

    def _free_port(self, spec: Spec) -> int:
        taken = {*self._ports, *_node_ports({"spec": spec})}
        return next(
            number for number in self._chance.sample(_PORTS, len(_PORTS)) if number not in taken
        )

    def _check_port(self, request: Request, at: int, wanted: Any, key: tuple[str, str]) -> None:
        why = ""
        if wanted not in _PORTS:
            why = "provided port is not in the valid range. The range of valid ports is 30000-32767"
        elif self._ports.get(wanted, key) != key:
            why = "provided port is already allocated"
        if why:
            raise refusals.invalid(
                request.resource,
                request.name,
                [refusals.value_invalid(f"spec.ports[{at}].nodePort", wanted, why)],
            )

    def _forget(self, obj: Obj) -> None:
        self._used.pop((obj.get("spec") or {}).get("clusterIP") or "", None)
        for port in _node_ports(obj):
            self._ports.pop(port, None)


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _is_given_ports(spec: Spec) -> bool:
    """Whether it gets node ports that it does not request (alloc.go, shouldAllocateNodePorts)."""
    return spec.get("type") == "NodePort" or spec.get("allocateLoadBalancerNodePorts") is not False


def _is_checked(spec: Spec) -> bool:
    """Whether load balancers ask the nodes for its health (pkg/api/service/util.go)."""
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _node_ports(obj: Obj) -> list[int]:
    spec = obj.get("spec") or {}
    ports = [port["nodePort"] for port in mappings(spec.get("ports")) if port.get("nodePort")]
    return ports + [port for port in (spec.get("healthCheckNodePort"),) if port]
