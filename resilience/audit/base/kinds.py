"""The kinds that the rules read: the groups in which each was ever served, and the one that lists
it now."""

from __future__ import annotations

from resilience.cluster.interface import (
    BUDGETS,
    CLAIMS,
    CONFIGMAPS,
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    EVENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    POLICIES,
    QUOTAS,
    REPLICASETS,
    REPLICATIONCONTROLLERS,
    SCALERS,
    SECRETS,
    SERVICES,
    STATEFULSETS,
    VOLUMES,
    Resource,
)

ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
SCHEDULES = Resource("velero.io", "v1", "schedules", "Schedule")
VALIDATING = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
MUTATING = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)

READ: tuple[Resource, ...] = (
    NAMESPACES, NODES, PODS, DEPLOYMENTS, STATEFULSETS, DAEMONSETS, REPLICASETS,
    REPLICATIONCONTROLLERS, JOBS, CRONJOBS, SERVICES, ENDPOINTSLICES, BUDGETS, SCALERS, CLAIMS,
    VOLUMES, CONFIGMAPS, SECRETS, ACCOUNTS, QUOTAS, INGRESSES, POLICIES, VALIDATING, MUTATING,
    EVENTS, SCHEDULES,
)  # fmt: skip
"""What is listed in a live cluster."""

OPTIONAL = frozenset({"Schedule"})
"""Kinds of add-ons: a cluster that does not serve them has none."""

_FORMER = {
    "Deployment": {"extensions"},
    "DaemonSet": {"extensions"},
    "ReplicaSet": {"extensions"},
    "Ingress": {"extensions"},
    "NetworkPolicy": {"extensions"},
}

GROUPS: dict[str, frozenset[str]] = {
    each.kind: frozenset({each.group, *_FORMER.get(each.kind, ())}) for each in READ
}
"""The API groups of a kind, because a Knative Service is not a Service."""


def is_known(api_version: str, kind: str) -> bool:
    """Whether it is the Kubernetes kind of that name, in any version."""
    group = api_version.partition("/")[0] if "/" in api_version else ""
    return group in GROUPS.get(kind, frozenset())
