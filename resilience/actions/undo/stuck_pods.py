"""Pods that keep a StatefulSet on the run's template although that was reverted.

A StatefulSet with `podManagementPolicy: OrderedReady` (the default) replaces nothing while one of
its Pods is not ready. A Pod of a template with which it never gets ready therefore stays, whatever
the template is now; Kubernetes' documentation calls it a forced rollback, and asks people to delete
the Pod (`updateStatefulSet` in k8s.io/kubernetes/pkg/controller/statefulset returns before it
replaces any). The run made that template, so its undo deletes the Pod.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.actions.undo.changed_fields import Change
from resilience.actions.undo.reverted_fields import reverted
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import PODS, STATEFULSETS, Object, Resource
from resilience.kube import objects, readiness
from resilience.model.verb import Right
from resilience.verbs.context import ActionFailed, UndoContext

TEMPLATE = ("spec", "template")

NOTICED = 10.0
"""Seconds for the controller to notice the reverted template: a Pod that is deleted before might
come back with the run's."""

_ASK_EVERY = 0.1


def release(resource: Resource, data: Mapping[str, Any], context: UndoContext) -> None:
    """Delete such Pods of the StatefulSet in `data`, the record of a reverted change. Idempotent;
    nothing for other kinds."""
    made = [change for each in data["fields"] if (change := Change.of(each)).path[:2] == TEMPLATE]
    if resource != STATEFULSETS or not made:
        return
    owner = _noticed(data, context)
    if owner is None or not _ordered(owner) or _all_ready(owner):
        return
    for pod in _stuck(owner, made, context):
        context.cluster.delete(
            PODS, objects.name(pod), objects.namespace(pod), uid=objects.uid(pod)
        )


def rights(body: Object, namespace: str) -> list[Right]:
    """For the undo of a manifest with a StatefulSet; it may not exist, so they are optional."""
    if (body["apiVersion"], body["kind"]) != ("apps/v1", STATEFULSETS.kind):
        return []
    return [Right(verb=verb, group="", resource=PODS.plural, namespace=namespace, optional=True)
            for verb in ("list", "delete")]  # fmt: skip


def _noticed(data: Mapping[str, Any], context: UndoContext) -> Object | None:
    """The StatefulSet once its controller has seen the newest spec; None if it is gone."""
    until = min(context.deadline, context.clock.monotonic() + NOTICED)
    while True:
        try:
            found = context.cluster.get(STATEFULSETS, str(data["name"]), str(data["namespace"]))
        except NotFound:
            return None
        if objects.uid(found) != data["uid"] or objects.is_terminating(found):
            return None
        seen, written = objects.generations(found)
        if seen >= written or context.clock.monotonic() >= until:
            return found
        context.clock.wait(_ASK_EVERY)


def _ordered(owner: Object) -> bool:
    spec = owner.get("spec") or {}
    strategy = (spec.get("updateStrategy") or {}).get("type") or "RollingUpdate"
    return spec.get("podManagementPolicy") != "Parallel" and strategy == "RollingUpdate"


def _all_ready(owner: Object) -> bool:
    ready = int((owner.get("status") or {}).get("readyReplicas") or 0)
    return ready >= (readiness.wanted(owner) or 0)


def _stuck(owner: Object, made: Sequence[Change], context: UndoContext) -> list[Object]:
    try:
        pods = context.cluster.list(PODS, objects.namespace(owner))
    except Forbidden as error:
        raise ActionFailed(
            f"the template of StatefulSet {objects.title(owner)} is back, but not all of its Pods "
            f"are ready, and whether one with the run's template stops it cannot be read: {error}."
            " Delete such a Pod yourself"
        ) from error
    return [
        pod
        for pod in pods
        if objects.controller_uid(pod) == objects.uid(owner)
        and not objects.is_terminating(pod)
        and not readiness.is_ready(pod)
        and _is_of_the_run(pod, made)
    ]


def _is_of_the_run(pod: Object, made: Sequence[Change]) -> bool:
    """Whether a field still has the value with which the run replaced another."""
    meta = objects.metadata(pod)
    labels = {key: meta.get(key) or {} for key in ("labels", "annotations")}
    seen = {"spec": {"template": {"metadata": labels, "spec": pod.get("spec") or {}}}}
    return bool(reverted(seen, made, exact=False)[0] != seen)
