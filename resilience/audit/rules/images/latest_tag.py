"""An image that is another one tomorrow."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule


def find(inventory: Inventory) -> Iterator[Hit]:
    """Containers whose image has the tag latest, or none."""
    for workload in inventory.workloads:
        for container in workload.every_container:
            image = str(container.get("image") or "")
            name = image.rpartition("/")[2]
            if image and "@" not in name and (":" not in name or name.endswith(":latest")):
                yield Hit(workload.object, f"image {image}", str(container.get("name")))


RULE = Rule(
    id="latest-tag",
    level=Level.WARNING,
    title="an image that is another one tomorrow",
    reason=(
        "A Pod that is replaced, on whatever occasion, may start a version that nobody rolled out."
        " A rollback cannot bring back the one before, because it has the same name."
    ),
    remedy="Name a version, best by its digest.",
    link="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    source="pkg/kubelet/images/image_manager.go",
    find=find,
    prove=restart,
)
