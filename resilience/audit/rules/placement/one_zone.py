"""All replicas in one zone."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory, key_of
from resilience.audit.base.proofs import judged, scalar
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import SCALED
from resilience.kube import objects

LABEL = "topology.kubernetes.io/zone"


def find(inventory: Inventory) -> Iterator[Hit]:
    """Workloads on several nodes of one zone, although there are other zones."""
    zones = {
        objects.name(node): objects.labels(node).get(LABEL, "") for node in inventory.of("Node")
    }
    if len(set(zones.values()) - {""}) < 2:
        return
    for workload in inventory.lasting:
        pods = inventory.pods.get(key_of(workload.object), ())
        nodes = {objects.node(pod) for pod in pods} - {""}
        held = {zones.get(node, "") for node in nodes}
        if workload.kind in SCALED and len(nodes) > 1 and len(held) == 1 and "" not in held:
            yield Hit(workload.object, f"all {len(pods)} Pods run in zone {min(held)}", min(held))


def _prove(hit: Hit, inventory: Inventory) -> str:
    workload = inventory.workload(hit.object)
    act = f"- zone: {{value: {scalar(hit.part)}, act: drain}}", "  within: 10m"
    return judged(workload, *act) if workload else ""


RULE = Rule(
    id="one-zone",
    level=Level.WARNING,
    title="all replicas in one zone",
    reason=(
        "Replicas on several nodes of one zone stop together with the zone. The other zones of the"
        " cluster cost money and do not help."
    ),
    remedy=f"Add a topology spread constraint over {LABEL}.",
    link="https://kubernetes.io/docs/setup/best-practices/multiple-zones/",
    source="pkg/scheduler/framework/plugins/podtopologyspread/plugin.go",
    needs=("Node", "Pod", "ReplicaSet"),
    live=True,
    find=find,
    prove=_prove,
)
