"""An update that stops all Pods before it starts new ones."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """Deployments behind a Service that may be rolled out to zero Pods."""
    for workload in inventory.lasting:
        if workload.kind != "Deployment" or (workload.replicas or 0) < 2:
            continue
        strategy = mapping(workload.object, "spec", "strategy")
        missing = mapping(strategy, "rollingUpdate").get("maxUnavailable")
        if strategy.get("type") == "Recreate":
            yield Hit(workload.object, "strategy Recreate stops every replica before it starts one")
        elif missing == "100%" or (
            isinstance(missing, int) and missing >= (workload.replicas or 0)
        ):
            yield Hit(
                workload.object, f"maxUnavailable: {missing} allows every replica to be missing"
            )


RULE = Rule(
    id="rollout-stops-service",
    level=Level.WARNING,
    title="an update stops all Pods before it starts new ones",
    reason=(
        "Each rollout has a time without a ready Pod, although there are several replicas. How"
        " long it lasts depends on the start of the new version."
    ),
    remedy="Use RollingUpdate with maxUnavailable: 0 and maxSurge: 1.",
    link="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy",
    source="pkg/controller/deployment/recreate.go",
    find=find,
    prove=restart,
)
