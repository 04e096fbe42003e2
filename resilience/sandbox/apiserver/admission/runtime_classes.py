"""RuntimeClasses of Pods: a missing one refuses the Pod; overhead and placement are copied.

Source: plugin/pkg/admission/runtimeclass/admission.go. Handlers make no difference: Pods of every
class run like all Pods of the sandbox.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.admission.pod_defaults import Spec
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.quantity import parse_or_none

_DIFFERS = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
_UNASKED = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"


def admit(request: Request) -> None:
    """Complete a Pod that is being created by its RuntimeClass; ApiError 403."""
    spec = request.obj["spec"]
    if not isinstance(spec, dict):
        return
    name = spec.get("runtimeClassName")
    if name is None:
        if spec.get("overhead"):
            raise _refused(request, _UNASKED)
        return
    classes = request.view.resource("runtimeclasses", "node.k8s.io")
    found = request.view.find(classes, "", str(name))
    if found is None:
        raise _refused(request, f'pod rejected: RuntimeClass "{name}" not found')
    _overhead(request, spec, found)
    _scheduling(request, spec, found.get("scheduling") or {})


def _overhead(request: Request, spec: Spec, runtime_class: Obj) -> None:
    fixed = (runtime_class.get("overhead") or {}).get("podFixed") or {}
    given = spec.get("overhead") or {}
    if not fixed and given:
        raise _refused(request, _UNASKED)
    if given and _amounts(given) != _amounts(fixed):
        raise _refused(request, _DIFFERS)
    if fixed:
        spec["overhead"] = dict(fixed)


def _amounts(resources: dict[str, Any]) -> dict[str, Any]:
    return {name: parse_or_none(value) for name, value in resources.items()}


def _scheduling(request: Request, spec: Spec, scheduling: Obj) -> None:
    selector = dict(spec.get("nodeSelector") or {})
    for key, value in sorted((scheduling.get("nodeSelector") or {}).items()):
        if selector.setdefault(key, value) != value:
            raise _refused(
                request,
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value};"
                f" pod.spec.nodeSelector[{key}] = {selector[key]}",
            )
    if selector:
        spec["nodeSelector"] = selector
    more = [one for one in scheduling.get("tolerations") or ()
            if one not in (spec.get("tolerations") or ())]  # fmt: skip
    if more:
        spec["tolerations"] = [*(spec.get("tolerations") or ()), *map(dict, more)]


def _refused(request: Request, why: str) -> ApiError:
    return refusals.forbidden(request.resource, request.name, why)
