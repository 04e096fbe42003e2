"""`evict`: removes Pods with the eviction API, which honours disruption budgets.

If a budget forbids it now, the action waits until the budget's watch shows that it allows one more,
and tries again; at the deadline the step ends as *blocked*, with the API server's message. An
eviction has no uid precondition, because a refused precondition would occupy the budget for two
minutes: the uid is compared in the run's watch just before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.actions.pods import evictable, held_up, pod_action
from resilience.actions.selection import wide
from resilience.actions.selection.choice import WideChoice, complaints
from resilience.cluster.errors import NotFound, Throttled
from resilience.cluster.interface import BUDGETS, PODS, Object
from resilience.drain import answers
from resilience.drain.answers import Answer, Reply
from resilience.drain.budgets import selects
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.verbs.context import ActionContext, ActionFailed, Blocked, NothingToDo

SEVERAL = "more than one PodDisruptionBudget"
"""Text of the API server's refusals that no waiting can resolve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evict(WideChoice):
    """Parameters of `evict`."""

    grace: Duration | None = parameter(
        "Grace period in whole seconds; the Pod's own by default.", default=None, example="30s"
    )


def _check(evict: Evict) -> list[Complaint]:
    found = list(complaints(evict))
    if evict.grace is not None and evict.grace.exact.denominator != 1:
        found.append(Complaint(field="grace", message=f"{evict.grace} is not whole seconds",
                               expected="a grace period such as 0s or 30s"))  # fmt: skip
    return found


def _describe(evict: Evict) -> str:
    return f"evict {evict.how_many} {evict.which}{evict.where}"


def run(evict: Evict, context: ActionContext) -> None:
    """Evict the chosen Pods one after another, as their budgets allow."""
    chosen = pod_action.victims(evict, context)
    evictable.require(chosen, context)
    gone = [pod for pod in chosen if _evict(pod, evict, context)]
    if not gone:
        raise NothingToDo("every chosen Pod was gone before it could be evicted: "
                          + ", ".join(objects.title(pod) for pod in chosen))  # fmt: skip
    pod_action.prove(gone, context, pod_action.gone_or_terminating, "is terminating or gone")


def _evict(pod: Object, evict: Evict, context: ActionContext) -> bool:
    context.victim(pod, _describe(evict))
    evicted = False
    try:
        evicted = _ask(pod, evict, context)
    finally:
        if not evicted:
            context.spare(pod)
    return evicted


def _ask(pod: Object, evict: Evict, context: ActionContext) -> bool:
    """Try until the eviction is granted; False if the Pod was gone before."""
    began = context.clock.monotonic()
    view = context.view(PODS, objects.namespace(pod))
    grace = None if evict.grace is None else int(evict.grace.seconds)
    while view.by_uid(objects.uid(pod)) is not None:
        if why := _changed_mind(pod, evict, context):
            context.note(What.NOTE, f"{objects.title(pod)} is left: {why}")
            return False
        reply = answers.evict(context.cluster, pod, grace)
        match reply.answer:
            case Answer.ACCEPTED:
                return True
            case Answer.GONE | Answer.LEAVING:
                break
            case Answer.NEVER:
                raise ActionFailed(f"{objects.title(pod)}: {reply.words}")
            case Answer.CLOSED if SEVERAL in reply.words:
                raise Blocked(f"{objects.title(pod)}: {reply.words}")
            case Answer.CLOSED | Answer.AGAIN:
                _wait(pod, reply, began, context)
    context.note(What.NOTE, f"{objects.title(pod)} no longer existed")
    return False


def _changed_mind(pod: Object, evict: Evict, context: ActionContext) -> str:
    try:
        return pod_action.changed_mind(evict, pod, context)
    except NotFound:
        return "it is gone"


def _wait(pod: Object, reply: Reply, began: float, context: ActionContext) -> None:
    """Wait until a budget of the Pod allows one more eviction, or it is time to try again; at the
    deadline raise Blocked (by a budget) or ActionFailed."""
    text = f"{objects.title(pod)}: {reply.words}"
    context.note(What.NOTE, f"not yet: {text}")
    budgets = context.view(BUDGETS, objects.namespace(pod))
    refused = _state(pod, budgets.objects())

    def opened() -> bool:
        """Only changes count: the current view may be older than the refusal."""
        now = _state(pod, budgets.objects())
        return reply.answer is Answer.CLOSED and not reply.firm and now != refused and _open(now)

    again = context.clock.monotonic() + reply.wait
    context.clock.until(opened, min(context.deadline, again))
    if context.clock.monotonic() >= context.deadline:
        waited = context.clock.monotonic() - began
        if reply.answer is Answer.CLOSED:
            text += held_up.reason(pod, context)
            raise Blocked(f"blocked by a budget for {waited:.1f}s: {text}")
        raise ActionFailed(f"not evicted within {waited:.1f}s: {text}")


def rehearse(evict: Evict, context: ActionContext) -> None:
    """Ask for each Pod on its own; a dry run does not count against the budget."""
    for pod in pod_action.victims(evict, context):
        context.victim(pod, _describe(evict))
        try:
            context.cluster.evict(objects.name(pod), objects.namespace(pod), dry_run=True)
        except Throttled as error:
            said = "; ".join(str(cause.get("message", "")) for cause in error.causes)
            text = f"{objects.title(pod)} cannot be evicted yet: {said or error.message}"
            context.note(What.NOTE, text)


def _state(pod: Object, budgets: Sequence[Object]) -> Sequence[tuple[str, int]]:
    """Version and allowed disruptions of each budget that covers the Pod."""
    return [
        (objects.resource_version(budget),
         int((budget.get("status") or {}).get("disruptionsAllowed", 0)))
        for budget in budgets if selects(budget, pod)
    ]  # fmt: skip


def _open(state: Sequence[tuple[str, int]]) -> bool:
    return all(allowed > 0 for _, allowed in state)


def _rights(evict: Evict, namespace: str) -> Sequence[Right]:
    wanted = [("policy", verb, BUDGETS.plural) for verb in ("list", "watch")]
    budgets = wide.rights(evict, namespace, wanted)
    own = pod_action.rights(("create", "pods/eviction"))(evict, namespace)
    return [*own, *budgets, *evictable.rights(evict, namespace)]


VERB = Verb(
    name="evict",
    family=Family.ACTION,
    summary="Evict Pods within their disruption budgets.",
    parameters=Evict,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    due=pod_action.not_due,
    describe=_describe,
    check=_check,
    shorthand="pods",
    rights=_rights,
    residue=Residue.NAMED,
    residue_text="new Pods replaced the evicted ones",
    proof="The watch shows each victim terminating or gone.",
    example="evict: {pods: app=checkout, count: 1}",
)
