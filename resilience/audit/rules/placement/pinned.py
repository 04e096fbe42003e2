"""A workload that may only run on one node."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import drain
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping

HOST = "kubernetes.io/hostname"


def find(inventory: Inventory) -> Iterator[Hit]:
    """Templates with a node's name; a live Pod always has one."""
    for workload in inventory.lasting:
        host = mapping(workload.spec, "nodeSelector").get(HOST)
        named = workload.spec.get("nodeName")
        if named and workload.kind == "Pod" and inventory.live:
            named = None
        if workload.kind != "DaemonSet" and (host or named):
            yield Hit(workload.object, f"it may only run on node {host or named}")


RULE = Rule(
    id="pinned",
    level=Level.WARNING,
    title="a workload that may only run on one node",
    reason=(
        "When that node is drained or lost, the Pods stay Pending although other nodes have room."
        " Replacing the node with one of another name does not help."
    ),
    remedy="Select nodes by their labels, not by their name.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/",
    source="pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go",
    find=find,
    prove=drain,
)
