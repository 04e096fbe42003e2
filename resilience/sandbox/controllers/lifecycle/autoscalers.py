"""HorizontalPodAutoscalers: replicas are kept within minReplicas and maxReplicas.

The real controller (pkg/controller/podautoscaler) applies these bounds before any metric, and a
target of 0 replicas disables it. The sandbox has no metrics to scale by, and reports that in an
Event and in the condition ScalingActive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from resilience.sandbox.kube.api import Change, Obj, Resource
from resilience.sandbox.kube.object_edits import set_condition, with_status
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Controller

PERIOD = 15.0
TEXT = (
    "the sandbox has no metrics: replicas are kept within minReplicas and maxReplicas, and are not"
    " scaled otherwise"
)
_BELOW = "Current number of replicas below Spec.MinReplicas"
_ABOVE = "Current number of replicas above Spec.MaxReplicas"
_ABLE = "the HPA controller was able to get the target's current scale"
Condition = tuple[str, Literal["True", "False"], str, str]
"""Type, status, reason and message."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The wanted number of replicas; `reason` is "" if that is the present number."""

    replicas: int
    reason: str = ""
    active: bool = True


def wish(spec: Obj, current: int) -> Wish:
    """The number of replicas that follows from the bounds alone."""
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if current == 0 and least != 0:
        return Wish(0, active=False)
    if current > most:
        return Wish(most, _ABOVE)
    if current < least:
        return Wish(least, _BELOW)
    return Wish(current)


class HorizontalController(Controller):
    """See the module."""

    name = "horizontal-pod-autoscaler"

    def start(self) -> None:
        """Watch autoscalers; their targets are checked at intervals, as in the real controller."""
        self._told: set[str] = set()
        self.kind = self.context.kind("horizontalpodautoscalers", "autoscaling")
        self.context.watch(self.kind, self._changed)

    def reconcile(self, key: Key) -> float | None:
        """Scale a target that is out of bounds, and report."""
        hpa = self.api.find(self.kind, *key)
        if hpa is None:
            return None
        if hpa["metadata"]["uid"] not in self._told:
            self._told.add(hpa["metadata"]["uid"])
            self.event(hpa, "NotSupported", TEXT, warning=True)
        reference = hpa["spec"]["scaleTargetRef"]
        resource = self._resource(reference)
        target = self.api.find(resource, key[0], reference["name"]) if resource else None
        if resource is None or target is None:
            why = f'{reference["kind"].lower()}s "{reference["name"]}" not found'
            self._report(hpa, None, Wish(0), ("AbleToScale", "False", "FailedGetScale", why))
            return PERIOD
        current = (target.get("spec") or {}).get("replicas", 1)
        wanted = wish(hpa["spec"], current)
        if wanted.reason:
            patch = {"spec": {"replicas": wanted.replicas}}
            self.api.patch(resource, key[0], reference["name"], patch)
            text = f"New size: {wanted.replicas}; reason: {wanted.reason}"
            self.event(hpa, "SuccessfulRescale", text)
        condition: Condition = ("AbleToScale", "True", "SucceededGetScale", _ABLE)
        self._report(hpa, current, wanted, condition)
        return PERIOD

    def _changed(self, change: Change) -> None:
        if change.type != "DELETED":
            self.enqueue_object(change)

    def _resource(self, reference: Obj) -> Resource | None:
        """The target's kind, if it is served."""
        group = reference.get("apiVersion", "").rpartition("/")[0]
        for resource in self.api.served():
            if (resource.group, resource.kind) == (group, reference["kind"]):
                return resource
        return None

    def _report(self, hpa: Obj, current: int | None, wanted: Wish, condition: Condition) -> None:
        now = self.clock.now()
        before = hpa.get("status") or {}
        conditions = set_condition(before.get("conditions") or [], *condition, now)
        active: Condition = ("ScalingActive", "False", "FailedGetResourceMetric", TEXT)
        if not wanted.active:
            text = "scaling is disabled since the replica count of the target is zero"
            active = ("ScalingActive", "False", "ScalingDisabled", text)
        conditions = set_condition(conditions, *active, now)
        status: dict[str, Any] = {**before, "conditions": conditions}
        if current is not None:
            status |= {"currentReplicas": current, "desiredReplicas": wanted.replicas}
        if status != before:
            self.api.update(self.kind, with_status(hpa, status), "status")
