"""Which objects show that a namespace is in use: a run lists them before it deletes one."""

from __future__ import annotations

from resilience.cluster.interface import (
    CLAIMS,
    CONFIGMAPS,
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    SECRETS,
    SERVICES,
    STATEFULSETS,
)
from resilience.model.verb import Right

WORKLOADS = (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, CRONJOBS, JOBS, PODS, SERVICES)
DATA = (CONFIGMAPS, SECRETS, CLAIMS)


def rights(namespace: str) -> list[Right]:
    """Permissions to see all of them."""
    return [
        Right(verb="list", group=each.group, resource=each.plural, namespace=namespace)
        for each in (*WORKLOADS, *DATA)
    ]
