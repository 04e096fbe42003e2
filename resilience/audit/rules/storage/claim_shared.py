"""Replicas that share a claim for one node."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping, texts

ONE = {"ReadWriteOnce", "ReadWriteOncePod"}


def find(inventory: Inventory) -> Iterator[Hit]:
    """Deployments that roll out or scale with a claim that only one node, or one Pod, may mount."""
    for workload in inventory.lasting:
        if workload.kind != "Deployment":
            continue
        rolls = mapping(workload.object, "spec", "strategy").get("type") != "Recreate"
        for volume in workload.volumes:
            name = str(mapping(volume, "persistentVolumeClaim").get("claimName") or "")
            claim = inventory.get("PersistentVolumeClaim", name, workload.namespace)
            modes = set(texts(mapping(claim, "spec").get("accessModes")))
            if not modes or modes - ONE:
                continue
            if (workload.replicas or 0) > 1:
                yield Hit(
                    workload.object, f"{workload.replicas} replicas share it, {min(modes)}", name
                )
            elif rolls:
                yield Hit(workload.object, f"RollingUpdate over a claim {min(modes)}", name)


RULE = Rule(
    id="claim-shared",
    level=Level.WARNING,
    title="Pods that wait for each other's volume",
    reason=(
        "A Pod on another node cannot mount the volume while the old one has it, so a rollout or"
        " scaling hangs. Two Pods on one node write to the same files."
    ),
    remedy="Use strategy Recreate with one replica, a StatefulSet, or ReadWriteMany.",
    link="https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes",
    source="pkg/controller/volume/attachdetach/util/util.go",
    needs=("PersistentVolumeClaim",),
    find=find,
    prove=restart,
)
