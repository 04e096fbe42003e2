"""A namespace that may use all resources."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory, in_namespace, is_system
from resilience.audit.base.proofs import ROLLED, SCALABLE, judged, pods
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Namespaces with workloads and without a ResourceQuota."""
    quotas = inventory.of("ResourceQuota")
    for namespace in inventory.namespaces:
        name = objects.name(namespace)
        if not is_system(namespace) and not in_namespace(quotas, name):
            yield Hit(namespace, "no ResourceQuota")


def _prove(hit: Hit, inventory: Inventory) -> str:
    """Its neighbours have to recover next to a workload that takes all it can get."""
    inside = [each for each in inventory.workloads if each.namespace == objects.name(hit.object)]
    greedy = next((each for each in inside if each.kind in SCALABLE), None)
    if greedy is None:
        return ""
    other = next((each for each in inside if each.kind in ROLLED and each is not greedy), greedy)
    act = f"- scale: {{workload: {greedy.reference}, replicas: 100}}"
    return judged(other, act, f"- kill: {pods(other)}")


RULE = Rule(
    id="no-quota",
    level=Level.INFO,
    title="a namespace that may use all resources",
    reason=(
        "A wrong number of replicas, or a Job that starts others, takes the room of every"
        " other service. Their replacements stay Pending."
    ),
    remedy="Add a ResourceQuota for Pods, CPU and memory.",
    link="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
    source="staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/admission.go",
    needs=("ResourceQuota",),
    find=find,
    prove=_prove,
)
