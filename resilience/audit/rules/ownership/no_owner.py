"""No owner is named."""

from __future__ import annotations

import re
from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.kube import objects

OWNER = re.compile(
    r"(^|[/._-])(owner|owned-by|team|squad|maintainers?|contact|email)$", re.IGNORECASE
)
"""Last parts of label and annotation keys that name an owner."""


def find(inventory: Inventory) -> Iterator[Hit]:
    """Workloads that name no owner, neither themselves nor by their namespace."""
    for workload in inventory.lasting:
        around = inventory.get("Namespace", workload.namespace)
        if not _named(workload.object) and not (around and _named(around)):
            yield Hit(workload.object, "no label or annotation names an owner or a team")


def _named(obj: objects.Object) -> bool:
    keys = (*objects.labels(obj), *(objects.metadata(obj).get("annotations") or {}))
    return any(OWNER.search(str(key)) for key in keys)


RULE = Rule(
    id="no-owner",
    level=Level.INFO,
    title="nobody is named",
    reason=(
        "When it breaks at night, the person on call first has to find out whom to ask. That search"
        " is part of the outage."
    ),
    remedy="Add a label or an annotation `owner` or `team` to the workload or its namespace.",
    link="https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/",
    source="staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go",
    needs=("Namespace",),
    find=find,
)
