"""`suspend`: suspends a CronJob or a Job for the time of the scenario.

A suspended Job loses its Pods: they count as harmed, and the step ends when they are gone.

A CronJob that missed its time while suspended may run at once when it is resumed, if its
`startingDeadlineSeconds` still allows it: this was observed on real clusters and is declared as a
residue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.actions.pods import members
from resilience.actions.shared.workload import RESOURCES, only, read
from resilience.actions.undo import reverting
from resilience.actions.workloads import conflicts
from resilience.cluster.interface import PODS
from resilience.kube import objects
from resilience.model.values import Reference
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.model.words import many
from resilience.verbs.context import ActionContext, ActionFailed, NothingToDo


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
        raise NothingToDo(f"{reference} is already suspended; it stays suspended")
    conflicts.note(reference, there, context)
    pods = members.living(there, context) if reference.kind == "job" else []
    context.may_harm(pods)
    context.affected(there, f"{reference} is suspended")
    after = reverting.change(
        context, resource, there, lambda now: now["spec"].update(suspend=True),
        f"resume {reference}")  # fmt: skip
    if pods and not context.clock.until(
        lambda: not members.living(there, context), context.deadline
    ):
        left = many(len(members.living(there, context)), "Pod")
        raise ActionFailed(
            f"{reference} was suspended, but within {context.step.within} it kept {left}; another "
            "controller may manage it (`spec.managedBy`)"
        )
    if (after.get("spec") or {}).get("suspend"):
        context.proof(f"{reference} has suspend: true", {"uid": objects.uid(after)})


def _rights(suspend: Suspend, namespace: str) -> Sequence[Right]:
    plural = RESOURCES[suspend.workload.kind].plural
    wanted = [("batch", plural, "get"), ("batch", plural, "patch")]
    if suspend.workload.kind == "job":
        wanted += [("", PODS.plural, "list"), ("", PODS.plural, "watch")]
    return [Right(verb=verb, group=group, resource=resource, namespace=namespace)
            for group, resource, verb in wanted]  # fmt: skip


VERB = Verb(
    name="suspend",
    family=Family.ACTION,
    summary="Suspend a CronJob or a Job.",
    parameters=Suspend,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=lambda suspend: f"suspend {suspend.workload}",
    check=_check,
    shorthand="workload",
    rights=_rights,
    undo=reverting.undo,
    undo_text="The workload is resumed, unless it was suspended before or someone changed it "
    "since.",
    residue=Residue.NAMED,
    residue_text="a missed run of the CronJob may start at once",
    proof="The API server's answer contains suspend: true; a Job has no Pod left.",
    example="suspend: cronjob/report",
)
