"""A Service without Pods."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory, key_of
from resilience.audit.base.proofs import reach
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import listed, mapping
from resilience.kube import objects
from resilience.kube.objects import Object

NAME = "kubernetes.io/service-name"


def find(inventory: Inventory) -> Iterator[Hit]:
    """Services whose selector matches nothing, or, in a cluster, without a ready endpoint."""
    ready = _ready(inventory)
    for service in inventory.of("Service"):
        if not mapping(service, "spec", "selector"):
            continue
        behind = inventory.behind(service)
        if inventory.live:
            if key_of(service)[1:] not in ready and any(
                inventory.fewest(each) != 0 for each in behind
            ):
                yield Hit(service, "it has no ready endpoint")
            elif key_of(service)[1:] not in ready and not behind:
                yield Hit(service, "its selector matches no Pods")
        elif not behind and objects.namespace(service) not in inventory.operated:
            yield Hit(service, "its selector matches no workload of these manifests")


def _ready(inventory: Inventory) -> set[tuple[str, str]]:
    """(namespace, name) of each Service with a ready endpoint."""
    return {
        (objects.namespace(found), str(objects.labels(found).get(NAME)))
        for found in inventory.of("EndpointSlice")
        if _serves(found)
    }


def _serves(found: Object) -> bool:
    return any(
        mapping(each, "conditions").get("ready") is not False for each in listed(found, "endpoints")
    )


RULE = Rule(
    id="service-selects-nothing",
    level=Level.WARNING,
    title="a Service without Pods",
    reason=(
        "Each connection to the Service is refused or times out. A label that was renamed on one"
        " side only is the usual cause."
    ),
    remedy="Give the Service the labels of the Pods that should answer, or remove it.",
    link="https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/",
    source="staging/src/k8s.io/endpointslice/reconciler.go",
    needs=("Pod", "EndpointSlice", "Deployment", "StatefulSet", "DaemonSet"),
    find=find,
    prove=reach,
)
