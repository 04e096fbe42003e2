"""Who else uses a namespace that a run created: deleting it would delete their objects too.

Asked when the run's own objects there are gone already. Workloads, bare Pods and Services that no
controller owns and no run marked are somebody's; so are ConfigMaps, Secrets and claims that a
person's tool wrote. What applications, operators and the control plane keep there goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from resilience.actions.shared.workload import CRONJOBS
from resilience.actions.undo.reverting import RUN
from resilience.backup.objects.rules import RESTORE
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import (
    CONFIGMAPS,
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    SECRETS,
    SERVICES,
    STATEFULSETS,
    Cluster,
    Object,
    Resource,
)
from resilience.kube import objects

MOST = 3
"""Objects named in a message."""

CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
WORKLOADS = (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, CRONJOBS, JOBS, PODS, SERVICES)
DATA = (CONFIGMAPS, SECRETS, CLAIMS)

PEOPLE = re.compile(r"^(kubectl|helm|argocd|flux|kustomize|terraform|pulumi|k9s|lens)", re.I)
"""Field managers by which tools of people write."""


def of(cluster: Cluster, namespace: Object) -> list[str]:
    """Some of them, by kind and name; [] when the namespace is the run's alone."""
    name = objects.name(namespace)
    found = [
        f"{resource.kind} {objects.name(each)}"
        for resource in (*WORKLOADS, *DATA)
        for each in _there(cluster, resource, name)
        if not _is_run_s(each) and (resource in WORKLOADS or _by_people(each))
    ]
    more = [f"{len(found) - MOST} more"] if len(found) > MOST else []
    return [*found[:MOST], *more]


def _there(cluster: Cluster, resource: Resource, namespace: str) -> Iterator[Object]:
    try:
        yield from cluster.list(resource, namespace)
    except (Forbidden, NotFound):  # not to be seen, or not served
        return


def _is_run_s(obj: Object) -> bool:
    """Created or restored by a run, owned by something that is asked itself, or on its way out."""
    marks = {*objects.labels(obj), *(objects.metadata(obj).get("annotations") or {})}
    return (
        bool(objects.metadata(obj).get("ownerReferences"))
        or objects.is_ours(obj)
        or objects.is_terminating(obj)
        or bool(marks & {RUN, RESTORE})
    )


def _by_people(obj: Object) -> bool:
    managers = objects.metadata(obj).get("managedFields") or ()
    return any(PEOPLE.match(str(each.get("manager", ""))) for each in managers)
