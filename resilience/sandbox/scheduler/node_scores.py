"""How well a node suits a Pod, judged by that node alone; higher is better.

Real scores are normalized over all nodes of each decision, which costs O(nodes) per Pod. Here each
part is a function of one node, with the real weights (taints 3, affinity 2, spread 2,
LeastAllocated 1, balanced 1), so that nodes can wait in a heap. The default spread is the logarithm
of the number of Pods of the same owner on a node: its steps shrink as those of the normalized score
do, and a node without one always beats a node with one.
"""

from __future__ import annotations

import math
from typing import Final

from resilience.sandbox.kube.taints import PREFER, untolerated
from resilience.sandbox.scheduler.demand import Demand
from resilience.sandbox.scheduler.node_picture import NodeInfo

BEST: Final = 100.0


def score(demand: Demand, node: NodeInfo) -> float:
    """The weighted sum."""
    total = _allocation(demand, node)
    if node.taints:
        avoided = len(untolerated(node.taints, demand.tolerations, (PREFER,)))
        total -= 3 * BEST * min(1, avoided) + avoided
    if demand.affinity.preferred:
        total += 2 * BEST * demand.affinity.preference(node.labels, node.name)
    if demand.owner and demand.rules.is_empty:
        total -= 2 * BEST * math.log2(1 + node.by_owner[demand.owner])
    return total


def _allocation(demand: Demand, node: NodeInfo) -> float:
    """LeastAllocated plus BalancedAllocation over cpu and memory."""
    cpu = _share(node.scored_cpu + demand.scored_cpu, node.allocatable.get("cpu", 0))
    memory = _share(node.scored_memory + demand.scored_memory, node.allocatable.get("memory", 0))
    least = BEST * (1 - (cpu + memory) / 2)
    balanced = BEST * (1 - abs(cpu - memory) / 2)
    return least + balanced


def _share(used: int, capacity: int) -> float:
    return min(1.0, used / capacity) if capacity else 1.0
