"""NetworkPolicies: the peers and ports that a rule may name.

Refused policies never reach the data plane, which parses every block of a stored policy. Source:
pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from resilience.sandbox.apiserver.validation import container_rules, metadata_names
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

Obj = dict[str, Any]
_TYPES = ("Ingress", "Egress")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_DIRECTIONS = (("ingress", "from"), ("egress", "to"))
_CIDR = re.compile(r"[0-9a-fA-F:.]+/[0-9]{1,3}")
"""Narrower than Python, which also takes masks and zones."""
_RANGE = "must be between 1 and 65535, inclusive"


def check(obj: Obj, old: Obj | None) -> list[Cause]:
    """Every cause in one policy; blocks that it had before stay allowed."""
    spec = obj.get("spec") or {}
    known = frozenset(_blocks(old or {}))
    causes = metadata_names.selector(spec.get("podSelector"), "spec.podSelector")
    for direction, peers in _DIRECTIONS:
        for at, rule in enumerate(spec.get(direction) or ()):
            where = f"spec.{direction}[{at}]"
            for number, port in enumerate(rule.get("ports") or ()):
                causes += _port(port, f"{where}.ports[{number}]")
            for number, peer in enumerate(rule.get(peers) or ()):
                causes += _peer(peer, f"{where}.{peers}[{number}]", known)
    for at, kind in enumerate(spec.get("policyTypes") or ()):
        if kind not in _TYPES:
            causes.append(refusals.value_unsupported(f"spec.policyTypes[{at}]", kind, _TYPES))
    return causes


def _blocks(obj: Obj) -> Iterator[str]:
    """Every CIDR that a policy names."""
    spec = obj.get("spec") or {}
    for direction, peers in _DIRECTIONS:
        for rule in spec.get(direction) or ():
            for peer in rule.get(peers) or ():
                block = peer.get("ipBlock") or {}
                yield block.get("cidr", "")
                yield from block.get("except") or ()


def _port(port: Obj, where: str) -> Iterator[Cause]:
    protocol, first, last = port.get("protocol"), port.get("port"), port.get("endPort")
    if protocol is not None and protocol not in _PROTOCOLS:
        yield refusals.value_unsupported(f"{where}.protocol", protocol, _PROTOCOLS)
    end = f"{where}.endPort"
    if isinstance(first, int):
        if not 0 < first < 65536:
            yield refusals.value_invalid(f"{where}.port", first, _RANGE)
        if last is not None and last < first:
            yield refusals.value_invalid(end, first, "must be greater than or equal to `port`")
        if last is not None and not 0 < last < 65536:
            yield refusals.value_invalid(end, last, _RANGE)
        return
    if last is not None:
        how = "non-numeric" if first is not None else "not specified"
        yield refusals.value_invalid(end, last, f"may not be specified when `port` is {how}")
    if first is not None:
        for why in container_rules.port_name(first):
            yield refusals.value_invalid(f"{where}.port", first, why)


def _peer(peer: Obj, where: str, known: frozenset[str]) -> Iterator[Cause]:
    given = [
        field
        for field in ("podSelector", "namespaceSelector", "ipBlock")
        if peer.get(field) is not None
    ]
    for field in given:
        if field == "ipBlock":
            yield from _block(peer[field], f"{where}.ipBlock", known)
        else:
            yield from metadata_names.selector(peer[field], f"{where}.{field}")
    if not given:
        yield refusals.value_required(where, "must specify a peer")
    elif len(given) > 1 and "ipBlock" in given:
        yield refusals.value_forbidden(where, "may not specify both ipBlock and another peer")


def _block(block: Obj, where: str, known: frozenset[str]) -> Iterator[Cause]:
    text = block.get("cidr") or ""
    if not text:
        yield refusals.value_required(f"{where}.cidr")
        return
    whole, causes = _network(text, f"{where}.cidr", known)
    yield from causes
    if whole is None:
        return
    for at, text in enumerate(block.get("except") or ()):
        inner, causes = _network(text, f"{where}.except[{at}]", known)
        yield from causes
        if inner is not None and not _strictly_inside(inner, whole):
            yield refusals.value_invalid(
                f"{where}.except[{at}]", text, "must be a strict subset of `cidr`"
            )


def service_range(obj: Obj, old: Obj | None) -> list[Cause]:
    """A ServiceCIDR's networks (pkg/apis/networking/validation, ValidateServiceCIDR): one of each
    family, and they stay."""
    where, cidrs = "spec.cidrs", list((obj.get("spec") or {}).get("cidrs") or ())
    before = cidrs if old is None else list((old.get("spec") or {}).get("cidrs") or ())
    fixed = "field is immutable"
    if len(cidrs) != len(before) and (len(before), len(cidrs)) != (1, 2):
        return [refusals.value_invalid(where, cidrs, fixed)]
    causes = [
        refusals.value_invalid(f"{where}[{at}]", now, fixed)
        for at, (now, was) in enumerate(zip(cidrs, before, strict=False))
        if now != was
    ]
    if not cidrs:
        return [refusals.value_required(where, "at least one CIDR required")]
    if len(cidrs) > 2:
        return [refusals.value_invalid(where, obj["spec"], "may only hold up to 2 values")]
    found = []
    for at, text in enumerate(cidrs):
        network, wrong = _network(text, f"{where}[{at}]", frozenset())
        causes += wrong
        found += [] if network is None else [network.version]
    if len(found) == 2 and found[0] == found[1]:
        why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and"
        causes.append(refusals.value_invalid(where, cidrs, f"{why} 2001:db8::/64"))
    return causes


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: str, where: str, known: frozenset[str]) -> tuple[_Network | None, list[Cause]]:
    """The block, None if it is invalid; and what is wrong with its notation."""
    try:
        if not _CIDR.fullmatch(text):
            raise ValueError(text)
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
        return None, [refusals.value_invalid(where, text, why)]
    if text in known or ipaddress.ip_interface(text).ip == network.network_address:
        return network, []
    why = "must not have bits set beyond the prefix length"
    return network, [refusals.value_invalid(where, text, why)]


def _strictly_inside(inner: _Network, whole: _Network) -> bool:
    return (
        inner.version == whole.version
        and inner.network_address in whole
        and inner.prefixlen > whole.prefixlen
    )
