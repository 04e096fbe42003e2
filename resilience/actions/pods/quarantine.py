"""`quarantine`: takes Pods out of service without ending them, by removing their labels.

Services, budgets and ReplicaSets find a Pod only by its labels: without them it gets no more
traffic and is replaced, while its process keeps running and can be inspected. At the end the labels
are restored; a ReplicaSet then adopts the Pod again and deletes one of the surplus Pods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.actions.pods import pod_action
from resilience.actions.selection.choice import PodChoice, complaints
from resilience.actions.undo import reverting
from resilience.cluster.interface import PODS, Object
from resilience.kube import objects
from resilience.model.verb import Complaint, Family, Phase, Residue, Verb
from resilience.verbs.context import ActionContext, ActionFailed, Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine(PodChoice):
    """Parameters of `quarantine`."""


def _check(quarantine: Quarantine) -> Sequence[Complaint]:
    return complaints(quarantine)


def _describe(quarantine: Quarantine) -> str:
    return f"quarantine {quarantine.how_many} {quarantine.which}"


def run(quarantine: Quarantine, context: ActionContext) -> None:
    """Remove all labels from the chosen Pods; return once their owners have released them."""
    chosen = pod_action.victims(quarantine, context)
    for pod in chosen:
        _one(pod, _describe(quarantine), context)
    pod_action.prove(chosen, context, _let_go, "no longer has labels or an owner")


def _one(pod: Object, why: str, context: ActionContext) -> None:
    if not objects.labels(pod):
        raise ActionFailed(f"{objects.title(pod)} has no labels to remove")
    context.victim(pod, why, Fate.KEPT)
    reverting.change(
        context, PODS, pod, lambda now: now["metadata"].pop("labels", None),
        f"restore the labels of {objects.title(pod)}", mark=True,
    )  # fmt: skip


def _let_go(pod: Object | None) -> bool:
    return pod is not None and not objects.labels(pod) and objects.controller(pod) is None


VERB = Verb(
    name="quarantine",
    family=Family.ACTION,
    summary="Detach Pods from their Service and their workload without stopping them. A "
    "StatefulSet has no replacement for one: its name is taken until the undo.",
    parameters=Quarantine,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=_describe,
    check=_check,
    shorthand="pods",
    rights=pod_action.rights(("get", "pods"), ("patch", "pods")),
    undo=reverting.undo,
    undo_text="The labels are restored, except for labels that someone changed since; the "
    "workload then has one Pod too many and deletes one.",
    residue=Residue.NAMED,
    residue_text="a ReplicaSet may have kept the replacement of a quarantined Pod",
    proof="The watch shows the Pod without labels and without an owner.",
    example="quarantine: {pods: app=checkout, count: 1}",
)
