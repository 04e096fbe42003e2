"""`node_down`: a machine stops, from one moment to the next, and nobody tells Kubernetes.

Its Pods answer no more; the control plane notices after about 50 seconds, and moves what it carried
after their tolerations have run out (300 s unless Pods say otherwise). With `only: kubelet` its
Pods run on and only the node falls silent. At the end the machine is started again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resilience.actions import machines, nodes
from resilience.cluster import objects
from resilience.cluster.interface import Cluster, Object
from resilience.context import ActionContext, ActionFailed, Refused
from resilience.model.values import Duration
from resilience.model.verb import Family, Phase, Residue, Verb, parameter
from resilience.model.words import many

NOTICED = Duration.of(120)
"""Within this the node lifecycle controller has marked a silent node: its grace is 50 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDown:
    """Parameters of `node_down`."""

    node: str | nodes.NodeQuery = parameter(
        "A node's name, `biggest`, or which nodes.", example="{running: app=checkout}"
    )
    only: Literal["kubelet"] | None = parameter(
        "Stop only the kubelet, on the sandbox; its Pods run on.", default=None
    )


def _describe(down: NodeDown) -> str:
    what = "stop the kubelet of" if down.only else "stop"
    return f"{what} {nodes.describe(down.node)}"


def _possible(down: NodeDown, cluster: Cluster) -> None:
    if down.only and not cluster.is_sandbox:
        raise Refused("`only: kubelet` works on the sandbox alone: a driver stops whole machines")
    machines.require_driver(cluster)


def run(down: NodeDown, context: ActionContext) -> None:
    """Stop the machines; return once the control plane has noticed each."""
    _possible(down, context.cluster)
    found = machines.strike(down.node, _describe(down), context)
    names = [objects.name(node) for node, _ in found]
    for node, _ in found:
        machines.record(node, context)
    for name in names:
        left = context.deadline - context.clock.monotonic()
        machines.order(context.cluster, "kubelet" if down.only else "down", name, left)
    if left_over := machines.until(names, _silent, context):
        raise ActionFailed(
            f"{', '.join(left_over)} was stopped, and is still Ready after {context.step.within}: "
            "it did not stop, or `within` is shorter than the control plane's grace period"
        )
    for node, pods in found:
        context.proof(
            f"{objects.name(node)} is not Ready any more; it carried {many(len(pods), 'Pod')}",
            {"uid": objects.uid(node), "pods": len(pods)},
        )


def _silent(name: str, node: Object | None) -> bool:
    return node is None or not objects.is_ready(node)


def rehearse(down: NodeDown, context: ActionContext) -> None:
    """Which machine, with whom on it; nothing can be asked about stopping it."""
    machines.strike(down.node, _describe(down), context)


VERB = Verb(
    name="node_down",
    family=Family.ACTION,
    summary="Stop a machine without notice.",
    parameters=NodeDown,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    bounds=lambda _: (Duration.of(0), NOTICED),
    shorthand="node",
    rights=machines.rights,
    possible=_possible,
    undo=machines.undo,
    undo_text="The machine is started, and is Ready and uncordoned as before.",
    residue=Residue.NAMED,
    residue_text="Pods of the stopped node were restarted or stand elsewhere",
    proof="The node's Ready condition is not True any more.",
    example="node_down: {node: {running: app=checkout}}",
)
