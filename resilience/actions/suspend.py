"""`suspend`: a CronJob or a Job is not run for the time of the scenario.

A CronJob that missed its time while suspended may run at once when it is resumed, if its
`startingDeadlineSeconds` still allows it: seen on real clusters, and named as the residue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.actions import fights
from resilience.actions.workloads import RESOURCES, only, read
from resilience.cluster import objects
from resilience.cluster.errors import NotFound
from resilience.context import ActionContext, NothingToDo, UndoContext
from resilience.model.values import Reference
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspend:
    """Parameters of `suspend`."""

    workload: Reference = parameter("A CronJob or a Job.", example="cronjob/report")


def _check(suspend: Suspend) -> Sequence[Complaint]:
    return only(suspend.workload, ("cronjob", "job"), "workload")


def run(suspend: Suspend, context: ActionContext) -> None:
    """Set `spec.suspend`."""
    reference, resource = suspend.workload, RESOURCES[suspend.workload.kind]
    there = read(reference, context)
    if (there.get("spec") or {}).get("suspend"):
        raise NothingToDo(f"{reference} is suspended already; it stays so")
    fights.note(reference, there, context)
    data = {"workload": str(reference), "namespace": context.namespace, "uid": objects.uid(there)}
    context.will_undo(data, f"resume {reference}")
    context.affected(there, f"{reference} is suspended")
    after = context.cluster.patch(
        resource, reference.name, {"spec": {"suspend": True}}, context.namespace)  # fmt: skip
    if (after.get("spec") or {}).get("suspend"):
        context.proof(f"{reference} says suspend: true", {"uid": objects.uid(after)})


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Resume it, if it is still the same."""
    reference, namespace = Reference.parse(str(data["workload"])), str(data["namespace"])
    resource = RESOURCES[reference.kind]
    try:
        there = context.cluster.get(resource, reference.name, namespace)
    except NotFound:
        return
    if objects.uid(there) == data["uid"]:
        context.cluster.patch(resource, reference.name, {"spec": {"suspend": False}}, namespace)


def _rights(suspend: Suspend, namespace: str) -> Sequence[Right]:
    plural = RESOURCES[suspend.workload.kind].plural
    return [Right(verb=verb, group="batch", resource=plural, namespace=namespace)
            for verb in ("get", "patch")]  # fmt: skip


VERB = Verb(
    name="suspend",
    family=Family.ACTION,
    summary="Keep a CronJob or a Job from running.",
    parameters=Suspend,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=lambda suspend: f"suspend {suspend.workload}",
    check=_check,
    shorthand="workload",
    rights=_rights,
    undo=undo,
    undo_text="It is resumed, unless it was suspended before.",
    residue=Residue.NAMED,
    residue_text="a run that a CronJob missed meanwhile may start at once",
    proof="The API server's answer says suspend: true.",
    example="suspend: cronjob/report",
)
