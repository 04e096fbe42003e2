"""A claim that ties its Pod to one node."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import judged, scalar
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import listed, mapping, texts
from resilience.kube.objects import Object, name, namespace

HOST = "kubernetes.io/hostname"


def find(inventory: Inventory) -> Iterator[Hit]:
    """Claims bound to volumes that only one node can reach."""
    for volume in inventory.of("PersistentVolume"):
        spec = mapping(volume, "spec")
        node = _node(volume)
        if not node and not spec.get("local") and not spec.get("hostPath"):
            continue
        bound = mapping(spec, "claimRef")
        claim = inventory.get(
            "PersistentVolumeClaim", str(bound.get("name")), str(bound.get("namespace"))
        )
        kind = "local" if spec.get("local") else "hostPath" if spec.get("hostPath") else "pinned"
        where = f"on node {node}" if node else "on whichever node the Pod runs first"
        yield Hit(claim or volume, f"its volume is {kind}, {where}", node)


def _node(volume: Object) -> str:
    required = mapping(volume, "spec", "nodeAffinity", "required")
    for term in listed(required, "nodeSelectorTerms"):
        for rule in listed(term, "matchExpressions"):
            values = texts(rule.get("values"))
            if rule.get("key") == HOST and len(values) == 1:
                return str(values[0])
    return ""


def _prove(hit: Hit, inventory: Inventory) -> str:
    users = [
        each
        for each in inventory.workloads
        if each.namespace == namespace(hit.object)
        and any(
            mapping(volume, "persistentVolumeClaim").get("claimName") == name(hit.object)
            for volume in each.volumes
        )
    ]
    if not hit.part or not users:
        return ""
    return judged(users[0], f"- drain: {{node: {scalar(hit.part)}}}")


RULE = Rule(
    id="claim-on-one-node",
    level=Level.WARNING,
    title="a claim that ties its Pod to one node",
    reason=(
        "When that node is drained or lost, the Pod stays Pending until the node is back. If the"
        " node's disk is lost, so is the data."
    ),
    remedy="Use a StorageClass whose volumes follow their Pod, and back up the data.",
    link="https://kubernetes.io/docs/concepts/storage/volumes/#local",
    source="pkg/scheduler/framework/plugins/volumebinding/volume_binding.go",
    find=find,
    prove=_prove,
)
