"""Services that only a monitoring system asks. Pure.

It asks again after some seconds, so a request that is lost costs one point of a graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from resilience.audit.base.workloads import listed, mapping
from resilience.kube import objects
from resilience.kube.objects import Object

EXPORTERS = ("-metrics", "-exporter")
"""How the names of such Services end: kube-state-metrics, node-exporter."""

_WORD = re.compile(r"(?:^|[-_])metrics(?:$|[-_])")


def only_scraped(services: Iterable[Object]) -> bool:
    """Whether none of these Services has another port than those for metrics."""
    return all(_exports(each) for each in services)


def is_metrics(port: Mapping[str, Any]) -> bool:
    """By the name of a port, of a Service or of a container."""
    return bool(_WORD.search(str(port.get("name") or "")))


def _exports(service: Object) -> bool:
    ports = list(listed(mapping(service, "spec"), "ports"))
    return objects.name(service).endswith(EXPORTERS) or (
        bool(ports) and all(is_metrics(each) for each in ports)
    )
