"""Records of a name in cluster DNS: A, SRV, PTR, CNAME and TXT, one after another.

Source: the DNS-based service discovery specification of Kubernetes, as CoreDNS serves it. A Service
of type ExternalName has a CNAME; its A records are those of the name it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience.sandbox.dataplane.dns import cluster_dns
from resilience.sandbox.dataplane.dns.cluster_dns import DOMAIN
from resilience.sandbox.dataplane.forwarding_table import is_headless
from resilience.sandbox.dataplane.service_state import State
from resilience.sandbox.kube.api import Obj

Record = tuple[str, str, str]
"""Owner, type and data, names with their final dot."""
_REVERSE = ".in-addr.arpa"
_VERSION = "1.1.0"
"""The version of the specification, which `dns-version` answers."""


def records(state: State, kind: str, name: str, namespace: str, *, search: bool) -> list[Record]:
    """The records of `name`; with `search` the Pod's search list is applied."""
    name = name.rstrip(".").lower()
    if kind == "PTR":
        return [(f"{name}.", "PTR", f"{host}.") for host in _reverse(state, name)]
    candidates = cluster_dns.candidates(name, namespace) if search else _exact(name)
    for candidate in candidates:
        owner = f"{candidate}.{DOMAIN}."
        found = [(owner, each, data) for each, data in _of(state, kind, candidate)]
        if found:
            return found
    return []


def exists(state: State, name: str) -> bool:
    """Whether a name of the cluster's domain has records of any type, or names below it. CoreDNS
    says that a headless Service without ready endpoints does not exist."""
    name = name.rstrip(".").lower()
    below = name.removesuffix(DOMAIN).removesuffix(".")
    parts = below.split(".") if below else []
    if not parts or parts == ["svc"] or parts == ["pod"]:
        return name == DOMAIN or name.endswith("." + DOMAIN)
    if len(parts) == 2 and parts[1] == "svc":
        return any(key.startswith(f"{parts[0]}/") for key in state.services)
    return any(True for kind in ("A", "SRV", "CNAME", "TXT") for _ in _of(state, kind, below))


def _exact(name: str) -> Iterator[str]:
    if name.endswith("." + DOMAIN):
        yield name.removesuffix("." + DOMAIN)


def _of(state: State, kind: str, name: str) -> Iterator[tuple[str, str]]:
    alias = cluster_dns.external(state, name)
    if kind == "TXT":
        yield from [("TXT", _VERSION)] * (name == "dns-version")
    elif alias is not None:
        if kind in ("A", "CNAME"):
            yield "CNAME", f"{alias}."
        inside = cluster_dns.absolute(state, alias.removesuffix("." + DOMAIN))
        if kind == "A" and alias.endswith("." + DOMAIN):
            yield from (("A", address) for address in inside or ())
    elif kind == "A":
        yield from (("A", address) for address in cluster_dns.absolute(state, name) or ())
    elif kind == "SRV":
        yield from (("SRV", data) for data in _services(state, name))


def _services(state: State, name: str) -> list[str]:
    """`_port._protocol.service.namespace.svc`: priority, weight, port and host of each."""
    port, _, rest = name.partition(".")
    protocol, _, domain = rest.partition(".")
    service = cluster_dns.service_at(state, domain)
    if service is None or not (port.startswith("_") and protocol.startswith("_")):
        return []
    targets = list(_targets(state, service, port[1:], protocol[1:], domain))
    weight = max(1, 100 // max(1, len(targets)))
    return [f"0 {weight} {number} {host}.{DOMAIN}." for number, host in targets]


def _targets(
    state: State, service: Obj, port: str, protocol: str, domain: str
) -> Iterator[tuple[int, str]]:
    def is_asked_for(entry: Obj) -> bool:
        said = (entry.get("protocol") or "TCP").lower()
        return (entry.get("name") or "").lower() == port and said == protocol

    if not is_headless(service):
        for entry in service["spec"].get("ports") or ():
            if is_asked_for(entry):
                yield entry["port"], domain
        return
    found: set[tuple[int, str]] = set()
    for piece in state.slices_of(service):
        numbers = [entry["port"] for entry in piece.get("ports") or () if is_asked_for(entry)]
        for endpoint in piece.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is not False:
                host = endpoint.get("hostname") or endpoint["addresses"][0].replace(".", "-")
                found.update((number, f"{host}.{domain}") for number in numbers)
    yield from sorted(found)


def _reverse(state: State, name: str) -> Iterator[str]:
    """Names of an address: the Service it belongs to, or endpoints with a host name."""
    address = ".".join(reversed(name.removesuffix(_REVERSE).split(".")))
    for service in state.services.values():
        about = service["metadata"]
        domain = f"{about['name']}.{about['namespace']}.svc.{DOMAIN}"
        if service["spec"].get("clusterIP") == address:
            yield domain
        elif is_headless(service):
            for piece in state.slices_of(service):
                for endpoint in piece.get("endpoints") or ():
                    if endpoint.get("hostname") and address in endpoint["addresses"]:
                        yield f"{endpoint['hostname']}.{domain}"
