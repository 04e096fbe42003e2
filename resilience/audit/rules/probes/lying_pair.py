"""A liveness probe identical to the readiness probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping, whole

HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")
PATIENT = 60
"""Seconds of failures after which a restart is likely to help."""


def find(inventory: Inventory) -> Iterator[Hit]:
    """Containers killed by a probe that should only remove them from the Service."""
    for workload in inventory.lasting:
        for container in workload.containers:
            live, ready = container.get("livenessProbe"), container.get("readinessProbe")
            if not isinstance(live, dict) or not isinstance(ready, dict):
                continue
            seconds = _patience(live)
            if _asks(live) and _asks(live) == _asks(ready) and _is_short(seconds, ready):
                text = (
                    f"liveness and readiness probe are the same, and it is killed after {seconds} s"
                )
                yield Hit(workload.object, text, str(container.get("name")))


def _is_short(seconds: int, ready: Mapping[str, Any]) -> bool:
    return seconds < PATIENT and seconds <= _patience(ready)


def _patience(probe: Mapping[str, Any]) -> int:
    """Seconds until it has failed."""
    return whole(probe.get("periodSeconds"), 10) * whole(probe.get("failureThreshold"), 3)


def _asks(probe: Mapping[str, Any]) -> Any:
    """The identity of a probe: its kind, and for HTTP only port and path."""
    kind = next((key for key in HANDLERS if probe.get(key)), "")
    asked = mapping(probe, "httpGet")
    if kind == "httpGet":
        return kind, asked.get("port"), asked.get("path")
    return (kind, probe[kind]) if kind else None


RULE = Rule(
    id="lying-pair",
    level=Level.WARNING,
    title="the liveness probe equals the readiness probe",
    reason=(
        "A Pod under load, or one that waits for its database, is killed instead of removed from"
        " the Service. The others get its load, fail the same probe, and are killed as well."
    ),
    remedy="Let the liveness probe only detect a hang, and wait longer than readiness does.",
    link="https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    source="pkg/kubelet/prober/worker.go",
    find=find,
    prove=restart,
)
