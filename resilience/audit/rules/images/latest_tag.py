"""An image whose tag may point to another version tomorrow."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.images import is_placeholder
from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule


def find(inventory: Inventory) -> Iterator[Hit]:
    """Containers whose image has the tag latest, or none."""
    for workload in inventory.workloads:
        for container in workload.every_container:
            image = str(container.get("image") or "")
            name = image.rpartition("/")[2]
            if not image or is_placeholder(image):
                continue
            if "@" not in name and (":" not in name or name.endswith(":latest")):
                yield Hit(workload.object, f"image {image}", str(container.get("name")))


RULE = Rule(
    id="latest-tag",
    level=Level.WARNING,
    title="an image tag that may change at any time",
    reason=(
        "Any replaced Pod may start a version that nobody rolled out. A rollback cannot restore the"
        " previous version, because it has the same name."
    ),
    remedy="Use a version tag, or better a digest.",
    link="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    source="pkg/kubelet/images/image_manager.go",
    find=find,
    prove=restart,
)
