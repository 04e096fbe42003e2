"""An image with a tag that can be moved."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.images import is_placeholder
from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule


def find(inventory: Inventory) -> Iterator[Hit]:
    """One hit for each workload, with its first image; another rule reports `latest`."""
    for workload in inventory.workloads:
        images = [str(each.get("image") or "") for each in workload.every_container]
        moving = [each for each in images if each and "@" not in each and not is_placeholder(each)]
        if moving:
            more = f" and {len(moving) - 1} more" if len(moving) > 1 else ""
            yield Hit(workload.object, f"image {moving[0]}{more} without a digest")


RULE = Rule(
    id="no-digest",
    level=Level.INFO,
    title="an image tag without a digest",
    reason=(
        "Anyone who can push to the registry can change what the next Pod runs. Two replicas of one"
        " Deployment may run two versions."
    ),
    remedy="Add the digest: NAME:TAG@sha256:...",
    link="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    source="pkg/kubelet/images/image_manager.go",
    find=find,
    prove=restart,
)
