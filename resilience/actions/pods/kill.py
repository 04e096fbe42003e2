"""`kill`: deletes Pods, with their own grace period, a different one, or none.

A DELETE with grace 0 is not a crash: the object is gone at once, while the process still gets
SIGTERM and two seconds (semantics of the kubelet). `crash` ends a process abruptly. Budgets are
bypassed, as by every DELETE; `evict` honours them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from resilience.actions.pods import pod_action
from resilience.actions.selection.choice import WideChoice, complaints
from resilience.cluster.errors import ClusterError, Conflict, NotFound
from resilience.cluster.interface import PODS, Object
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Residue, Verb, parameter
from resilience.verbs.context import ActionContext, NothingToDo, sparing

AT_ONCE = 16
"""Maximum number of concurrent DELETE requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill(WideChoice):
    """Parameters of `kill`."""

    grace: Duration | Literal["own"] = parameter(
        "Grace period in whole seconds; `own` uses the Pod's own.",
        default="own",
        example="0s",
    )


def _check(kill: Kill) -> list[Complaint]:
    found = list(complaints(kill))
    if isinstance(kill.grace, Duration) and kill.grace.exact.denominator != 1:
        found.append(
            Complaint(
                field="grace",
                message=f"{kill.grace} is not whole seconds",
                expected="a grace period such as 0s, 1s or 30s",
            )
        )
    return found


def _describe(kill: Kill) -> str:
    grace = "" if kill.grace == "own" else f" with grace {kill.grace}"
    return f"kill {kill.how_many} {kill.which}{kill.where}{grace}"


def run(kill: Kill, context: ActionContext) -> None:
    """Delete the chosen Pods at the same time, by uid; return once the watch shows it."""
    chosen = pod_action.victims(kill, context)
    for pod in chosen:
        context.victim(pod, _describe(kill))
    grace = None if isinstance(kill.grace, str) else int(kill.grace.seconds)
    with ThreadPoolExecutor(min(AT_ONCE, len(chosen))) as pool:
        deleted = list(pool.map(lambda pod: _tried(kill, pod, grace, context), chosen))
    for error in (each for each in deleted if isinstance(each, ClusterError)):
        raise error
    struck = [pod for pod, hit in zip(chosen, deleted, strict=True) if hit]
    if not struck:
        raise NothingToDo(
            f"every chosen Pod was gone{_or_changed(kill)} or replaced before it could be killed: "
            + ", ".join(objects.title(pod) for pod in chosen)
        )
    pod_action.prove(struck, context, pod_action.gone_or_terminating, "is terminating or gone")


def _or_changed(kill: Kill) -> str:
    return ", no longer opted in" if kill.opted_in else ""


def _tried(
    kill: Kill, pod: Object, grace: int | None, context: ActionContext
) -> bool | ClusterError:
    """The error as a value: every Pod is tried, or those that are left would count as harmed."""
    try:
        return _delete(kill, pod, grace, context)
    except ClusterError as error:
        return error


def _delete(kill: Kill, pod: Object, grace: int | None, context: ActionContext) -> bool:
    try:
        if why := pod_action.changed_mind(kill, pod, context):
            context.note(What.NOTE, f"{objects.title(pod)} is left: {why}")
            context.spare(pod)
            return False
        with sparing(context, pod):
            context.cluster.delete(
                PODS, objects.name(pod), objects.namespace(pod), grace=grace, uid=objects.uid(pod)
            )
    except (NotFound, Conflict) as error:
        context.note(What.NOTE, f"{objects.title(pod)} no longer existed: {error}")
        return False
    return True


VERB = Verb(
    name="kill",
    family=Family.ACTION,
    summary="Delete Pods.",
    parameters=Kill,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=run,
    due=pod_action.not_due,
    describe=_describe,
    check=_check,
    shorthand="pods",
    rights=pod_action.rights(("delete", "pods")),
    residue=Residue.NAMED,
    residue_text="new Pods replaced the killed ones",
    proof="The watch shows each victim terminating or gone.",
    example="kill: {pods: app=checkout, share: 1/3, grace: 0s}",
)
