"""One Pod as an endpoint of one Service: the pure part of rules 3.6.

Sources: k8s.io/endpointslice/utils.go and util/controller_utils.go. A Pod is a member once it has
an address and until its phase is terminal; a terminating one stays a member, not ready, while it
serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_deleting, key_of, labels_of, uid_of
from resilience.sandbox.kube.pod_facts import is_ready, is_terminal, node_of

Endpoint = dict[str, Any]
Port = tuple[tuple[str, Any], ...]
Ports = tuple[Port, ...]
"""The ports of one slice, as sorted pairs, so that slices of equal ports can be grouped."""


def address_of(pod: Obj) -> str:
    """`status.podIP`, "" while there is none."""
    address: str = (pod.get("status") or {}).get("podIP") or ""
    return address


def is_member(pod: Obj) -> bool:
    """Whether the Pod belongs in EndpointSlices at all."""
    return bool(address_of(pod)) and not is_terminal(pod)


def conditions_of(pod: Obj, *, publish_not_ready: bool) -> dict[str, bool]:
    """ready, serving, terminating."""
    serving, terminating = is_ready(pod), is_deleting(pod)
    ready = publish_not_ready or (serving and not terminating)
    return {"ready": ready, "serving": serving, "terminating": terminating}


def endpoint_of(pod: Obj, service: Obj, node_labels: Mapping[str, str]) -> Endpoint:
    """The entry in a slice."""
    namespace, name = key_of(pod)
    publish = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint: Endpoint = {
        "addresses": [address_of(pod)],
        "conditions": conditions_of(pod, publish_not_ready=publish),
        "nodeName": node_of(pod),
        "targetRef": {"kind": "Pod", "name": name, "namespace": namespace, "uid": uid_of(pod)},
    }
    hostname = own_hostname(pod, service)
    if hostname:
        endpoint["hostname"] = hostname
    zone = node_labels.get("topology.kubernetes.io/zone")
    if zone:
        endpoint["zone"] = zone
    return endpoint


def own_hostname(pod: Obj, service: Obj) -> str:
    """The Pod's DNS name under a headless Service, if it has one."""
    spec = pod["spec"]
    if spec.get("subdomain") == service["metadata"]["name"]:
        hostname: str = spec.get("hostname") or ""
        return hostname
    return ""


def ports_of(service: Obj, pod: Obj) -> Ports:
    """The Service's ports as numbers on this Pod; a named port the Pod lacks is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = target_port(port, pod)
        if number is None:
            continue
        entry = {"name": port.get("name") or "", "port": number, "protocol": protocol_of(port)}
        if port.get("appProtocol"):
            entry["appProtocol"] = port["appProtocol"]
        found.append(tuple(sorted(entry.items())))
    return tuple(found)


def target_port(port: Mapping[str, Any], pod: Obj) -> int | None:
    """The number behind one Service port on one Pod (podutil.FindPort)."""
    target = port.get("targetPort")
    if target in (None, 0, ""):
        number: int = port["port"]
        return number
    if isinstance(target, int):
        return target
    sidecars = (
        c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"
    )
    for container in (*pod["spec"]["containers"], *sidecars):
        for offered in container.get("ports") or ():
            if offered.get("name") == target and protocol_of(offered) == protocol_of(port):
                value: int = offered["containerPort"]
                return value
    return None


def protocol_of(port: Mapping[str, Any]) -> str:
    """The protocol, TCP by default."""
    return port.get("protocol") or "TCP"


def matters(old: Obj | None, pod: Obj) -> bool:
    """Whether a change of a Pod can change an endpoint."""
    return old is None or _facts(old) != _facts(pod)


def _facts(pod: Obj) -> tuple[object, ...]:
    spec = pod["spec"]
    return (
        address_of(pod), is_terminal(pod), is_ready(pod), is_deleting(pod), node_of(pod),
        spec.get("hostname"), spec.get("subdomain"), labels_of(pod),
    )  # fmt: skip
