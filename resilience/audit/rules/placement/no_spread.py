"""Replicas without a rule that spreads them."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import node_down
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import SCALED, mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """Workloads of several replicas without spread constraints and without anti-affinity."""
    for workload in inventory.lasting:
        if workload.kind not in SCALED or (inventory.fewest(workload) or 0) < 2:
            continue
        apart = mapping(workload.spec, "affinity", "podAntiAffinity")
        if not workload.spec.get("topologySpreadConstraints") and not any(apart.values()):
            yield Hit(workload.object, "no topologySpreadConstraints and no podAntiAffinity")


RULE = Rule(
    id="no-spread",
    level=Level.INFO,
    title="no rule spreads the replicas",
    reason=(
        "By default the scheduler only prefers to spread Pods, so all replicas may end on one node"
        " or in one zone. The loss of that node is then the loss of the service."
    ),
    remedy="Add topologySpreadConstraints over kubernetes.io/hostname and the zone.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
    source="pkg/scheduler/framework/plugins/podtopologyspread/plugin.go",
    needs=("HorizontalPodAutoscaler",),
    find=find,
    prove=node_down,
)
