"""Requests that arrive at a Pod after it has stopped."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """Workloads behind a Service without a preStop hook."""
    for workload in inventory.lasting:
        hooks = [mapping(each, "lifecycle", "preStop") for each in workload.containers]
        if id(workload.object) in inventory.served and not any(hooks):
            yield Hit(workload.object, "a Service sends requests to it, and it has no preStop hook")


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
    find=find,
    prove=restart,
)
