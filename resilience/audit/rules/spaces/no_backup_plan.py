"""Data without a backup plan."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import listed, mapping, texts
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Namespaces with claims that neither a plan nor a Velero Schedule covers."""
    covered = set(inventory.backed_up)
    for schedule in inventory.of("Schedule"):
        named = mapping(schedule, "spec", "template").get("includedNamespaces")
        covered.update(texts(named) or ("*",))
    held = {objects.namespace(claim) for claim in inventory.of("PersistentVolumeClaim")}
    held |= {
        each.namespace
        for each in inventory.workloads
        for _ in listed(mapping(each.object, "spec"), "volumeClaimTemplates")
    }
    for name in sorted(held):
        if not any(fnmatchcase(name, pattern) for pattern in covered):
            around = inventory.get("Namespace", name) or {
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
            }  # fmt: skip
            yield Hit(around, "it has claims, and neither a plan nor a Schedule covers it")


RULE = Rule(
    id="no-backup-plan",
    level=Level.WARNING,
    title="data without a backup plan",
    reason=(
        "A deleted namespace, a lost volume or a bad migration is final. A backup that was never"
        " restored is a hope."
    ),
    remedy="Write a plan, with a drill: `resilience init --from-namespace NAMESPACE`.",
    link="https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming",
    source="pkg/controller/namespace/deletion/namespaced_resources_deleter.go",
    needs=("PersistentVolumeClaim", "Schedule"),
    find=find,
)
