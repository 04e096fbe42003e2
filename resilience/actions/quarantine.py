"""`quarantine`: take Pods out of service without ending them, by taking their labels away.

Services, budgets and ReplicaSets know a Pod by its labels alone: without them it gets no more
traffic and is replaced, while its process goes on and can be looked at. At the end the labels come
back; a ReplicaSet then adopts the Pod again and takes one of the Pods that are now too many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.actions import pods
from resilience.actions.choice import PodChoice, complaints
from resilience.actions.putback import RUN
from resilience.cluster import objects
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import PODS, Object
from resilience.context import ActionContext, ActionFailed, Fate, UndoContext
from resilience.model.verb import Complaint, Family, Phase, Residue, Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine(PodChoice):
    """Parameters of `quarantine`."""


def _check(quarantine: Quarantine) -> Sequence[Complaint]:
    return complaints(quarantine)


def _describe(quarantine: Quarantine) -> str:
    return f"quarantine {quarantine.how_many} {quarantine.which}"


def run(quarantine: Quarantine, context: ActionContext) -> None:
    """Take all labels off the chosen Pods; return once their owners have let go."""
    chosen = pods.victims(quarantine, context)
    for pod in chosen:
        _one(pod, _describe(quarantine), context)
    pods.prove(chosen, context, _let_go, "has no labels and no owner any more")


def _one(pod: Object, why: str, context: ActionContext) -> None:
    if not objects.labels(pod):
        raise ActionFailed(f"{objects.title(pod)} has no labels to take away")
    data = {"namespace": objects.namespace(pod), "name": objects.name(pod),
            "uid": objects.uid(pod), "labels": dict(objects.labels(pod))}  # fmt: skip
    context.will_undo(data, f"give {objects.title(pod)} its labels back")
    context.victim(pod, why, Fate.KEPT)
    labels: dict[str, str | None] = {key: None for key in objects.labels(pod)}
    patch = {"metadata": {"labels": labels, "annotations": {RUN: str(context.run)},
                          "uid": objects.uid(pod)}}  # fmt: skip
    context.cluster.patch(PODS, objects.name(pod), patch, objects.namespace(pod))


def _let_go(pod: Object | None) -> bool:
    return pod is not None and not objects.labels(pod) and objects.controller(pod) is None


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Labels back, if it is still the same Pod."""
    patch = {"metadata": {"labels": data["labels"], "annotations": {RUN: None}}}
    try:
        there = context.cluster.get(PODS, str(data["name"]), str(data["namespace"]))
        if objects.uid(there) == data["uid"] and not objects.is_terminating(there):
            context.cluster.patch(PODS, str(data["name"]), patch, str(data["namespace"]))
    except NotFound:
        return


VERB = Verb(
    name="quarantine",
    family=Family.ACTION,
    summary="Cut Pods off from their Service and their workload, without ending them.",
    parameters=Quarantine,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=_describe,
    check=_check,
    shorthand="pods",
    rights=pods.rights(("get", "pods"), ("patch", "pods")),
    undo=undo,
    undo_text="The labels come back; the workload then has one Pod too many and takes one away.",
    residue=Residue.NAMED,
    residue_text="a ReplicaSet may have kept the Pod that stood in for a quarantined one",
    proof="The watch shows the Pod without labels and without an owner.",
    example="quarantine: {pods: app=checkout, count: 1}",
)
