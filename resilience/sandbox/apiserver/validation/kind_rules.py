"""The rules of each kind, and the one 422 with all causes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience.sandbox.apiserver.validation import (
    batch_rules,
    core_rules,
    event_rules,
    fact_rules,
    metadata_names,
    role_bindings,
    workload_rules,
)
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.apiserver.validation.networking import ingresses, network_policies
from resilience.sandbox.apiserver.webhooks import hook_conditions
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

Obj = dict[str, Any]
Rule = Callable[[Obj, Obj | None], list[Cause]]
_RBAC = "rbac.authorization.k8s.io"
_RULES: dict[tuple[str, str], Rule] = {
    ("", "pods"): core_rules.pod,
    ("", "events"): event_rules.check,
    ("", "services"): core_rules.service,
    ("", "configmaps"): core_rules.config_map,
    ("", "secrets"): core_rules.secret,
    ("", "persistentvolumeclaims"): core_rules.claim,
    ("", "persistentvolumes"): core_rules.volume,
    ("apps", "deployments"): workload_rules.deployment,
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): hook_conditions.check,
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): hook_conditions.check,
    ("", "replicationcontrollers"): workload_rules.replication_controller,
    ("apps", "replicasets"): workload_rules.replica_set,
    ("apps", "statefulsets"): workload_rules.stateful_set,
    ("apps", "daemonsets"): workload_rules.daemon_set,
    ("batch", "jobs"): batch_rules.job,
    ("batch", "cronjobs"): batch_rules.cron_job,
    ("policy", "poddisruptionbudgets"): core_rules.budget,
    ("autoscaling", "horizontalpodautoscalers"): core_rules.autoscaler,
    ("coordination.k8s.io", "leases"): core_rules.lease,
    ("storage.k8s.io", "storageclasses"): core_rules.storage_class,
    ("scheduling.k8s.io", "priorityclasses"): core_rules.priority_class,
    (_RBAC, "roles"): core_rules.role,
    (_RBAC, "clusterroles"): core_rules.role,
    (_RBAC, "rolebindings"): role_bindings.check,
    (_RBAC, "clusterrolebindings"): role_bindings.check,
    ("networking.k8s.io", "ingresses"): ingresses.check,
    ("networking.k8s.io", "networkpolicies"): network_policies.check,
    ("networking.k8s.io", "servicecidrs"): network_policies.service_range,
}
_WITH_SPEC = frozenset(key for key in _RULES if key[0] in ("apps", "batch")) | {
    ("", "pods"),
    ("", "services"),
}


def check(request: Request) -> None:
    """ApiError 422 with every cause. The object has been decoded strictly and defaulted."""
    causes = metadata_names.metadata(
        request.obj["metadata"],
        metadata_names.rule_for(*request.key),
        any_finalizer=metadata_names.takes_any_finalizer(
            request.key[0], is_custom=not request.kind.model
        ),
    )
    if request.kind.model:
        if request.key in _WITH_SPEC:
            request.obj.setdefault("spec", {})
        found = fact_rules.check(request.kind.model, request.obj)
        rule = _RULES.get(request.key)
        own = rule(request.obj, request.old) if rule is not None else []
        named = {(cause.field, cause.reason) for cause in own}
        causes += own + [cause for cause in found if (cause.field, cause.reason) not in named]
    if causes:
        raise refusals.invalid(request.resource, request.name, causes)
