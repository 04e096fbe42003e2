"""`resilience doctor`: Pods of the system for which a drain would be refused.

Only the nodes that the drain may choose count. Where the nodes are not known yet, because the
scenario itself creates the Pods that they have to run, every node does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from resilience.actions.nodes.node_choice import BIGGEST, NodeQuery, candidates
from resilience.cluster.interface import NODES, PODS, Cluster
from resilience.cluster.permit.consent_keys import closed_systems
from resilience.config.settings import Settings
from resilience.config.targets import Target
from resilience.drain.filters import leaving
from resilience.engine.guard import consent
from resilience.engine.guard.permissions import every_step, of_step
from resilience.kube import objects
from resilience.model.scenario import Scenario, Step

Line = tuple[bool | None, str, str]

_MOST = 5
"""Pods named in one line."""


def system_pods(
    scenario: Scenario, cluster: Cluster, given: Settings, targets: Sequence[Target]
) -> Iterator[Line]:
    """A line for each drain whose nodes run Pods of the system that it would have to evict."""
    target = consent.target_of(cluster, targets)
    if target is None and cluster.is_sandbox:
        return
    closed = sorted(closed_systems(target.namespaces if target else ()))
    namespace, where = scenario.namespace or given.namespace, Path(scenario.place.file).parent
    for step in every_step(scenario):
        if not _evicts_anywhere(step, namespace, where):
            continue
        nodes = _nodes(step, cluster, namespace)
        found = [
            f"{objects.title(pod)} on {objects.node(pod)}"
            for name in closed
            for pod in leaving(cluster.list(PODS, name))
            if objects.node(pod) in nodes
        ]
        if found:
            yield None, scenario.id, _told(step, found)


def _evicts_anywhere(step: Step, namespace: str, directory: Path) -> bool:
    rights = of_step(step, namespace, directory)
    return any(right.resource == "pods/eviction" and not right.namespace for right in rights)


def _nodes(step: Step, cluster: Cluster, namespace: str) -> set[str]:
    """Names of the nodes that the step may choose."""
    nodes = cluster.list(NODES)
    node = getattr(step.parameters, "node", None)
    found = list(nodes)
    if isinstance(node, str | NodeQuery):
        pods = [pod for pod in cluster.list(PODS, namespace) if not objects.is_ours(pod)]
        if node != BIGGEST or pods:  # a namespace without Pods has no node with the most Pods yet
            found = candidates(node, nodes, pods) or found
    return {objects.name(each) for each in found}


def _told(step: Step, found: Sequence[str]) -> str:
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    pods = ", ".join(found[:_MOST]) + more
    return (
        f"{step.title} is refused if it chooses the node of a system Pod: {pods}; name"
        " their namespace in `namespaces` of the target, or drain another node"
    )
