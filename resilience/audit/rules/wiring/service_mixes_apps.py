"""One Service for two applications."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import reach
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.versions import are_versions
from resilience.audit.base.workloads import Workload


def find(inventory: Inventory) -> Iterator[Hit]:
    """Services whose selector matches workloads with different images, and not only versions of
    one: a canary has the same image, or another version label."""
    for service in inventory.of("Service"):
        behind = [each for each in inventory.behind(service) if each.lasting and each.kind != "Pod"]
        if len({_images(each) for each in behind}) > 1 and not are_versions(behind):
            names = " and ".join(sorted(each.reference for each in behind))
            yield Hit(service, f"it sends requests to {names}, which run different images")


def _images(workload: Workload) -> frozenset[str]:
    """Repositories, without tags and digests."""
    return frozenset(
        str(each.get("image") or "").partition("@")[0].rsplit(":", 1)[0]
        for each in workload.containers
    )


RULE = Rule(
    id="service-mixes-apps",
    level=Level.WARNING,
    title="one Service selects two applications",
    reason=(
        "Some requests reach an application that they are not meant for. Faults in one of them look"
        " like faults of the other."
    ),
    remedy="Select by a label that only the right Pods have.",
    link="https://kubernetes.io/docs/concepts/services-networking/service/",
    source="staging/src/k8s.io/endpointslice/reconciler.go",
    find=find,
    prove=reach,
)
