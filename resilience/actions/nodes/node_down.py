"""`node_down`: a node stops abruptly, without notice to Kubernetes.

Its Pods no longer answer; the control plane notices after about 50 seconds, and replaces them after
their tolerations have expired (300 s unless Pods say otherwise). With `only: kubelet` its Pods keep
running and only the node falls silent. At the end the node is started again.

On a real cluster a target's driver stops whole nodes. A kubelet alone is stopped there by timers on
its own host (`actions/nodes/host_timer.py`), which also start it again, because Kubernetes cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from resilience.actions.nodes import host_timer, machines, node_choice
from resilience.actions.pods import host_pod
from resilience.actions.undo import object_undo
from resilience.cluster.interface import Cluster, Object
from resilience.kube import objects, readiness
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.model.words import many
from resilience.verbs.context import ActionContext, ActionFailed, Refused, UndoContext

SHORTEST, BACK, LONGEST = Duration.of(60), Duration.of(120), Duration.of(180)
"""Limits for the time that a host's timer keeps its kubelet stopped: long enough for the control
plane to notice, and no longer than an undo waits for the node to be Ready."""

NOTICED = Duration.of(120)
"""The node lifecycle controller marks a silent node within this time; its grace period is 50 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDown:
    """Parameters of `node_down`."""

    node: str | node_choice.NodeQuery = node_choice.node_key()
    only: Literal["kubelet"] | None = parameter(
        "Stop only the kubelet; its Pods keep running. On a real cluster a privileged Pod sets a "
        "timer on the host; this needs `lasting: true`, and `privileged = true` in the target.",
        default=None,
    )
    duration: Duration | None = parameter(
        "With `only: kubelet` on a real cluster: the time after which the host starts the "
        f"kubelet again (default {BACK}).",
        default=None,
        example="2m",
    )


def _describe(down: NodeDown) -> str:
    what = "stop the kubelet of" if down.only else "stop"
    return f"{what} {node_choice.describe(down.node)}"


def _check(down: NodeDown) -> Sequence[Complaint]:
    if down.duration is None:
        return ()
    if down.only is None:
        message, expected = "`duration` without `only: kubelet`", "`only: kubelet` as well"
        return [Complaint(field="duration", message=message, expected=expected)]
    if not SHORTEST.exact <= down.duration.exact <= LONGEST.exact:
        return [Complaint(field="duration", message=f"`duration` is `{down.duration}`",
                          expected=f"from {SHORTEST} to {LONGEST}")]  # fmt: skip
    return ()


def _possible(down: NodeDown, cluster: Cluster) -> None:
    if not down.only:
        machines.of(cluster)
    elif not _stops_kubelets(cluster) and not cluster.means.privileged:
        raise Refused(
            f"`only: kubelet`: {cluster.context} is a real cluster, where a kubelet is stopped by "
            "a privileged Pod and a timer on its host; allow it with `privileged = true` in the "
            "target, or stop whole nodes with a `driver`"
        )


def _stops_kubelets(cluster: Cluster) -> bool:
    return cluster.means.machines is not None and cluster.means.machines.stops_kubelets


def _helpers(down: NodeDown, namespace: str, cluster: Cluster) -> Sequence[Object]:
    by_timer = down.only and not _stops_kubelets(cluster)
    return [host_pod.like("silence", namespace, cluster)] if by_timer else ()


def _by_timer(down: NodeDown, context: ActionContext) -> bool:
    """Whether timers on the hosts stop the kubelets; Refused if the step does not confirm that with
    `lasting`."""
    if not down.only or _stops_kubelets(context.cluster):
        return False
    if not context.step.lasting:
        raise Refused(
            "`only: kubelet` on a real cluster is undone only by a timer on the host: write "
            "`lasting: true` next to `node_down` to confirm that you accept this"
        )
    return True


def run(down: NodeDown, context: ActionContext) -> None:
    """Stop the nodes; return once the control plane has noticed each."""
    _possible(down, context.cluster)
    by_timer = _by_timer(down, context)
    found = machines.strike(down.node, _describe(down), context)
    names = [objects.name(node) for node, _ in found]
    recorded = [machines.record(node, context, by_itself=by_timer) for node, _ in found]
    if by_timer:
        host_timer.silence(names, (down.duration or BACK).seconds, context)
    else:
        power = machines.of(context.cluster)
        stop = power.silence if down.only else power.down
        for name in names:
            with machines.driving():
                stop(context.cluster, name, context.deadline - context.clock.monotonic())
    left_over = machines.until(names, _silent, context)
    machines.note_cordons(recorded, context)
    if left_over:
        raise ActionFailed(
            f"{', '.join(left_over)} was stopped, but is still Ready after {context.step.within}: "
            "it did not stop, or `within` is shorter than the control plane's grace period"
        )
    for node, pods in found:
        context.proof(
            f"{objects.name(node)} is no longer Ready; it ran {many(len(pods), 'Pod')}",
            {"uid": objects.uid(node), "pods": len(pods)},
        )


def _silent(name: str, node: Object | None) -> bool:
    return node is None or not readiness.is_ready(node)


def rehearse(down: NodeDown, context: ActionContext) -> None:
    """Report which nodes and Pods would be affected, and whether the machine would accept the
    command, if the driver can tell."""
    _possible(down, context.cluster)
    _by_timer(down, context)
    found = machines.strike(down.node, _describe(down), context)
    if not down.only:
        machines.rehearse(found, "down", context)


def rights(down: NodeDown, namespace: str) -> Sequence[Right]:
    """Permissions for nodes; for a kubelet alone also to create the helper (not on the sandbox)."""
    if not down.only:
        return machines.rights(down, namespace)
    helper = [Right(verb=verb, group="", resource="pods", namespace=namespace)
              for verb in ("create", "delete", "get", "watch")]  # fmt: skip
    return [*machines.rights(down, namespace), *helper]


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Undo: remove the helper, or start the node again."""
    (object_undo.undo if "resource" in data else machines.undo)(data, context)


VERB = Verb(
    name="node_down",
    family=Family.ACTION,
    summary="Stop a node without warning.",
    parameters=NodeDown,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    bounds=lambda _: (Duration.of(0), NOTICED),
    shorthand="node",
    check=_check,
    may_last=True,
    rights=rights,
    possible=_possible,
    helpers=_helpers,
    undo=undo,
    undo_text="The node is started, and is Ready and uncordoned as before.",
    residue=Residue.NAMED,
    residue_text="Pods of the stopped node were restarted or moved",
    proof="The node's Ready condition is no longer True.",
    example="node_down: {node: {running: app=checkout}}",
)
