"""What makes a restored copy harmless: one rule each, applied before anything is created.

A duplicate that sends mail, consumes a queue or claims a public name is the real accident of a
drill. Each rule returns the pointers that it touched, which `same` ignores and the report lists, or
a reason to leave the object out. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from resilience.cluster.interface import Object

_ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute")
_DNS = "external-dns.alpha.kubernetes.io/"


def suspended(obj: Object) -> Iterator[str]:
    """A CronJob would do its work a second time."""
    if obj["kind"] == "CronJob" and not obj["spec"].get("suspend"):
        obj["spec"]["suspend"] = True
        yield "/spec/suspend"


def inside_only(obj: Object) -> Iterator[str]:
    """A LoadBalancer would be ordered, and paid; a NodePort is a door in every node."""
    spec = obj.get("spec") or {}
    if obj["kind"] == "Service" and spec.get("type") in ("LoadBalancer", "NodePort"):
        spec["type"] = "ClusterIP"
        yield "/spec/type"
        for field in (
            "externalTrafficPolicy",
            "loadBalancerIP",
            "loadBalancerClass",
            "loadBalancerSourceRanges",
            "allocateLoadBalancerNodePorts",
            "externalIPs",
        ):
            if field in spec:
                del spec[field]
            yield f"/spec/{field}"


def unpublished(obj: Object) -> Iterator[str]:
    """external-dns would point the public name at the copy."""
    annotations = obj["metadata"].get("annotations") or {}
    for name in [name for name in annotations if name.startswith(_DNS)]:
        del annotations[name]
        yield f"/metadata/annotations/{name.replace('/', '~1')}"


def other_hosts(obj: Object) -> Iterator[str]:
    """Two Ingresses with one host fight for its traffic; `.invalid` (RFC 2606) never resolves."""
    spec = obj.get("spec") or {}
    if obj["kind"] == "Ingress":
        for number, rule in enumerate(spec.get("rules") or ()):
            if rule.get("host"):
                rule["host"] += ".drill.invalid"
                yield f"/spec/rules/{number}/host"
        for number, each in enumerate(spec.get("tls") or ()):
            each["hosts"] = [f"{host}.drill.invalid" for host in each.get("hosts") or ()]
            yield f"/spec/tls/{number}/hosts"
    if obj["kind"] in _ROUTES and spec.get("hostnames"):
        spec["hostnames"] = [f"{host}.drill.invalid" for host in spec["hostnames"]]
        yield "/spec/hostnames"


def outside(obj: Object) -> str:
    """What does not lie in the scratch namespace is the real one's."""
    if obj["kind"] == "Namespace":
        return "the scratch namespace is there already"
    if not obj["metadata"].get("namespace"):
        return "cluster-scoped objects are shared with the original"
    return ""


_RULES = {
    "suspended": suspended,
    "inside only": inside_only,
    "unpublished": unpublished,
    "other hosts": other_hosts,
}


def harmless(obj: Object) -> str | Mapping[str, list[str]]:
    """Apply all rules; a reason when the object must not be created at all."""
    if reason := outside(obj):
        return reason
    touched = {name: list(rule(obj)) for name, rule in _RULES.items()}
    return {name: pointers for name, pointers in touched.items() if pointers}
