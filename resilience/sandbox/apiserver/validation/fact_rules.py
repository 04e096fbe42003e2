"""Rules that follow from the table of facts alone: required fields and enums, anywhere in an
object.

The texts are those of hand-written validation, which names the same paths. `_LENIENT` excepts
fields that the schema calls required and Go's decoder fills.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.schema.facts import Model, builtin

_LENIENT = frozenset(
    {
        ("V1EndpointSlice", "endpoints"),
        ("V1StatefulSetSpec", "serviceName"),
        ("V1LimitRangeSpec", "limits"),
        ("V1Endpoint", "addresses"),
        ("CoreV1Event", "metadata"),
        ("V1Probe", "successThreshold"),
        ("V1HTTPHeader", "value"),
        ("V1CSINodeSpec", "drivers"),
        ("V1ResourceFieldSelector", "divisor"),
        ("V1DeploymentSpec", "template"),
        ("V1NetworkPolicySpec", "podSelector"),
        ("V1RoleRef", "apiGroup"),
        ("V1HTTPGetAction", "port"),
        ("V1PodSpec", "containers"),
        ("V1PolicyRule", "verbs"),
        ("EventsV1Event", "eventTime"),
    }
)
_SKIPPED = frozenset({"status", "managedFields"})
_BY_HAND = frozenset({("V1DeploymentStrategy", "type"), ("V1PodSpec", "restartPolicy")})


def check(model: str, obj: dict[str, Any]) -> list[Cause]:
    """Causes in a whole object; its types have been checked."""
    causes: list[Cause] = []
    _struct(builtin().model(model), obj, "", causes)
    return causes


def _struct(model: Model, value: dict[str, Any], path: str, causes: list[Cause]) -> None:
    prefix = f"{path}." if path else ""
    for field in sorted(model.required):
        if (model.name, field) not in _LENIENT and value.get(field) in (None, "", []):
            causes.append(refusals.value_required(prefix + field))
    for field, inner in value.items():
        if not path and field in _SKIPPED:
            continue
        allowed = model.enums.get(field)
        if allowed and (model.name, field) not in _BY_HAND:
            _enum(allowed, inner, prefix + field, causes)
        kind = model.fields.get(field, "object")
        if kind not in ("string", "integer", "boolean", "object"):
            _value(kind, inner, prefix + field, causes)


def _enum(allowed: tuple[str, ...], value: Any, path: str, causes: list[Cause]) -> None:
    if isinstance(value, list):
        for at, item in enumerate(value):
            _enum(allowed, item, f"{path}[{at}]", causes)
    elif isinstance(value, str) and value not in allowed and value != "":
        causes.append(refusals.value_unsupported(path, value, sorted(allowed)))


def _value(kind: str, value: Any, path: str, causes: list[Cause]) -> None:
    base = kind.replace("[]", "").replace("{}", "")
    if base[:1].islower():
        return
    if kind.startswith("[]"):
        for at, item in enumerate(value):
            _value(kind[2:], item, f"{path}[{at}]", causes)
    elif kind.startswith("{}"):
        for key, item in value.items():
            _value(kind[2:], item, f"{path}[{key}]", causes)
    elif isinstance(value, dict):
        _struct(builtin().model(kind), value, path, causes)
