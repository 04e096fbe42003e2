"""`reboot`: a node restarts without a drain, as after a kernel panic or a power cut.

A reboot usually takes less than the control plane's grace period. Then no Pod is moved: the Pods
stay on the node, with restarted containers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resilience.actions.nodes import machines, node_choice
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.kube import objects, readiness
from resilience.model.values import Duration
from resilience.model.verb import Family, Phase, Residue, Verb
from resilience.model.words import many
from resilience.verbs.context import ActionContext, ActionFailed

BOOTED = Duration.of(300)
"""A node must be back within this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    """Parameters of `reboot`."""

    node: str | node_choice.NodeQuery = node_choice.node_key()


def _describe(reboot: Reboot) -> str:
    return f"reboot {node_choice.describe(reboot.node)}"


def _possible(_: Reboot, cluster: Cluster) -> None:
    machines.of(cluster)


def run(reboot: Reboot, context: ActionContext) -> None:
    """Reboot the nodes; return once each is Ready with a new boot id."""
    power = machines.of(context.cluster)
    found = machines.strike(reboot.node, _describe(reboot), context)
    carried = {objects.name(node): pods for node, pods in found}
    before = {objects.name(node): _boot(node) for node, _ in found}
    recorded = [machines.record(node, context) for node, _ in found]
    with machines.driving():
        power.reboot(
            context.cluster,
            list(before),
            lambda: context.deadline - context.clock.monotonic(),
            context.clock.wait,
        )

    def is_back(name: str, node: Object | None) -> bool:
        if node is None or not readiness.is_ready(node):
            return False
        return _boot(node) != before[name] or _restarted(carried[name], context)

    late = machines.until(list(before), is_back, context)
    machines.note_cordons(recorded, context)
    if late:
        raise ActionFailed(f"{', '.join(late)} did not finish rebooting within "
                           f"{context.step.within}")  # fmt: skip
    for node, pods in found:
        context.proof(f"{objects.name(node)} has rebooted, with {many(len(pods), 'Pod')} on it",
                      {"uid": objects.uid(node), "pods": len(pods)})  # fmt: skip


def _boot(node: Object) -> str:
    info: Mapping[str, str] = (node.get("status") or {}).get("nodeInfo") or {}
    return str(info.get("bootID", ""))


def _restarted(pods: list[Object], context: ActionContext) -> bool:
    """Whether every Pod on the node has lost its processes. This proves the reboot; a new boot id
    alone does not."""
    if not pods:
        return False
    for pod in pods:
        now = context.view(PODS, objects.namespace(pod)).by_uid(objects.uid(pod))
        if now is not None and objects.restarts(now) <= objects.restarts(pod):
            return False
    return True


def rehearse(reboot: Reboot, context: ActionContext) -> None:
    """Report which nodes and Pods would be affected, and whether the machine would accept the
    command, if the driver can tell."""
    machines.of(context.cluster)
    found = machines.strike(reboot.node, _describe(reboot), context)
    machines.rehearse(found, "reboot", context)


VERB = Verb(
    name="reboot",
    family=Family.ACTION,
    summary="Restart a node without warning.",
    parameters=Reboot,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    bounds=lambda _: (Duration.of(0), BOOTED),
    shorthand="node",
    rights=machines.rights,
    possible=_possible,
    undo=machines.undo,
    undo_text="The node is started if it is down, and is Ready and uncordoned as before.",
    residue=Residue.NAMED,
    spoils_given=True,
    residue_text="Pods of the rebooted node were restarted",
    proof="The node is Ready with another boot id, or all its Pods have restarted.",
    example="reboot: {node: {running: app=checkout}}",
)
