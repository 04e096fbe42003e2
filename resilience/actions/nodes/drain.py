"""`drain`: evicts the Pods of all chosen nodes at once, as fast as the disruption budgets allow.

All nodes are cordoned first. Three things are checked before anything is changed, in a dry run too.
A Pod that `kubectl drain` evicts only with a flag, and the step does not allow, refuses the step. A
budget that can never allow an eviction ends it as *blocked*, and the message says what to change.
If the remaining nodes lack capacity for the evicted Pods, the step fails. At the end the nodes
accept new Pods again; the replaced Pods stay on their new nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resilience.actions.nodes import cordon, node_choice, own_probers, room
from resilience.actions.pods import evictable, held_up
from resilience.actions.undo import reverting
from resilience.cluster.interface import BUDGETS, PODS, Object
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.model.words import many
from resilience.verbs.context import (
    ActionContext,
    ActionFailed,
    Blocked,
    NothingToDo,
    Refused,
)

if TYPE_CHECKING:
    from resilience.drain import Allow, DrainResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Parameters of `drain`."""

    node: str | node_choice.NodeQuery = node_choice.node_key()
    grace: Duration | None = parameter(
        "Grace period in whole seconds; each Pod's own by default.", default=None, example="30s"
    )
    empty_dir: bool = parameter(
        "Also evict Pods with emptyDir volumes; their data is lost.", default=False
    )
    bare: bool = parameter(
        "Also evict bare Pods (no controller recreates them) and Pods whose DaemonSet is gone.",
        default=False,
    )
    overflow: bool = parameter("Drain even if the remaining nodes lack capacity.", default=False)


def _check(drain: Drain) -> list[Complaint]:
    if drain.grace is None or drain.grace.exact.denominator == 1:
        return []
    text = f"{drain.grace} is not whole seconds"
    return [Complaint(field="grace", message=text, expected="a grace period such as 0s or 30s")]


def run(drain: Drain, context: ActionContext) -> None:
    """Cordon, evict, wait until everything that should leave has left."""
    from resilience.drain import DrainOptions
    from resilience.drain import drain as empty

    found, leaving, orphaned, going = _checked(drain, context)
    names = [objects.name(node) for node in found]
    if not leaving:
        raise NothingToDo(_nothing(names))
    _cordon(found, context)
    harmed: set[str] = set()

    def before(pod: Object) -> None:
        if not own_probers.is_agent(pod):
            harmed.add(objects.uid(pod))
            context.victim(pod, _describe(drain))

    grace = None if drain.grace is None else int(drain.grace.seconds)
    result = empty(
        context.cluster,
        names,
        DrainOptions(allow=_allowed(drain), grace=grace, orphans=orphaned),
        clock=context.clock,
        deadline=context.deadline,
        before=before,
        on_change=lambda pod: context.note(What.NOTE, str(pod)),
        check=lambda: context.clock.wait(0),
    )
    _explain(result, going, context)
    _told(result.lines(), context)
    for pod in result.evicted:
        if pod.uid in harmed:
            context.proof(f"{pod.namespace}/{pod.name} left {pod.node}", {"uid": pod.uid})
    _judge(result, names, harmed, context)


def _explain(result: DrainResult, going: Mapping[str, str], context: ActionContext) -> None:
    """Pods that would have left by themselves, had there been time, and why a budget stays closed
    for the others."""
    from resilience.drain import State

    blocked = [pod for pod in result.pods if pod.state is State.BLOCKED]
    why = held_up.reasons([(pod.namespace, pod.uid) for pod in blocked], context)
    for pod in blocked:
        pod.reason += why.get(pod.uid, "")
        if pod.uid in going:
            pod.reason += f"; it {going[pod.uid]}: give the step a longer `within`"


def _allowed(drain: Drain) -> Allow:
    from resilience.drain import Allow

    return Allow(empty_dir=drain.empty_dir, bare=drain.bare)


def _checked(
    drain: Drain, context: ActionContext
) -> tuple[list[Object], list[Object], frozenset[str], Mapping[str, str]]:
    """The nodes, the Pods to evict without agents of a prober, the uids of those whose DaemonSet is
    gone, and why others leave by themselves (by uid). Nothing is changed yet."""
    from resilience.drain import filters, orphans

    found = node_choice.chosen(drain.node, context)
    names = [objects.name(node) for node in found]
    moving = pods_on(names, context)
    own_probers.spare(moving, context)
    orphaned = orphans.orphans(context.cluster, moving)
    leaving = own_probers.without_agents(filters.leaving(moving, orphaned))
    context.may_harm(leaving)
    _require_allowed(leaving, _allowed(drain), orphaned)
    # Blocked when an eviction can never succeed, NotMet when there is no room.
    going = evictable.require(leaving, context)
    staying = [pod for pod in leaving if objects.uid(pod) not in going]
    room.require(staying, names, context, overflow=drain.overflow)
    return found, leaving, orphaned, going


