"""What an object uses of a ResourceQuota (rules 3.12). Pure; admission counts the same way.

Ended Pods and Pods lost beyond their grace are not charged, terminating ones inside it are.
Sources: pkg/quota/v1/evaluator/core/{pods,services,persistent_volume_claims}.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from resilience.sandbox.kube.api import Obj, Resource
from resilience.sandbox.kube.object_edits import is_deleting
from resilience.sandbox.kube.pod_facts import is_terminal
from resilience.sandbox.kube.quantity import parse
from resilience.sandbox.kube.times import parse_or_zero

Usage = dict[str, Fraction]
ONE: Final = Fraction(1)
_PLAIN: Final = frozenset(
    {"configmaps", "secrets", "services", "persistentvolumeclaims", "replicationcontrollers",
     "resourcequotas", "pods"}
)  # fmt: skip
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")


def usage_of(resource: Resource, obj: Obj, now: float) -> Usage:
    """Every quota name that an object counts under, with its amount."""
    name = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    used: Usage = {f"count/{name}": ONE}
    if resource.group == "" and resource.plural in _PLAIN and resource.plural != "pods":
        used[resource.plural] = ONE
    if resource.group == "":
        if resource.plural == "pods" and is_charged(obj, now):
            used |= {"pods": ONE, **compute(obj["spec"])}
        elif resource.plural == "services":
            used |= _service(obj)
        elif resource.plural == "persistentvolumeclaims":
            used |= _claim(obj)
    return used


def is_charged(pod: Obj, now: float) -> bool:
    """Whether a Pod still counts."""
    if is_terminal(pod):
        return False
    metadata = pod["metadata"]
    if not is_deleting(pod):
        return True
    grace = metadata.get("deletionGracePeriodSeconds") or 0
    return now <= parse_or_zero(metadata["deletionTimestamp"]) + grace


def compute(spec: Mapping[str, Any]) -> Usage:
    """Requests and limits of a Pod: the sum of containers, or the largest init container."""
    used: Usage = {}
    for field in ("requests", "limits"):
        for name, amount in _amounts(spec, field).items():
            extended = is_extended(name)
            if field == "limits" and name not in _COMPUTE:
                continue
            used[f"{field}.{name}"] = amount
            if field == "requests" and not extended:
                used[name] = amount
    return used


def is_extended(name: str) -> bool:
    """Whether a resource is a device, counted as `requests.NAME` only."""
    domain, slash, _ = name.rpartition("/")
    return bool(slash) and not name.startswith("requests.") and "kubernetes.io" not in domain


def _amounts(spec: Mapping[str, Any], field: str) -> Usage:
    total: Usage = {}
    for container in spec["containers"]:
        for name, amount in _container(container, field).items():
            total[name] = total.get(name, Fraction(0)) + amount
    for container in spec.get("initContainers") or ():
        sidecar = container.get("restartPolicy") == "Always"
        for name, amount in _container(container, field).items():
            before = total.get(name, Fraction(0))
            total[name] = before + amount if sidecar else max(before, amount)
    for name, value in (spec.get("overhead") or {}).items():
        total[name] = total.get(name, Fraction(0)) + parse(value)
    return total


def _container(container: Mapping[str, Any], field: str) -> Usage:
    given = (container.get("resources") or {}).get(field) or {}
    return {
        name: parse(value)
        for name, value in given.items()
        if name in _COMPUTE or name.startswith("hugepages-") or is_extended(name)
    }


def _service(service: Obj) -> Usage:
    spec = service["spec"]
    ports = Fraction(len(spec.get("ports") or ()))
    if spec.get("type") == "NodePort":
        return {"services.nodeports": ports}
    if spec.get("type") == "LoadBalancer":
        held = spec.get("allocateLoadBalancerNodePorts", True)
        return {"services.loadbalancers": ONE, "services.nodeports": ports if held else Fraction(0)}
    return {}


def _claim(claim: Obj) -> Usage:
    size = parse(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", 0))
    used: Usage = {"requests.storage": size}
    name = claim["spec"].get("storageClassName")
    if name:
        prefix = f"{name}.storageclass.storage.k8s.io"
        used |= {f"{prefix}/requests.storage": size, f"{prefix}/persistentvolumeclaims": ONE}
    return used


def in_scope(quota: Obj, resource: Resource, obj: Obj) -> bool:
    """Whether a quota's scopes include an object; scopes only concern Pods."""
    scopes = list(quota["spec"].get("scopes") or ())
    selector = (quota["spec"].get("scopeSelector") or {}).get("matchExpressions") or ()
    if not scopes and not selector:
        return True
    if (resource.group, resource.plural) != ("", "pods"):
        return False
    return all(_scope(name, obj) for name in scopes) and all(_selected(e, obj) for e in selector)


def _scope(name: str, pod: Obj) -> bool:
    spec = pod["spec"]
    if name in ("Terminating", "NotTerminating"):
        return ("activeDeadlineSeconds" in spec) == (name == "Terminating")
    if name in ("BestEffort", "NotBestEffort"):
        containers = (*spec["containers"], *(spec.get("initContainers") or ()))
        plain = not any(
            (c.get("resources") or {}).get(field)
            for c in containers
            for field in ("requests", "limits")
        )
        return plain == (name == "BestEffort")
    return name == "PriorityClass" and bool(spec.get("priorityClassName"))


def _selected(expression: Mapping[str, Any], pod: Obj) -> bool:
    name, operator = expression["scopeName"], expression["operator"]
    if name != "PriorityClass":
        return _scope(name, pod)
    have, values = pod["spec"].get("priorityClassName"), expression.get("values") or ()
    return {
        "In": have in values,
        "NotIn": have not in values,
        "Exists": bool(have),
        "DoesNotExist": not have,
    }.get(operator, False)


def add(into: Usage, more: Iterable[tuple[str, Fraction]]) -> None:
    """Sum usage in place."""
    for name, amount in more:
        into[name] = into.get(name, Fraction(0)) + amount
