"""Which rules a kind has, and the one 422 that holds everything found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience.sandbox.admission.request import Request
from resilience.sandbox.admission.validation import (
    bindings,
    core,
    event_rules,
    names,
    network_policies,
    table,
    workloads,
)
from resilience.sandbox.apiserver import errors
from resilience.sandbox.apiserver.errors import Cause

Obj = dict[str, Any]
Rule = Callable[[Obj, Obj | None], list[Cause]]
_RBAC = "rbac.authorization.k8s.io"
_RULES: dict[tuple[str, str], Rule] = {
    ("", "pods"): core.pod,
    ("", "events"): event_rules.check,
    ("", "services"): core.service,
    ("", "configmaps"): core.config_map,
    ("", "secrets"): core.secret,
    ("", "persistentvolumeclaims"): core.claim,
    ("", "persistentvolumes"): core.volume,
    ("apps", "deployments"): workloads.deployment,
    ("apps", "replicasets"): workloads.replica_set,
    ("apps", "statefulsets"): workloads.stateful_set,
    ("apps", "daemonsets"): workloads.daemon_set,
    ("batch", "jobs"): workloads.job,
    ("batch", "cronjobs"): workloads.cron_job,
    ("policy", "poddisruptionbudgets"): core.budget,
    ("autoscaling", "horizontalpodautoscalers"): core.autoscaler,
    ("coordination.k8s.io", "leases"): core.lease,
    ("storage.k8s.io", "storageclasses"): core.storage_class,
    ("scheduling.k8s.io", "priorityclasses"): core.priority_class,
    (_RBAC, "roles"): core.role,
    (_RBAC, "clusterroles"): core.role,
    (_RBAC, "rolebindings"): bindings.check,
    (_RBAC, "clusterrolebindings"): bindings.check,
    ("networking.k8s.io", "networkpolicies"): network_policies.check,
}
_WITH_SPEC = frozenset(key for key in _RULES if key[0] in ("apps", "batch")) | {
    ("", "pods"),
    ("", "services"),
}


def check(request: Request) -> None:
    """ApiError 422 with every cause. The object has been decoded strictly and defaulted."""
    causes = names.metadata(request.obj["metadata"], names.rule_for(*request.key))
    if request.kind.model:
        if request.key in _WITH_SPEC:
            request.obj.setdefault("spec", {})
        found = table.check(request.kind.model, request.obj)
        rule = _RULES.get(request.key)
        own = rule(request.obj, request.old) if rule is not None else []
        named = {(cause.field, cause.reason) for cause in own}
        causes += own + [cause for cause in found if (cause.field, cause.reason) not in named]
    if causes:
        raise errors.invalid(request.resource, request.name, causes)
