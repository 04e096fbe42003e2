"""Shared by the verbs that stop nodes: victims, journal, undo, and waiting.

Whether the sandbox or the command of a target stops a node was chosen when the cluster was opened
(`resilience.cluster.capabilities.machines`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from resilience.actions.nodes import drain, node_choice, own_probers
from resilience.cluster.capabilities.machine_driver import NodeIdentity, Order
from resilience.cluster.capabilities.machines import MachineFailed, Machines
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import NODES, Cluster, Object
from resilience.kube import objects, readiness
from resilience.model.timeline import What
from resilience.model.verb import Right
from resilience.verbs.context import (
    ActionContext,
    ActionFailed,
    ChangedSince,
    Fate,
    NotTrusted,
    Refused,
    UndoContext,
)

LOOK_EVERY = 0.5

REMEMBERED = 60.0
"""Seconds for which the condition Ready may be out of date: a node that is off becomes Unknown only
after 50 s (--node-monitor-grace-period)."""


def of(cluster: Cluster) -> Machines:
    """The cluster's machines; Refused if it has no way to stop a node."""
    if cluster.means.machines is None:
        raise Refused(
            f"{cluster.context} is a real cluster, and Kubernetes cannot stop a node; set a "
            'command that can in its target: driver = ["./power.sh"], called as '
            "`./power.sh down NODE`, `up NODE` and `reboot NODE`"
        )
    return cluster.means.machines


@contextmanager
def driving() -> Iterator[None]:
    """Turn the failure of a driver into the failure of the action."""
    try:
        yield
    except MachineFailed as error:
        raise ActionFailed(str(error)) from error


def rehearse(
    found: Sequence[tuple[Object, list[Object]]], order: Order, context: ActionContext
) -> None:
    """Ask the machines whether they would accept the command."""
    power = of(context.cluster)
    for node, _ in found:
        with driving():
            machine = power.rehearse(context.cluster, order, objects.name(node))
        if machine:
            text = f"{objects.name(node)} is {machine}, which would accept the command"
            context.note(What.NOTE, text)


def strike(
    node: str | node_choice.NodeQuery, why: str, context: ActionContext
) -> list[tuple[Object, list[Object]]]:
    """Choose the nodes and record the Pods on them as victims; nothing is sent yet."""
    found = []
    for each in node_choice.chosen(node, context):
        carried = drain.pods_on([objects.name(each)], context)
        living = [pod for pod in carried if not objects.is_finished(pod)]
        found.append((each, living))
    everyone = [pod for _, living in found for pod in living]
    own_probers.spare(everyone, context)
    context.may_harm(own_probers.without_agents(everyone))
    for each, living in found:
        context.affected(each, f"{why}: {objects.name(each)}")
        for pod in own_probers.without_agents(living):
            context.victim(pod, f"runs on {objects.name(each)}", Fate.RESTARTED)
    return found


@dataclass(frozen=True, slots=True)
class Recorded:
    """One node's undo in the journal."""

    undo: str
    data: Mapping[str, Any]


def record(node: Object, context: ActionContext, *, by_itself: bool = False) -> Recorded:
    """Record the undo before anything is sent. With `by_itself` the host starts the node again, and
    the undo only waits."""
    name = objects.name(node)
    cordoned = bool((node.get("spec") or {}).get("unschedulable"))
    machine = NodeIdentity.of(node).as_json()
    data = {"node": name, "cordoned": cordoned, "by_itself": by_itself, "machine": machine,
            "heard": _heartbeat(node)}  # fmt: skip
    start = f"wait until {name} is" if by_itself else f"start {name} and wait until it is"
    return Recorded(context.will_undo(data, f"{start} Ready"), data)


def note_cordons(recorded: Sequence[Recorded], context: ActionContext) -> None:
    """A driver may cordon the node that it stops; that cordon is removed. A later cordon was set by
    someone else and stays."""
    for each in recorded:
        try:
            node = context.cluster.get(NODES, str(each.data["node"]))
        except NotFound:
            continue
        if (node.get("spec") or {}).get("unschedulable") and not each.data["cordoned"]:
            context.amend_undo(each.undo, {**each.data, "by_driver": True})


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Start it, wait until it is Ready, and remove the cordon that its driver set."""
    name, cluster = str(data["node"]), context.cluster
    before = data.get("heard", _heartbeat(_found(name, cluster)))
    if not data.get("by_itself"):
        with driving():
            left = context.deadline - context.clock.monotonic()
            _start(name, left, data, context)
    believed = context.clock.monotonic() + REMEMBERED
    while True:
        last = _found(name, cluster)
        now = _heartbeat(last)
        if now is None:
            before = None  # the node was not Ready, so a later Ready is current
        elif now != before or context.clock.monotonic() >= believed:
            break
        if context.clock.monotonic() + LOOK_EVERY > context.deadline:
            what = "has not come back by itself" if data.get("by_itself") else (
                "was started, but is not Ready")  # fmt: skip
            heard = "" if now is None else "; nothing has been heard of it since"
            raise ActionFailed(f"{name} {what}: {state(last)}{heard}")
        context.clock.wait(LOOK_EVERY)
    if not (last.get("spec") or {}).get("unschedulable") or data["cordoned"]:
        return
    if not (data.get("by_driver") or context.force):
        raise ChangedSince(f"{name} was cordoned by someone else since; it stays cordoned")
    cluster.patch(NODES, name, {"spec": {"unschedulable": None}})


def _found(name: str, cluster: Cluster) -> Object:
    try:
        return cluster.get(NODES, name)
    except NotFound:  # a cloud provider removes nodes that are off; the node registers again
        return {}


def _heartbeat(node: Object) -> str | None:
    """The time at which its kubelet last reported Ready; None if the node is not Ready."""
    if not readiness.is_ready(node):
        return None
    condition = objects.condition(node, "Ready") or {}
    return str(condition.get("lastHeartbeatTime") or "")


def _start(name: str, left: float, data: Mapping[str, Any], context: UndoContext) -> None:
    """The machine, from the Node object, or from the journal if that object is gone and the record
    can be trusted."""
    known = data.get("machine") if context.trusted else None
    try:
        of(context.cluster).up(context.cluster, name, left, known)
    except MachineFailed as error:
        if known is None and data.get("machine"):
            raise NotTrusted(str(error)) from error
        raise


def state(node: Object) -> str:
    """The node's Ready condition in words."""
    condition = objects.condition(node, "Ready")
    if not condition:
        return "it has no Ready condition" if node else "there is no such node"
    return f"Ready is {condition.get('status')} ({condition.get('message', 'no message')})"


def until(
    names: Sequence[str], holds: Callable[[str, Object | None], bool], context: ActionContext
) -> list[str]:
    """Wait until the condition holds for each node; return the names of the nodes for which it does
    not in time."""
    view = context.view(NODES)

    def missing() -> list[str]:
        there = {objects.name(each): each for each in view.objects()}
        return [name for name in names if not holds(name, there.get(name))]

    context.clock.until(lambda: not missing(), context.deadline)
    return missing()


def rights(parameters: object, namespace: str) -> Sequence[Right]:
    """Permissions to read nodes and their Pods; `patch` on nodes represents the consent to change
    them."""
    more = [Right(verb="list", group="", resource="pods"),
            Right(verb="watch", group="", resource="nodes")]  # fmt: skip
    return [*node_choice.rights(parameters, namespace), *more]
