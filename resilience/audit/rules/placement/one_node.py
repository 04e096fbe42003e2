"""All replicas on one node."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory, key_of
from resilience.audit.base.proofs import node_down
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import SCALED
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Workloads with several Pods that are all on one node, although there are others."""
    if len(inventory.of("Node")) < 2:
        return
    for workload in inventory.lasting:
        pods = inventory.pods.get(key_of(workload.object), ())
        nodes = {objects.node(pod) for pod in pods}
        if workload.kind in SCALED and len(pods) > 1 and len(nodes) == 1 and "" not in nodes:
            yield Hit(workload.object, f"all {len(pods)} Pods run on node {min(nodes)}")


RULE = Rule(
    id="one-node",
    level=Level.ERROR,
    title="all replicas on one node",
    reason=(
        "The loss or drain of that node removes all Pods of the service at once. New ones start"
        " elsewhere only after the node counts as lost, five minutes later by default."
    ),
    remedy="Add topologySpreadConstraints, then restart the workload so that its Pods move.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
    source="pkg/scheduler/framework/plugins/podtopologyspread/plugin.go",
    needs=("Node", "Pod", "ReplicaSet"),
    live=True,
    find=find,
    prove=node_down,
)
