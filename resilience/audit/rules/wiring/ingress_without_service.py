"""An Ingress whose Service does not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import listed, mapping
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Backends that name no Service of the namespace."""
    for ingress in inventory.of("Ingress"):
        for backend in _backends(mapping(ingress, "spec")):
            name = mapping(backend, "service").get("name") or backend.get("serviceName")
            if name and inventory.get("Service", str(name), objects.namespace(ingress)) is None:
                yield Hit(ingress, f"its backend, Service {name}, does not exist", str(name))


def _backends(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield mapping(spec, "defaultBackend") or mapping(spec, "backend")
    for rule in listed(spec, "rules"):
        for path in listed(mapping(rule, "http"), "paths"):
            yield mapping(path, "backend")


RULE = Rule(
    id="ingress-without-service",
    level=Level.WARNING,
    title="an Ingress whose Service does not exist",
    reason=(
        "Requests to that path are answered with 503, or by the controller's default backend."
        " Nothing in the namespace shows it."
    ),
    remedy="Name a Service of the same namespace.",
    link="https://kubernetes.io/docs/concepts/services-networking/ingress/",
    source="staging/src/k8s.io/api/networking/v1/types.go",
    needs=("Service",),
    find=find,
)
