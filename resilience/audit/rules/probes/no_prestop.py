"""Requests that arrive at a Pod after it has stopped."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import Workload, mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """Workloads behind a Service without a preStop hook, where another Pod answers meanwhile."""
    for workload in inventory.lasting:
        hooks = [mapping(each, "lifecycle", "preStop") for each in workload.containers]
        if id(workload.object) not in inventory.asked or any(hooks):
            continue
        if not _ends_first(workload, inventory):
            yield Hit(workload.object, "a Service sends requests to it, and it has no preStop hook")


def _ends_first(workload: Workload, inventory: Inventory) -> bool:
    """Whether its only Pod is gone before the next one exists: however long it waits, requests
    after it are refused. Only a rolling update of a Deployment starts the next one first."""
    strategy = mapping(workload.object, "spec", "strategy").get("type")
    surges = workload.kind == "Deployment" and strategy != "Recreate"
    return inventory.fewest(workload) == 1 and not surges


RULE = Rule(
    id="no-prestop",
    level=Level.INFO,
    title="requests may arrive at a Pod that has stopped",
    reason=(
        "Nodes learn of a Pod's end some time after its SIGTERM, and send it requests until then."
        " A process that ends at once refuses them, unless it waits by itself."
    ),
    remedy="Add a preStop hook that sleeps a few seconds, or let the process wait after SIGTERM.",
    link="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
    source="pkg/kubelet/kuberuntime/kuberuntime_container.go",
    needs=("HorizontalPodAutoscaler",),
    find=find,
    prove=restart,
)
