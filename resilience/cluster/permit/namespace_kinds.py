"""Which objects show that a namespace is in use: a run lists them before it deletes one."""

from __future__ import annotations

from resilience.cluster.interface import (
    CONFIGMAPS,
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    SECRETS,
    SERVICES,
    STATEFULSETS,
    Resource,
)
from resilience.model.verb import Right

CRONJOBS = Resource("batch", "v1", "cronjobs", "CronJob")
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
WORKLOADS = (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, CRONJOBS, JOBS, PODS, SERVICES)
DATA = (CONFIGMAPS, SECRETS, CLAIMS)


def rights(namespace: str) -> list[Right]:
    """Permissions to see all of them."""
    return [
        Right(verb="list", group=each.group, resource=each.plural, namespace=namespace)
        for each in (*WORKLOADS, *DATA)
    ]
