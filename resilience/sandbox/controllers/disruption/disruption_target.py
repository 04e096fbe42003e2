"""The Pod condition DisruptionTarget: written before a disruption ends a Pod.

Jobs read it in their podFailurePolicy, people in `kubectl describe`.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_true, set_condition, with_status
from resilience.sandbox.reconcile.controller_context import Controller


def with_disruption(pod: Obj, reason: str, message: str, now: float, **status: Any) -> Obj:
    """The Pod with the condition True, and other status fields replaced."""
    old = pod.get("status") or {}
    conditions = set_condition(
        old.get("conditions") or (), "DisruptionTarget", "True", reason, message, now
    )
    return with_status(pod, {**old, **status, "conditions": conditions})


def mark_disruption(controller: Controller, pod: Obj, reason: str, message: str) -> None:
    """Write the condition, unless the Pod has it."""
    if not is_true(pod, "DisruptionTarget"):
        fresh = with_disruption(pod, reason, message, controller.clock.now())
        controller.api.update(controller.context.kind("pods"), fresh, "status")
