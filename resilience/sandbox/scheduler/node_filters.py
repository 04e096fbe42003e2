"""Whether one node suits a Pod, judged by that node alone; else why not.

The order and the reasons are those of the default plugins of Kubernetes 1.36; the first plugin that
refuses gives the node's reason. `Refusal.hopeless` means that evicting Pods would not help
(UnschedulableAndUnresolvable), which the second half of the Event distinguishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from resilience.sandbox.kube.taints import (
    NO_EXECUTE,
    NO_SCHEDULE,
    is_tolerated,
    untolerated,
)
from resilience.sandbox.scheduler.demand import Demand, Port, meet
from resilience.sandbox.scheduler.node_picture import NodeInfo

UNSCHEDULABLE: Final = "node(s) were unschedulable"
TAINTED: Final = "node(s) had untolerated taint(s)"
AFFINITY: Final = "node(s) didn't match Pod's node affinity/selector"
PORTS: Final = "node(s) didn't have free ports for the requested pod ports"
TOO_MANY: Final = "Too many pods"
CORDON: Final = {"key": "node.kubernetes.io/unschedulable", "effect": NO_SCHEDULE}


class Refusal(NamedTuple):
    """Why a node is excluded: reasons as the Event prints them."""

    reasons: tuple[str, ...]
    hopeless: bool


def check(demand: Demand, node: NodeInfo) -> Refusal | None:
    """None when the node suits the Pod, judged by the node alone."""
    if node.unschedulable and not is_tolerated(demand.tolerations, CORDON):
        return Refusal((UNSCHEDULABLE,), True)
    if node.taints and untolerated(node.taints, demand.tolerations, (NO_SCHEDULE, NO_EXECUTE)):
        return Refusal((TAINTED,), True)
    if not demand.affinity.matches(node.labels, node.name):
        return Refusal((AFFINITY,), True)
    if demand.ports and any(_conflicts(port, node) for port in demand.ports):
        return Refusal((PORTS,), False)
    return fit(demand.requests, node)


def fit(requests: Mapping[str, int], node: NodeInfo) -> Refusal | None:
    """NodeResourcesFit: number of Pods, then each resource."""
    reasons = []
    hopeless = False
    if len(node.pods) + 1 > node.allocatable.get("pods", 0):
        reasons.append(TOO_MANY)
    for name, wanted in requests.items():
        have = node.allocatable.get(name, 0)
        if wanted and wanted > have - node.requested[name]:
            reasons.append(f"Insufficient {name}")
            hopeless = hopeless or wanted > have
    return Refusal(tuple(reasons), hopeless) if reasons else None


def _conflicts(port: Port, node: NodeInfo) -> bool:
    return any(meet(port, used) for used in node.ports)
