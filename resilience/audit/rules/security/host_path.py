"""A Pod that uses files of its node."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import drain
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import Workload, listed, mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """hostPath volumes, except those that a node agent only reads."""
    for workload in inventory.workloads:
        for volume in workload.volumes:
            path = mapping(volume, "hostPath").get("path")
            if path and not _only_read(workload, str(volume.get("name")), str(path)):
                yield Hit(workload.object, f"hostPath {path}", str(volume.get("name")))


def _only_read(workload: Workload, volume: str, path: str) -> bool:
    """A DaemonSet leaves nothing behind that it did not write. A socket takes commands even when
    it is mounted read-only."""
    if workload.kind != "DaemonSet" or path.endswith(".sock"):
        return False
    mounts = [
        each
        for container in workload.every_container
        for each in listed(container, "volumeMounts")
        if each.get("name") == volume
    ]
    return bool(mounts) and all(each.get("readOnly") is True for each in mounts)


RULE = Rule(
    id="host-path",
    level=Level.WARNING,
    title="a Pod that uses files of its node",
    reason=(
        "Data there stays behind when the Pod moves, and is lost with the node. No backup of"
        " volumes includes it."
    ),
    remedy="Use a claim; for node agents, mount only the directory that they need, read-only.",
    link="https://kubernetes.io/docs/concepts/storage/volumes/#hostpath",
    source="pkg/volume/hostpath/host_path.go",
    find=find,
    prove=drain,
)
