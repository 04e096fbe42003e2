"""Workloads by reference: from `deployment/checkout` to the API object, with a helpful error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import (
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    REPLICASETS,
    REPLICATIONCONTROLLERS,
    STATEFULSETS,
    Cluster,
    Object,
    Resource,
)
from resilience.kube import objects
from resilience.model.nearest import did_you_mean
from resilience.model.values import Reference
from resilience.model.verb import Complaint
from resilience.verbs.context import ActionFailed, Context

RESOURCES: Mapping[str, Resource] = {
    "deployment": DEPLOYMENTS,
    "statefulset": STATEFULSETS,
    "daemonset": DAEMONSETS,
    "replicaset": REPLICASETS,
    "replicationcontroller": REPLICATIONCONTROLLERS,
    "pod": PODS,
    "job": JOBS,
    "cronjob": CRONJOBS,
    "node": NODES,
}


def read(reference: Reference, context: Context) -> Object:
    """The object's current state; ActionFailed names what exists instead."""
    resource = RESOURCES[reference.kind]
    try:
        return context.cluster.get(resource, reference.name, context.namespace)
    except NotFound as error:
        there = instead(context.cluster, resource, context.namespace, reference)
        raise ActionFailed(
            f"{reference} does not exist in namespace {context.namespace}{there}"
        ) from error


def instead(cluster: Cluster, resource: Resource, namespace: str, wanted: str | Reference) -> str:
    """The existing objects of a kind, as the end of a message, and the one that was probably meant;
    "" without permission to list them. A hint alone does not justify requiring that permission."""
    try:
        there = cluster.list(resource, namespace)
    except Forbidden:
        return ""
    prefix = f"{wanted.kind}/" if isinstance(wanted, Reference) else ""
    names = [prefix + objects.name(obj) for obj in there]
    return "; there are: " + (", ".join(names) or "none") + did_you_mean(str(wanted), names)


def only(reference: Reference, kinds: Sequence[str], field: str) -> Sequence[Complaint]:
    """Check that the reference is of one of these kinds, for `Verb.check`."""
    if reference.kind in kinds:
        return ()
    return (
        Complaint(
            field=field,
            message=f"{reference} cannot be used here",
            expected=" or ".join(f"{kind}/NAME" for kind in kinds),
        ),
    )
