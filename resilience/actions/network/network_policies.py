"""NetworkPolicies that cut connections: they allow everything except what is cut. Pure.

A NetworkPolicy can only allow, so cutting A off from B means selecting A and allowing all peers
except B: Pods that the negation of B's selector matches, Pods of other namespaces, and all
addresses except those that B's Pods have now (some network plugins count Pods' own addresses among
`ipBlock`s).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

from resilience.cluster.interface import Object
from resilience.kube.selectors import Operator, Requirement, Selector

Way = Literal["ingress", "egress"]
LAST_PORT = 65535
DNS = 53
NAME_LABEL = "kubernetes.io/metadata.name"
_WORDS = {Operator.IN: "In", Operator.NOT_IN: "NotIn", Operator.EXISTS: "Exists",
          Operator.ABSENT: "DoesNotExist"}  # fmt: skip
_OPPOSITE = {Operator.IN: Operator.NOT_IN, Operator.NOT_IN: Operator.IN,
             Operator.EXISTS: Operator.ABSENT, Operator.ABSENT: Operator.EXISTS}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """What is cut. `peer` is None for all peers; `addresses` are the peer's own. Without `ports`,
    all ports are cut; DNS only with `dns`."""

    subject: Selector
    peer: Selector | None = None
    addresses: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    dns: bool = False


def policy(metadata: Mapping[str, Any], wall: Wall, ways: Sequence[Way]) -> Object:
    """The NetworkPolicy for `metadata`'s namespace."""
    namespace = str(metadata["namespace"])
    rules = {way: _rules(wall, way, namespace) for way in ways}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": dict(metadata),
        "spec": {
            "podSelector": label_selector(wall.subject.requirements),
            "policyTypes": [way.capitalize() for way in ways],
            **rules,
        },
    }


def label_selector(requirements: Iterable[Requirement]) -> dict[str, Any]:
    """The selector in Kubernetes' own form."""
    return {
        "matchExpressions": [
            {"key": each.key, "operator": _WORDS[each.operator]}
            | ({"values": list(each.values)} if each.values else {})
            for each in requirements
        ]
    }


def complement(selector: Selector) -> list[dict[str, Any]]:
    """Label selectors that together match exactly the Pods that `selector` does not match: one
    selector for each requirement of it. `NotIn` matches when the key is missing, as in Kubernetes;
    the negation of `notin` therefore needs the key."""
    return [
        label_selector([Requirement(each.key, _OPPOSITE[each.operator], each.values)])
        for each in selector.requirements
    ]


def other_ports(ports: Iterable[int]) -> list[dict[str, Any]]:
    """Rules for every port of every protocol except these."""
    found: list[dict[str, Any]] = []
    for protocol in ("TCP", "UDP", "SCTP"):
        first = 1
        for port in [*sorted(set(ports)), LAST_PORT + 1]:
            if first < port:
                found.append({"protocol": protocol, "port": first, "endPort": port - 1})
            first = port + 1
    return found


def _rules(wall: Wall, way: Way, namespace: str) -> list[dict[str, Any]]:
    side = "from" if way == "ingress" else "to"
    rules: list[dict[str, Any]] = []
    if wall.peer is not None:
        rules.append({side: _everybody_else(wall.peer, wall.addresses, namespace)})
        if wall.ports:
            them = [{"podSelector": label_selector(wall.peer.requirements)}]
            rules.append({side: them, "ports": other_ports(wall.ports)})
    elif wall.ports:
        rules.append({"ports": other_ports(wall.ports)})
    if way == "egress" and not wall.ports and not wall.dns:
        rules.append({"ports": [{"protocol": protocol, "port": DNS}
                                for protocol in ("UDP", "TCP")]})  # fmt: skip
    return rules


def _everybody_else(
    peer: Selector, addresses: Sequence[str], namespace: str
) -> list[dict[str, Any]]:
    elsewhere = {"key": NAME_LABEL, "operator": "NotIn", "values": [namespace]}
    return [
        *({"podSelector": each} for each in complement(peer)),
        {"namespaceSelector": {"matchExpressions": [elsewhere]}},
        *(_block(cidr, addresses) for cidr in ("0.0.0.0/0", "::/0")),
    ]


def _block(cidr: str, addresses: Sequence[str]) -> dict[str, Any]:
    version, length = (6, 128) if ":" in cidr else (4, 32)
    out = [f"{each}/{length}" for each in addresses if ip_address(each).version == version]
    return {"ipBlock": {"cidr": cidr} | ({"except": sorted(out)} if out else {})}