def _require_allowed(leaving: Sequence[Object], allow: Allow, orphaned: Collection[str]) -> None:
    from resilience.drain import filters

    each = [(pod, filters.decide(pod, allow, orphaned=objects.uid(pod) in orphaned))
            for pod in leaving]  # fmt: skip
    refused = [
        f"{objects.title(pod)} on {objects.node(pod)}: {decision.reason}"
        for pod, decision in each
        if decision.fate is filters.Fate.REFUSE
    ]
    if refused:
        raise Refused("nothing was touched: " + "; ".join(refused))


def _cordon(found: Sequence[Object], context: ActionContext) -> None:
    for node in found:
        if not cordon.is_cordoned(node):
            cordon.put_on(node, context)


def _judge(
    result: DrainResult, names: Sequence[str], harmed: set[str], context: ActionContext
) -> None:
    from resilience.drain import State

    where = ", ".join(names)
    left = [pod for pod in result.pods if not pod.state.fine]
    text = f"{where} is not empty after {result.seconds:.1f} s: " + "; ".join(map(str, left))
    refused = [pod for pod in left if pod.state is State.REFUSED]
    if refused:
        raise Refused("nothing was evicted: " + "; ".join(map(str, refused)))
    if any(pod.state is State.BLOCKED for pod in left):
        raise Blocked(text)
    if left:
        raise ActionFailed(text)
    if not harmed.intersection(pod.uid for pod in result.evicted):
        raise NothingToDo(_nobody(result, names))
    context.note(
        What.NOTE,
        f"{where} drained of {many(len(result.evicted), 'Pod')} in {result.seconds:.1f} s,"
        f" {result.rejected} evictions rejected",
        {"seconds": result.seconds, "rejected": result.rejected},
    )


def _nobody(result: DrainResult, names: Sequence[str]) -> str:
    """Nobody was evicted: all left by themselves, or there was nobody."""
    from resilience.drain import State

    went = [f"{pod.namespace}/{pod.name}" for pod in result.pods if pod.state is State.GONE]
    if not went:
        return _nothing(names)
    return (
        f"every Pod of {', '.join(names)} left by itself before it was evicted"
        f" ({', '.join(went)}), so the drain disrupted nobody"
    )


def _nothing(names: Sequence[str]) -> str:
    return f"{', '.join(names)} has no Pod that can be evicted"


def pods_on(names: Sequence[str], context: ActionContext) -> list[Object]:
    """All Pods on these nodes, of all namespaces."""
    return [
        pod for name in names for pod in context.cluster.list(PODS, fields=f"spec.nodeName={name}")
    ]


def _told(texts: Sequence[str], context: ActionContext) -> None:
    for text in texts:
        context.note(What.NOTE, text)


def _describe(drain: Drain) -> str:
    return f"drain {node_choice.describe(drain.node)}"


def _rights(drain: Drain, namespace: str) -> Sequence[Right]:
    everywhere = [("list", "", "pods"), ("watch", "", "pods"),
                  ("create", "", "pods/eviction"), ("list", "policy", BUDGETS.plural),
                  ("watch", "policy", BUDGETS.plural), ("get", "apps", "replicasets"),
                  ("get", "apps", "daemonsets")]  # fmt: skip
    more = [Right(verb=verb, group=group, resource=name) for verb, group, name in everywhere]
    return [*node_choice.rights(drain, namespace), *more, *evictable.rights(drain, "")]


def rehearse(drain: Drain, context: ActionContext) -> None:
    """List the Pods that would be evicted and their namespaces, and ask the API server whether it
    would cordon and evict."""
    found, leaving, *_ = _checked(drain, context)
    _cordon(found, context)
    spaces = sorted({objects.namespace(pod) for pod in leaving})
    _told([f"Pods of these namespaces are evicted: {', '.join(spaces) or 'none'}"], context)
    for pod in leaving:
        context.victim(pod, _describe(drain))


VERB = Verb(
    name="drain",
    family=Family.ACTION,
    summary="Drain nodes as fast as their disruption budgets allow.",
    parameters=Drain,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    check=_check,
    shorthand="node",
    rights=_rights,
    undo=reverting.undo,
    undo_text="The nodes are uncordoned, unless they were cordoned before or by someone else.",
    residue=Residue.NAMED,
    residue_text="the evicted Pods run on other nodes",
    proof="The watch shows that each evicted Pod is gone from its node.",
    example="drain: {node: {running: app=checkout}}",
)
