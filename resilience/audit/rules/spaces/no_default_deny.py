"""A namespace that is open to all Pods."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory, in_namespace, is_system
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import Workload, mapping, texts
from resilience.kube import objects
from resilience.kube.label_selector import matches
from resilience.kube.objects import Object


def find(inventory: Inventory) -> Iterator[Hit]:
    """Namespaces with Pods that no NetworkPolicy selects, for one direction."""
    for namespace in inventory.namespaces:
        name = objects.name(namespace)
        if is_system(namespace):
            continue
        inside = [each for each in inventory.workloads if each.namespace == name]
        policies = in_namespace(inventory.of("NetworkPolicy"), name)
        for direction in ("Ingress", "Egress"):
            free = [each for each in inside if not _taken(each, policies, direction)]
            if free:
                text = f"{len(free)} of {len(inside)} workloads are open for {direction.lower()}"
                yield Hit(namespace, text, direction.lower())


def _taken(workload: Workload, policies: list[Object], direction: str) -> bool:
    if workload.spec.get("hostNetwork") is True:
        return True
    return any(
        matches(mapping(each, "spec", "podSelector"), workload.labels)
        for each in policies
        if direction in _types(each)
    )


def _types(policy: Object) -> tuple[str, ...]:
    spec = mapping(policy, "spec")
    return texts(spec.get("policyTypes")) or (
        ("Ingress", "Egress") if spec.get("egress") else ("Ingress",)
    )


RULE = Rule(
    id="no-default-deny",
    level=Level.INFO,
    title="Pods that are open to the whole cluster",
    reason=(
        "Every Pod of the cluster can overload these services, exploit them or try passwords. A"
        " restored copy of the namespace can reach the original."
    ),
    remedy="Add a NetworkPolicy that denies everything, and one for each intended connection.",
    link="https://kubernetes.io/docs/concepts/services-networking/network-policies/#default-policies",
    source="staging/src/k8s.io/api/networking/v1/types.go",
    needs=("NetworkPolicy",),
    find=find,
)
