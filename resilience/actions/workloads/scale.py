"""`scale`: sets another number of replicas, through the workload's own `/scale`.

The previous number is restored at the end. The run waits for the Pods that the controller deleted
in between, as for any disruption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.actions.pods import members
from resilience.actions.shared.workload import RESOURCES, only, read
from resilience.actions.undo import reverting
from resilience.actions.workloads import conflicts, new_pods
from resilience.cluster.interface import PODS, REPLICASETS, Object
from resilience.kube import objects
from resilience.model.values import Reference
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.model.words import many
from resilience.verbs.context import ActionContext, ActionFailed, NothingToDo

KINDS = ("deployment", "statefulset", "replicaset", "replicationcontroller")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Parameters of `scale`."""

    workload: Reference = parameter(
        "A Deployment, StatefulSet, ReplicaSet or ReplicationController.",
        example="deployment/checkout",
    )
    replicas: int = parameter("The number of replicas.", at_least=0, example="5")


def _check(scale: Scale) -> Sequence[Complaint]:
    return only(scale.workload, KINDS, "workload")


def _describe(scale: Scale) -> str:
    return f"scale {scale.workload} to {scale.replicas}"


def run(scale: Scale, context: ActionContext) -> None:
    """Change the number; return once the requested number of living Pods exists."""
    workload = read(scale.workload, context)
    prior = int((workload.get("spec") or {}).get("replicas", 1))
    if prior == scale.replicas:
        raise NothingToDo(f"{scale.workload} already has {prior} replicas")
    conflicts.refuse_autoscaled(scale.workload, scale.replicas, context)
    conflicts.note(scale.workload, workload, context)
    there = members.living(workload, context)
    if fewer := len(there) - scale.replicas > 0:
        context.may_harm_some(there, len(there) - scale.replicas)
    context.affected(workload, f"{scale.workload} goes from {prior} to {scale.replicas} replicas")
    reverting.change(
        context,
        RESOURCES[scale.workload.kind],
        workload,
        lambda now: now["spec"].update(replicas=scale.replicas),
        f"scale {scale.workload} back to {prior}",
        subresource="scale",
    )
    _prove(scale, workload, context)
    if fewer:
        kept = {objects.uid(pod) for pod in members.living(workload, context)}
        context.were_chosen([pod for pod in there if objects.uid(pod) not in kept])


def _prove(scale: Scale, workload: Object, context: ActionContext) -> None:
    def living() -> list[Object]:
        return members.living(workload, context)

    if not new_pods.shown(scale.workload, lambda: len(living()) == scale.replicas, context):
        raise ActionFailed(
            f"{scale.workload} was scaled to {scale.replicas}, but within {context.step.within} "
            f"it had {many(len(living()), 'Pod')}; a quota or an autoscaler may prevent it"
        )
    text = f"{scale.workload} has {many(scale.replicas, 'Pod')}"
    context.proof(text, {"uid": objects.uid(workload)})


def _rights(scale: Scale, namespace: str) -> Sequence[Right]:
    scaled = RESOURCES[scale.workload.kind]
    wanted = [(scaled.group, scaled.plural, "get"),
              (scaled.group, f"{scaled.plural}/scale", "patch"),
              ("", PODS.plural, "list"), ("", PODS.plural, "watch"),
              ("apps", REPLICASETS.plural, "list"), ("apps", REPLICASETS.plural, "watch"),
              ]  # fmt: skip
    return [*(Right(verb=verb, group=group, resource=resource, namespace=namespace)
              for group, resource, verb in wanted), conflicts.right(namespace)]  # fmt: skip


VERB = Verb(
    name="scale",
    family=Family.ACTION,
    summary="Change the number of replicas of a workload.",
    parameters=Scale,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=_describe,
    check=_check,
    rights=_rights,
    undo=reverting.undo,
    undo_text="The previous replica count is restored, unless someone changed it since. Claims "
    "that a larger StatefulSet got stay, with their data. A smaller count is refused where claims "
    "would be deleted with it.",
    proof="The watch shows the requested number of living Pods.",
    example="scale: {workload: deployment/checkout, replicas: 5}",
)
