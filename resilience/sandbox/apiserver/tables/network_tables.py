"""Tables of Services, endpoints, ingresses and policies.

Source: pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.tables import cell_texts

Row = list[Any]
_NAME, _AGE = ("Name", "string", 0), ("Age", "string", 0)
_SHOWN = 3

SERVICE = (
    _NAME,
    ("Type", "string", 0),
    ("Cluster-IP", "string", 0),
    ("External-IP", "string", 0),
    ("Port(s)", "string", 0),
    _AGE,
    ("Selector", "string", 1),
)
ENDPOINTS = (_NAME, ("Endpoints", "string", 0), _AGE)
SLICE = (
    _NAME,
    ("AddressType", "string", 0),
    ("Ports", "string", 0),
    ("Endpoints", "string", 0),
    _AGE,
)
INGRESS = (
    _NAME,
    ("Class", "string", 0),
    ("Hosts", "string", 0),
    ("Address", "string", 0),
    ("Ports", "string", 0),
    _AGE,
)
SERVICE_RANGE = (_NAME, ("CIDRs", "string", 0), _AGE)
POLICY = (_NAME, ("Pod-Selector", "string", 0), _AGE)


def service(obj: dict[str, Any], now: float) -> Row:
    spec = obj.get("spec") or {}
    return [
        obj["metadata"]["name"],
        spec.get("type", ""),
        spec.get("clusterIP") or cell_texts.NONE,
        _external(obj),
        _ports(spec.get("ports")),
        cell_texts.age(obj, now),
        cell_texts.selector(spec.get("selector")),
    ]


def _external(obj: dict[str, Any]) -> str:
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    addresses = list(spec.get("externalIPs") or ())
    if spec.get("type") == "LoadBalancer":
        balancer = (obj.get("status") or {}).get("loadBalancer") or {}
        given = [
            entry.get("ip") or entry.get("hostname") for entry in balancer.get("ingress") or ()
        ]
        return ",".join([*filter(None, given), *addresses]) or "<pending>"
    return cell_texts.joined(addresses)


def _ports(ports: Any) -> str:
    parts = []
    for port in ports or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        parts.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(parts) or cell_texts.NONE


def endpoints(obj: dict[str, Any], now: float) -> Row:
    found: list[str] = []
    for subset in obj.get("subsets") or ():
        ports = subset.get("ports") or ()
        for address in subset.get("addresses") or ():
            if not ports:
                found.append(address.get("ip", ""))
            found += [f"{address.get('ip', '')}:{port.get('port')}" for port in ports]
    return [obj["metadata"]["name"], _some(found), cell_texts.age(obj, now)]


def endpoint_slice(obj: dict[str, Any], now: float) -> Row:
    ports = [str(port.get("port", "*")) for port in obj.get("ports") or ()]
    found = [
        address for entry in obj.get("endpoints") or () for address in entry.get("addresses") or ()
    ]
    return [
        obj["metadata"]["name"],
        obj.get("addressType", ""),
        _some(ports) if ports else cell_texts.UNSET,
        _some(found) if found else cell_texts.UNSET,
        cell_texts.age(obj, now),
    ]


def _some(values: list[str]) -> str:
    """The first three items, and the number of the others."""
    if not values:
        return cell_texts.NONE
    text = ",".join(values[:_SHOWN])
    more = len(values) - _SHOWN
    return f"{text} + {more} more..." if more > 0 else text


def ingress(obj: dict[str, Any], now: float) -> Row:
    spec = obj.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    given = [entry.get("ip") or entry.get("hostname") for entry in balancer.get("ingress") or ()]
    return [
        obj["metadata"]["name"],
        spec.get("ingressClassName") or cell_texts.NONE,
        _some(hosts) if hosts else "*",
        ",".join(filter(None, given)),
        "80, 443" if spec.get("tls") else "80",
        cell_texts.age(obj, now),
    ]


def policy(obj: dict[str, Any], now: float) -> Row:
    selector = (obj.get("spec") or {}).get("podSelector")
    return [obj["metadata"]["name"], cell_texts.selector(selector), cell_texts.age(obj, now)]


def service_range(obj: dict[str, Any], now: float) -> Row:
    cidrs = (obj.get("spec") or {}).get("cidrs") or ()
    return [obj["metadata"]["name"], ",".join(cidrs), cell_texts.age(obj, now)]
