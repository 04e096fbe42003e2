"""The eviction subresource: a deletion that first checks the disruption budgets.

Source: pkg/registry/core/pod/storage/eviction.go; each case is a row of a table in the Kubernetes
rules (docs/internals). If budgets are consulted, the budget is debited before the preconditions of
the deletion are checked: the real server leaks budget the same way for two minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj, Resource
from resilience.sandbox.kube.call import Call
from resilience.sandbox.kube.labels import matches
from resilience.sandbox.store.store import clone

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_MOST_DISRUPTED = 2000
_VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."


def evict(registry: Registry, namespace: str, name: str, body: Obj, call: Call) -> Obj:
    """Success Status (201), or ApiError 400, 403, 404, 409, 429 or 500 as the case may be."""
    options = body.get("deleteOptions") or {}
    if (body.get("metadata") or {}).get("name") != name:
        raise refusals.bad_request("name in URL does not match name in Eviction object")
    dry_run = options.get("dryRun") or []
    if bool(dry_run) != call.dry_run and dry_run:
        raise ApiError(
            500, "", f"Non-matching dry-run options in request and content: [], {dry_run}"
        )
    pods = registry.resource("pods")
    _check_namespace(registry, pods, namespace, name)
    pod = registry.get(pods, namespace, name)
    version = None
    if not _ignores_budgets(pod):
        version = _ask_budgets(registry, pods, pod, call)
    if not call.dry_run:
        _mark(registry, pods, namespace, name, version)
    marked = registry.get(pods, namespace, name)
    _delete(registry, pods, marked, _carried_over(options, pod, marked), call)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _carried_over(options: dict[str, Any], before: Obj, after: Obj) -> dict[str, Any]:
    """The same options, except that a resourceVersion that matched before this server wrote its own
    condition still matches."""
    given = options.get("preconditions") or {}
    if given.get("resourceVersion") != before["metadata"]["resourceVersion"]:
        return options
    version = after["metadata"]["resourceVersion"]
    return {**options, "preconditions": {**given, "resourceVersion": version}}


def _check_namespace(registry: Registry, pods: Resource, namespace: str, name: str) -> None:
    found = registry.find(registry.resource("namespaces"), "", namespace)
    if found is not None and "deletionTimestamp" in found["metadata"]:
        raise refusals.forbidden(
            pods,
            name,
            f"unable to create new content in namespace {namespace} because it is being terminated",
            [
                refusals.Cause(
                    "NamespaceTerminating",
                    "metadata.namespace",
                    f"namespace {namespace} is being terminated",
                )
            ],
        )


def _ignores_budgets(pod: Obj) -> bool:
    """Pods that serve no requests: not started, ended, or already terminating."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Pending", "Succeeded", "Failed") or "deletionTimestamp" in pod["metadata"]


def ready(pod: Obj) -> bool:
    """Whether the Pod's Ready condition is True."""
    return any(
        entry.get("type") == "Ready" and entry.get("status") == "True"
        for entry in (pod.get("status") or {}).get("conditions") or ()
    )


def _ask_budgets(registry: Registry, pods: Resource, pod: Obj, call: Call) -> str | None:
    """Debit the one budget that selects this Pod; returns a resourceVersion that the deletion
    must then match if the budget released an unready Pod without a debit."""
    metadata = pod["metadata"]
    resource = registry.resource("poddisruptionbudgets", "policy")
    labels = metadata.get("labels") or {}
    budgets = [
        budget
        for budget in registry.list(resource, metadata["namespace"])
        if matches((budget.get("spec") or {}).get("selector"), labels)
    ]
    if not budgets:
        return None
    if len(budgets) > 1:
        raise ApiError(
            500,
            "",
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does"
            " not support.",
        )
    budget = budgets[0]
    status, spec = budget.get("status") or {}, budget.get("spec") or {}
    if not ready(pod):
        healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
        if spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
            return str(metadata["resourceVersion"])
        if healthy >= desired > 0:
            return str(metadata["resourceVersion"])
    _debit(registry, resource, budget, metadata["name"], call)
    return None


def _debit(registry: Registry, resource: Resource, budget: Obj, pod: str, call: Call) -> None:
    name, status = budget["metadata"]["name"], budget.get("status") or {}
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise _refused(
            f"The disruption budget {name} is still being processed by the server.", retry_after=10
        )
    allowed = status.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise refusals.forbidden(resource, name, "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or {}) > _MOST_DISRUPTED:
        raise refusals.forbidden(
            resource,
            name,
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        )
    if allowed == 0:
        needed, current = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        raise _refused(
            f"The disruption budget {name} needs {needed} healthy pods and has {current} currently"
        )
    if call.dry_run:
        return
    fresh = clone(budget)
    fresh["status"]["disruptionsAllowed"] = allowed - 1
    disrupted = fresh["status"].setdefault("disruptedPods", {})
    disrupted[pod] = stamp(registry.clock.now())
    registry.update(resource, fresh, "status")


def _refused(cause: str, retry_after: int | None = None) -> ApiError:
    return refusals.too_many(
        _VIOLATES,
        retry_after=retry_after,
        causes=[{"reason": "DisruptionBudget", "message": cause}],
    )


def _mark(
    registry: Registry, pods: Resource, namespace: str, name: str, version: str | None
) -> None:
    """The DisruptionTarget condition, on every evicted Pod, before its deletion. With a
    `version`, Conflict if the Pod has changed."""
    pod = clone(registry.get(pods, namespace, name))
    if version is not None:
        pod["metadata"]["resourceVersion"] = version
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    conditions[:] = [entry for entry in conditions if entry.get("type") != "DisruptionTarget"]
    conditions.append(
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
            "lastProbeTime": None,
            "lastTransitionTime": stamp(registry.clock.now()),
        }
    )
    registry.update(pods, pod, "status")


def _delete(
    registry: Registry,
    pods: Resource,
    pod: Obj,
    options: dict[str, Any],
    call: Call,
) -> None:
    given = options.get("preconditions") or {}
    registry.delete(
        pods,
        pod["metadata"]["namespace"],
        pod["metadata"]["name"],
        grace=options.get("gracePeriodSeconds"),
        uid=given.get("uid"),
        version=given.get("resourceVersion"),
        propagation=options.get("propagationPolicy"),
        call=call,
    )
