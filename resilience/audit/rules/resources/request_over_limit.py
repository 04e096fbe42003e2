"""A request above its limit."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.quantity import amount
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """Containers that every API server refuses."""
    for workload in inventory.workloads:
        for container in workload.every_container:
            limits = mapping(container, "resources", "limits")
            for what, asked in mapping(container, "resources", "requests").items():
                wanted, most = amount(asked), amount(limits.get(what))
                if wanted is not None and most is not None and wanted > most:
                    text = f"it requests {what} {asked}, above its limit of {limits[what]}"
                    yield Hit(workload.object, text, str(container.get("name")))


RULE = Rule(
    id="request-over-limit",
    level=Level.ERROR,
    title="a request above its limit",
    reason=(
        "The API server refuses the Pod, so nothing of it ever runs. It still accepts the"
        " Deployment, whose rollout hangs."
    ),
    remedy="Raise the limit, or lower the request.",
    link="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    source="pkg/apis/core/validation/validation.go",
    live=False,
    find=find,
)
