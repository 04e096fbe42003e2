"""Several budgets that cover one Pod."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import drain
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Workloads whose Pods several budgets cover."""
    for workload in inventory.workloads:
        covering = inventory.budgets.get(id(workload.object), ())
        if len(covering) > 1:
            names = " and ".join(sorted(objects.name(each) for each in covering))
            yield Hit(workload.object, f"the budgets {names} cover the same Pods")


RULE = Rule(
    id="budgets-overlap",
    level=Level.ERROR,
    title="two budgets cover one Pod",
    reason=(
        "The API server answers each eviction of such a Pod with an error, whatever the budgets"
        " allow. A drain of its node never ends."
    ),
    remedy="Keep one budget for each Pod.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/",
    source="pkg/registry/core/pod/storage/eviction.go",
    find=find,
    prove=drain,
)
