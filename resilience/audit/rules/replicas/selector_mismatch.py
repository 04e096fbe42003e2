"""A workload that does not select its own Pods."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping
from resilience.kube.label_selector import matches


def find(inventory: Inventory) -> Iterator[Hit]:
    """Workloads whose selector does not match the labels of their template."""
    for workload in inventory.lasting:
        selector = mapping(workload.object, "spec", "selector")
        plain = workload.kind == "ReplicationController"
        if workload.kind == "Pod" or not selector:
            continue
        if not matches({"matchLabels": selector} if plain else selector, workload.labels):
            yield Hit(workload.object, "its selector does not match the labels of its own Pods")


RULE = Rule(
    id="selector-mismatch",
    level=Level.ERROR,
    title="a workload that does not select its own Pods",
    reason=(
        "The API server refuses such a workload, so nothing of it ever runs. The mistake only shows"
        " when the manifest is applied."
    ),
    remedy="Give the template the labels of the selector.",
    link="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector",
    source="pkg/apis/apps/validation/validation.go",
    live=False,
    find=find,
)
