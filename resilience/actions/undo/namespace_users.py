"""Who else uses a namespace that a run created: deleting it would delete their objects as well.

Checked when the run's own objects there are already gone. Workloads, bare Pods and Services that
have neither a controller nor a run's mark count as a user's; so do ConfigMaps, Secrets and claims
that a user's tool wrote. Objects of applications, operators and the control plane are deleted with
the namespace. Objects of a kind that may not be listed could exist: the namespace is then not
deleted, and the message names the missing permission."""

from __future__ import annotations

import re
from collections.abc import Iterator

from resilience.actions.undo.reverting import RUN
from resilience.backup.objects.rules import RESTORE
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import Cluster, Object, Resource
from resilience.cluster.permit.namespace_kinds import DATA, WORKLOADS
from resilience.kube import objects
from resilience.verbs.context import ActionFailed

MOST = 3
"""Objects named in a message."""

PEOPLE = re.compile(r"^(kubectl|helm|argocd|flux|kustomize|terraform|pulumi|k9s|lens)", re.I)
"""Field managers of tools that people use."""


def of(cluster: Cluster, namespace: Object) -> list[str]:
    """Some of the others' objects, by kind and name; [] when only the run uses the namespace."""
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
    except NotFound:  # not served
        return
    except Forbidden as error:
        raise ActionFailed(
            f"namespace {namespace} is not deleted, because objects of others in it cannot be "
            "listed: "
            f"{error.message}; `resilience rbac` prints the permissions"
        ) from error


def _is_run_s(obj: Object) -> bool:
    """Created or restored by a run, owned by an object that is checked itself, or terminating."""
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
