"""NetworkPolicy as a pure function: whether a connection is allowed.

Rules of networking.k8s.io/v1: a Pod that no policy selects for a direction is open in it; a
selected one is open only to what some rule allows. Both ends must agree: egress of the source and
ingress of the target.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.labels import matches

Direction = Literal["Ingress", "Egress"]
PEERS = {"Ingress": "from", "Egress": "to"}
DNS_PORT = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One end of a connection; without a namespace it is outside the cluster."""

    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    """Container ports by name."""


CLUSTER_DNS = Peer(
    address="",
    namespace="kube-system",
    labels={"k8s-app": "kube-dns"},
    namespace_labels={"kubernetes.io/metadata.name": "kube-system"},
    ports={"dns": DNS_PORT},
)
"""Where name resolution goes, for the rules: the sandbox's resolver has no Pod of its own."""


def allows(policies: Iterable[Obj], source: Peer, target: Peer, port: int, protocol: str) -> bool:
    """Whether `source` may open a connection to `port` of `target`."""
    policies = list(policies)
    leaves = _open(policies, "Egress", source, target, target, port, protocol)
    return leaves and _open(policies, "Ingress", target, source, target, port, protocol)


def _open(
    policies: list[Obj],
    direction: Direction,
    subject: Peer,
    other: Peer,
    target: Peer,
    port: int,
    protocol: str,
) -> bool:
    selected = [policy for policy in policies if _selects(policy, subject, direction)]
    return not selected or any(
        _rule_allows(policy, rule, PEERS[direction], other, target, port, protocol)
        for policy in selected
        for rule in policy["spec"].get(direction.lower()) or []
    )


def _selects(policy: Obj, peer: Peer, direction: Direction) -> bool:
    if not peer.namespace or policy["metadata"]["namespace"] != peer.namespace:
        return False
    spec = policy["spec"]
    kinds = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return direction in kinds and matches(spec.get("podSelector") or {}, peer.labels)


def _rule_allows(
    policy: Obj, rule: Obj, key: str, other: Peer, target: Peer, port: int, protocol: str
) -> bool:
    ports = rule.get("ports") or []
    if ports and not any(_port_matches(entry, target, port, protocol) for entry in ports):
        return False
    peers = rule.get(key) or []
    return not peers or any(_peer_matches(policy, peer, other) for peer in peers)


def _port_matches(entry: Mapping[str, Any], target: Peer, port: int, protocol: str) -> bool:
    if entry.get("protocol", "TCP") != protocol:
        return False
    wanted = entry.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return target.ports.get(wanted) == port
    return bool(wanted <= port <= entry.get("endPort", wanted))


def _peer_matches(policy: Obj, peer: Mapping[str, Any], other: Peer) -> bool:
    block = peer.get("ipBlock")
    if block is not None:
        return bool(other.address) and _in_block(block, other.address)
    if not other.namespace:
        return False
    namespaces, pods = peer.get("namespaceSelector"), peer.get("podSelector")
    if namespaces is None:
        if other.namespace != policy["metadata"]["namespace"]:
            return False
    elif not matches(namespaces, other.namespace_labels):
        return False
    return pods is None or matches(pods, other.labels)


def _in_block(block: Mapping[str, Any], address: str) -> bool:
    def within(cidr: str) -> bool:
        return ipaddress.ip_address(address) in ipaddress.ip_network(cidr, strict=False)

    return within(block["cidr"]) and not any(within(cidr) for cidr in block.get("except") or [])
