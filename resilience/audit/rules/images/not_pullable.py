"""An image that cannot be pulled again."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import listed, mapping
from resilience.kube import objects
from resilience.model.masks import excerpt

WAITING = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})


def find(inventory: Inventory) -> Iterator[Hit]:
    """Pods that wait for their image, and Events of failed pulls."""
    told: set[tuple[str, str]] = set()
    for pod in inventory.of("Pod"):
        for status in listed(mapping(pod, "status"), "containerStatuses"):
            reason = mapping(status, "state", "waiting").get("reason")
            if str(reason) in WAITING:
                told.add((objects.namespace(pod), objects.name(pod)))
                yield Hit(pod, f"{reason}: {status.get('image')}", str(status.get("name")))
    for event in inventory.of("Event"):
        about = mapping(event, "involvedObject")
        key = str(about.get("namespace")), str(about.get("name"))
        text = str(event.get("message") or "")
        if event.get("reason") == "Failed" and "pull image" in text and key not in told:
            told.add(key)
            pod = inventory.get("Pod", key[1], key[0]) or event
            yield Hit(pod, excerpt(text.splitlines()[0], 200))


RULE = Rule(
    id="image-not-pullable",
    level=Level.ERROR,
    title="an image that cannot be pulled again",
    reason=(
        "Running Pods have the image in their node's cache. Each one that moves to another node"
        " does not start."
    ),
    remedy="Push the image again, or correct its name, the pull secret or registry access.",
    link="https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff",
    source="pkg/kubelet/images/image_manager.go",
    live=True,
    needs=("Pod", "Event"),
    find=find,
)
