"""The names, addresses and ports by which Services, Pods and nodes are reached. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.cluster.interface import Object
from resilience.kube.service_names import address

DNS_NAMES = "external-dns.alpha.kubernetes.io/hostname"


def service_addresses(service: Object) -> set[str]:
    """In the cluster, external, and of its load balancer."""
    spec = service.get("spec") or {}
    found = [*(spec.get("clusterIPs") or [spec.get("clusterIP")]), *(spec.get("externalIPs") or ())]
    found += [spec.get("loadBalancerIP"), *(each.get("ip") for each in _balancers(service))]
    return {_plain(each) for each in found if each and each != "None"}


def hostnames(service: Object) -> set[str]:
    """Of its load balancer, and those that an external DNS publishes."""
    noted = (service["metadata"].get("annotations") or {}).get(DNS_NAMES, "")
    found = [*(each.get("hostname") for each in _balancers(service)), *noted.split(",")]
    return {str(each).strip().lower().rstrip(".") for each in found if each}


def service_ports(service: Object) -> set[int]:
    """On which it listens."""
    return {each["port"] for each in (service.get("spec") or {}).get("ports") or ()}


def node_names(node: Object) -> set[str]:
    """Its name, and all addresses and names of its status."""
    found = [each.get("address") for each in (node.get("status") or {}).get("addresses") or ()]
    return {_plain(each) for each in (node["metadata"]["name"], *found) if each}


def pod_addresses(pod: Object) -> set[str]:
    """Those of its node among them, if it shares its node's network."""
    status = pod.get("status") or {}
    found = status.get("podIPs") or [{"ip": status.get("podIP")}]
    return {_plain(each["ip"]) for each in found if each.get("ip")}


def own_addresses(pod: Object) -> set[str]:
    """Nobody else's."""
    return set() if (pod.get("spec") or {}).get("hostNetwork") else pod_addresses(pod)


def pod_ports(pod: Object) -> set[int]:
    """Those of its node that lead to it."""
    return set(_pod_ports(pod))


def _pod_ports(pod: Object) -> Iterator[int]:
    spec = pod.get("spec") or {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        for port in container.get("ports") or ():
            number = port.get("containerPort") if spec.get("hostNetwork") else port.get("hostPort")
            if number:
                yield int(number)


def endpoints(obj: Object) -> Iterator[str]:
    """Addresses and names in an EndpointSlice or in Endpoints."""
    for each in obj.get("endpoints") or ():
        yield from map(_plain, each.get("addresses") or ())
    for subset in obj.get("subsets") or ():
        for key in ("addresses", "notReadyAddresses"):
            yield from (_plain(each["ip"]) for each in subset.get(key) or () if each.get("ip"))


def _plain(text: str) -> str:
    """One form of an address or a name."""
    return str(address(text) or text.lower().rstrip("."))


def _balancers(service: Object) -> list[dict[str, str]]:
    return ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
