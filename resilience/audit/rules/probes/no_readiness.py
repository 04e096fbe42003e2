"""Requests that reach a Pod before it can answer."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.scraped import is_metrics
from resilience.audit.base.workloads import Workload, listed


def find(inventory: Inventory) -> Iterator[Hit]:
    """Long-running workloads without any readiness probe."""
    for workload in inventory.lasting:
        if any(each.get("readinessProbe") for each in workload.containers):
            continue
        if id(workload.object) in inventory.asked:
            yield Hit(
                workload.object, "a Service sends requests to it, and it has no readiness probe"
            )
        elif id(workload.object) not in inventory.served and _has_ports(workload):
            yield Hit(workload.object, "it has ports and no readiness probe", level=Level.INFO)


def _has_ports(workload: Workload) -> bool:
    """Whether it has a port for requests."""
    return any(
        not is_metrics(port) for each in workload.containers for port in listed(each, "ports")
    )


RULE = Rule(
    id="no-readiness",
    level=Level.WARNING,
    title="requests reach a Pod before it can answer",
    reason=(
        "Without a readiness probe a container counts as ready once its process runs. Each rollout"
        " and each restart sends requests to a process that does not listen yet."
    ),
    remedy="Add a readinessProbe that tests what a request needs.",
    link="https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",
    source="pkg/kubelet/prober/worker.go",
    find=find,
    prove=restart,
)
