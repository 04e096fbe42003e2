"""A StatefulSet whose Pods have no DNS names."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """StatefulSets with several Pods whose serviceName is not a Service that selects them."""
    for workload in inventory.lasting:
        if workload.kind != "StatefulSet" or (inventory.fewest(workload) or 0) < 2:
            continue
        name = str(mapping(workload.object, "spec").get("serviceName") or "")
        service = inventory.get("Service", name, workload.namespace) if name else None
        if name and service is None:
            yield Hit(workload.object, f"its serviceName {name} is not a Service")
        elif service is not None and not any(
            each.object is workload.object for each in inventory.behind(service)
        ):
            yield Hit(workload.object, f"Service {name} does not select its Pods")


RULE = Rule(
    id="set-without-service",
    level=Level.WARNING,
    title="a StatefulSet whose Pods have no DNS names",
    reason=(
        "The Pods find each other by DNS names from the governing Service. Without it a"
        " clustered application does not form again after a restart."
    ),
    remedy="Add a headless Service with that name that selects the Pods.",
    link="https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id",
    source="pkg/controller/statefulset/stateful_set_utils.go",
    needs=("Service", "HorizontalPodAutoscaler"),
    find=find,
    prove=restart,
)
