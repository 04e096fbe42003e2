"""PodSecurity: Pods are refused, or cause warnings, according to the labels of their namespace.

Source: k8s.io/pod-security-admission/admission. `enforce` applies to Pods, including a
controller's, and to new images and debugging containers of a Pod; `warn` to Pods and the templates
of workloads that a client writes. `audit` has no destination here.
"""

from __future__ import annotations

from resilience.sandbox.apiserver.policies.pod_security_checks import FIELDS, violations
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.apiserver.validation.pod_specs import TEMPLATES, spec_in
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
_MODES = ("enforce", "audit", "warn")


def check(request: Request) -> None:
    """ApiError 403 for a Pod that its namespace does not allow, 422 for invalid labels."""
    if request.key == ("", "namespaces"):
        _labels(request)
        return
    is_pod = request.key == ("", "pods")
    if not is_pod and (request.key not in TEMPLATES or not request.call.validation):
        return
    if is_pod and request.old is not None and not _is_significant(request.old, request.obj):
        return
    labels = _of_namespace(request)
    spec = spec_in(request)
    if spec is None:
        return
    if is_pod and (found := _violated(labels, "enforce", spec)):
        raise refusals.forbidden(request.resource, request.name, f"violates PodSecurity {found}")
    if found := _violated(labels, "warn", spec):
        request.call.warnings.append(f"would violate PodSecurity {found}")


def _is_significant(old: Obj, new: Obj) -> bool:
    """Whether an update of a Pod is judged again: another image, or a container more."""
    return _images(old) != _images(new)


def _images(pod: Obj) -> list[tuple[str, str]]:
    every = (pod["spec"].get(field) or () for field in FIELDS)
    return [(each.get("name", ""), each.get("image", "")) for part in every for each in part]


def _of_namespace(request: Request) -> dict[str, str]:
    namespaces = request.view.resource("namespaces")
    found = request.view.find(namespaces, "", request.namespace)
    return (found or {}).get("metadata", {}).get("labels") or {}


def _violated(labels: dict[str, str], mode: str, spec: Obj) -> str:
    """The level with its version, and its violations; "" if there are none."""
    level = labels.get(PREFIX + mode, "privileged")
    found = violations(level, spec)
    version = labels.get(f"{PREFIX}{mode}-version", "latest")
    return f'"{level}:{version}": {", ".join(found)}' if found else ""


def _labels(request: Request) -> None:
    labels = request.obj["metadata"].get("labels") or {}
    causes = []
    for mode in _MODES:
        level = labels.get(PREFIX + mode)
        if level is not None and level not in LEVELS:
            where = f"metadata.labels[{PREFIX}{mode}]"
            why = f"must be one of {', '.join(LEVELS)}"
            causes.append(refusals.value_invalid(where, level, why))
    if causes:
        raise refusals.invalid(request.resource, request.name, causes)
