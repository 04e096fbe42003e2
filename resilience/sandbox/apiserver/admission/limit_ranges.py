"""LimitRange at admission: default requests and limits, then minimum, maximum and ratio.

Source: plugin/pkg/admission/limitranger/admission.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from resilience.sandbox.apiserver.admission.pod_defaults import mappings
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.quantity import parse

_ANNOTATION = "kubernetes.io/limit-ranger"
Amounts = Mapping[str, Any]


def _ranges(request: Request) -> Sequence[Obj]:
    return request.view.list(request.view.resource("limitranges"), request.namespace)


def default_pod(request: Request) -> None:
    """Apply the namespace's defaults to containers that set no value."""
    notes: list[str] = []
    for limit_range in _ranges(request):
        for item in mappings((limit_range.get("spec") or {}).get("limits")):
            if item.get("type") == "Container":
                _fill(request.obj["spec"], item, notes)
    if notes:
        annotations = request.obj["metadata"].setdefault("annotations", {})
        annotations[_ANNOTATION] = f"LimitRanger plugin set: {'; '.join(notes)}"


def _fill(spec: dict[str, Any], item: Mapping[str, Any], notes: list[str]) -> None:
    for field, word in (("containers", "container"), ("initContainers", "init container")):
        for container in mappings(spec.get(field)):
            resources = container.setdefault("resources", {})
            for part, source in (("requests", "defaultRequest"), ("limits", "default")):
                missing = sorted(set(item.get(source) or ()) - set(resources.get(part) or ()))
                if missing:
                    given = resources.setdefault(part, {})
                    given.update({name: item[source][name] for name in missing})
                    notes.append(
                        f"{', '.join(missing)} {part[:-1]} for {word} {container.get('name', '')}"
                    )


def check(request: Request) -> None:
    """ApiError 403 for a Pod or claim outside its namespace's ranges."""
    wrong: list[str] = []
    for limit_range in _ranges(request):
        for item in mappings((limit_range.get("spec") or {}).get("limits")):
            for requests, limits in _subjects(request, item.get("type", "")):
                wrong += _bounds(item, requests, limits)
    if wrong:
        text = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
        raise refusals.forbidden(request.resource, request.name, text)


def _subjects(request: Request, kind: str) -> list[tuple[Amounts, Amounts]]:
    """The requests and limits that one range item is compared with."""
    spec = request.obj["spec"]
    if request.key == ("", "persistentvolumeclaims"):
        resources = spec.get("resources") or {}
        wanted = kind == "PersistentVolumeClaim"
        return [(resources.get("requests") or {}, resources.get("limits") or {})] if wanted else []
    pairs = [
        (
            (entry.get("resources") or {}).get("requests") or {},
            (entry.get("resources") or {}).get("limits") or {},
        )
        for entry in [*mappings(spec.get("containers")), *mappings(spec.get("initContainers"))]
    ]
    if kind == "Container":
        return pairs
    return (
        [(_sum(pair[0] for pair in pairs), _sum(pair[1] for pair in pairs))]
        if (kind == "Pod")
        else []
    )


def _sum(amounts: Any) -> dict[str, Fraction]:
    total: dict[str, Fraction] = {}
    for entry in amounts:
        for name, value in entry.items():
            total[name] = total.get(name, Fraction(0)) + parse(value)
    return total


def _bounds(item: Mapping[str, Any], requests: Amounts, limits: Amounts) -> list[str]:
    kind, wrong = item.get("type", ""), []
    for name, least in sorted((item.get("min") or {}).items()):
        about = f"minimum {name} usage per {kind} is {least}"
        if name not in requests:
            wrong.append(f"{about}.  No request is specified")
        elif _value(requests[name]) < parse(least):
            wrong.append(f"{about}, but request is {_shown(requests[name])}")
        elif name in limits and _value(limits[name]) < parse(least):
            wrong.append(f"{about}, but limit is {_shown(limits[name])}")
    for name, most in sorted((item.get("max") or {}).items()):
        about = f"maximum {name} usage per {kind} is {most}"
        if kind == "PersistentVolumeClaim":
            if name in requests and _value(requests[name]) > parse(most):
                wrong.append(f"{about}, but request is {_shown(requests[name])}")
        elif name not in limits:
            wrong.append(f"{about}.  No limit is specified")
        elif _value(limits[name]) > parse(most):
            wrong.append(f"{about}, but limit is {_shown(limits[name])}")
        elif name in requests and _value(requests[name]) > parse(most):
            wrong.append(f"{about}, but request is {_shown(requests[name])}")
    return wrong + _ratios(item, requests, limits)


def _ratios(item: Mapping[str, Any], requests: Amounts, limits: Amounts) -> list[str]:
    wrong = []
    for name, most in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        about = f"{name} max limit to request ratio per {item.get('type', '')} is {most}"
        if name not in requests or not _value(requests[name]) or name not in limits:
            wrong.append(
                f"{about}, but no request is specified or request is 0"
                if name in limits
                else f"{about}, but no limit is specified or limit is 0"
            )
            continue
        ratio = _value(limits[name]) / _value(requests[name])
        if ratio > parse(most):
            wrong.append(f"{about}, but provided ratio is {float(ratio):.6f}")
    return wrong


def _value(amount: Any) -> Fraction:
    return amount if isinstance(amount, Fraction) else parse(amount)


def _shown(amount: Any) -> str:
    from resilience.sandbox.kube.quantity import text

    return text(amount) if isinstance(amount, Fraction) else str(amount)
