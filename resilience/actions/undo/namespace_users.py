"""Who else uses a namespace that a run created: deleting it would delete their objects as well.

Checked when the run's own objects there are already gone. Workloads, bare Pods and Services that
have neither a controller nor a run's mark count as a user's; so do ConfigMaps, Secrets and claims
that a user's tool wrote. What is owned counts for what owns it in the end, also a custom resource
or a ReplicaSet of its own. Objects of applications, operators and the control plane are deleted
with the namespace. Objects of a kind that may not be listed could exist, and an owner that may not
be read could be a user's: the namespace is then not deleted, and the message names the missing
permission."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from resilience.actions.undo.reverting import RUN
from resilience.backup.objects.rules import RESTORE
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import Cluster, Object, Resource
from resilience.cluster.ownership.owner_chains import Owner, OwnerChains
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
    there = [
        (resource, each)
        for resource in (*WORKLOADS, *DATA)
        for each in _there(cluster, resource, name)
    ]
    alone = [
        f"{resource.kind} {objects.name(each)}"
        for resource, each in there
        if not objects.owners(each) and not _is_run_s(each)
        and (resource in WORKLOADS or _by_people(each))
    ]  # fmt: skip
    found = list(dict.fromkeys([*alone, *_owning(cluster, there)]))
    more = [f"{len(found) - MOST} more"] if len(found) > MOST else []
    return [*found[:MOST], *more]


def _there(cluster: Cluster, resource: Resource, namespace: str) -> Iterator[Object]:
    try:
        yield from cluster.list(resource, namespace)
    except NotFound:  # not served
        return
    except Forbidden as error:
        raise ActionFailed(_unseen(namespace, error.message)) from error


def _owning(cluster: Cluster, there: Iterable[tuple[Resource, Object]]) -> Iterator[str]:
    """Owners at the top, also of kinds that are not listed."""
    chains = OwnerChains(cluster)
    for resource, each in there:
        if objects.is_terminating(each):
            continue
        for owner in chains.of(each):
            if owner.unread and resource in WORKLOADS:
                raise ActionFailed(_unseen(objects.namespace(each), owner.unread))
            if _counts(owner, workload=resource in WORKLOADS):
                yield owner.title


def _counts(owner: Owner, *, workload: bool) -> bool:
    if owner.object is None or owner.resource is None or not owner.is_top:
        return False
    if not owner.resource.namespaced or _is_run_s(owner.object):
        return False
    return workload or _by_people(owner.object)


def _unseen(namespace: str, why: str) -> str:
    return (
        f"namespace {namespace} is not deleted, because objects of others in it cannot be seen: "
        f"{why}; `resilience rbac` prints the permissions"
    )


def _is_run_s(obj: Object) -> bool:
    """Created or restored by a run, or terminating."""
    marks = {*objects.labels(obj), *(objects.metadata(obj).get("annotations") or {})}
    return objects.is_ours(obj) or objects.is_terminating(obj) or bool(marks & {RUN, RESTORE})


def _by_people(obj: Object) -> bool:
    managers = objects.metadata(obj).get("managedFields") or ()
    return any(PEOPLE.match(str(each.get("manager", ""))) for each in managers)
