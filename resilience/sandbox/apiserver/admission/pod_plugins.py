"""Admission of Pods: ServiceAccount, default tolerations, priority, and the derived QoS class.

Sources: plugin/pkg/admission/{serviceaccount,defaulttolerationseconds,priority}/admission.go and
pkg/apis/core/v1/helper/qos/qos.go.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.admission import token_mount
from resilience.sandbox.apiserver.admission.pod_defaults import Spec, default, mappings
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.quantity import parse_or_none

_TOLERATED_SECONDS = 300
_SYSTEM_CLASSES = {"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}


def admit(request: Request) -> None:
    """Mutate a Pod that is being created."""
    spec = request.obj["spec"]
    if not isinstance(spec, dict):
        return
    if "kubernetes.io/config.mirror" not in (request.obj["metadata"].get("annotations") or {}):
        token_mount.add(spec, _service_account(request, spec))
    _tolerations(spec)
    _priority(request, spec)
    request.obj["status"] = {
        "phase": "Pending",
        "qosClass": qos_class(spec),
    }


def update(request: Request) -> None:
    """Mutate a Pod that is being changed: the default tolerations stay, even if a client omits
    them."""
    if request.subresource == "" and isinstance(request.obj["spec"], dict):
        _tolerations(request.obj["spec"])


def _service_account(request: Request, spec: Spec) -> Obj:
    """The Pod's account, whose settings it takes over; ApiError 403."""
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    accounts = request.view.resource("serviceaccounts")
    account = request.view.find(accounts, request.namespace, str(name))
    if account is None:
        raise refusals.forbidden(
            request.resource,
            request.name,
            f"error looking up service account {request.namespace}/{name}: serviceaccount"
            f' "{name}" not found',
        )
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(entry) for entry in account["imagePullSecrets"]]
    return account


def _tolerations(spec: Spec) -> None:
    """300 s on nodes that are not ready or unreachable, unless the Pod tolerates them itself."""
    given = list(mappings(spec.get("tolerations")))
    for short in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{short}"
        if any(
            entry.get("key") in (key, None, "") and entry.get("effect") in ("NoExecute", None, "")
            for entry in given
        ):
            continue
        spec.setdefault("tolerations", [])
        if isinstance(spec["tolerations"], list):
            spec["tolerations"].append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _TOLERATED_SECONDS,
                }
            )


def _priority(request: Request, spec: Spec) -> None:
    classes = request.view.resource("priorityclasses", "scheduling.k8s.io")
    name = spec.get("priorityClassName")
    found: Any = None
    if name:
        found = request.view.find(classes, "", str(name))
        if found is None and name in _SYSTEM_CLASSES:
            found = {"value": _SYSTEM_CLASSES[name]}
        if found is None:
            raise refusals.forbidden(
                request.resource, request.name, f"no PriorityClass with name {name} was found"
            )
    else:
        defaults = [entry for entry in request.view.list(classes) if entry.get("globalDefault")]
        if defaults:
            found = min(defaults, key=lambda entry: entry.get("value", 0))
            spec["priorityClassName"] = found["metadata"]["name"]
    spec["priority"] = found.get("value", 0) if found else 0
    default(
        spec,
        preemptionPolicy=(found or {}).get("preemptionPolicy") or "PreemptLowerPriority",
    )


def qos_class(spec: Spec) -> str:
    """Guaranteed, Burstable or BestEffort, from cpu and memory of all containers."""
    containers = [*mappings(spec.get("initContainers")), *mappings(spec.get("containers"))]
    any_set, all_equal = False, bool(containers)
    for container in containers:
        resources = container.get("resources")
        resources = resources if isinstance(resources, dict) else {}
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        for name in ("cpu", "memory"):
            request, limit = parse_or_none(requests.get(name)), parse_or_none(limits.get(name))
            any_set = any_set or bool(request) or bool(limit)
            if not limit or (request is not None and request != limit):
                all_equal = False
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if all_equal else "Burstable"
