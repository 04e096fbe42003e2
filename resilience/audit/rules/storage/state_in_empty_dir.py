"""A StatefulSet without persistent storage."""

from __future__ import annotations

import re
from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import kill_one
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import Workload, listed, mapping

_PASSING = re.compile(r"(?i)(^|[/._-])(te?mp|cache|run|home|root|socket|sock)([/._-]|$)")
"""Mount paths and volume names of temporary data."""


def find(inventory: Inventory) -> Iterator[Hit]:
    """StatefulSets without a claim that write to an emptyDir on the disk."""
    for workload in inventory.lasting:
        if workload.kind == "StatefulSet" and not _has_claims(workload):
            lost = [name for name in _disks(workload) if not _PASSING.search(name)]
            kept = [name for name in lost if not _PASSING.search(_path(workload, name))]
            if kept:
                yield Hit(workload.object, f"no claim, and emptyDir {', '.join(kept)}")


def _has_claims(workload: Workload) -> bool:
    return bool(mapping(workload.object, "spec").get("volumeClaimTemplates")) or any(
        each.get("persistentVolumeClaim") or each.get("ephemeral") for each in workload.volumes
    )


def _disks(workload: Workload) -> list[str]:
    return [
        str(each.get("name"))
        for each in workload.volumes
        if "emptyDir" in each and mapping(each, "emptyDir").get("medium") != "Memory"
    ]


def _path(workload: Workload, volume: str) -> str:
    """The mount path of a container in it; `/tmp` if none mounts it."""
    for container in workload.containers:
        for mount in listed(container, "volumeMounts"):
            if mount.get("name") == volume:
                return str(mount.get("mountPath"))
    return "/tmp"


RULE = Rule(
    id="state-in-empty-dir",
    level=Level.WARNING,
    title="a StatefulSet without persistent storage",
    reason=(
        "An emptyDir is deleted with its Pod, at each eviction and each update. The next"
        " Pod has the same name and none of the data."
    ),
    remedy="Add volumeClaimTemplates, or use a Deployment if there is no state.",
    link="https://kubernetes.io/docs/concepts/storage/volumes/#emptydir",
    source="pkg/volume/emptydir/empty_dir.go",
    find=find,
    prove=kill_one,
)
