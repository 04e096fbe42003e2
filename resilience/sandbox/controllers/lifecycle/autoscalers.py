"""HorizontalPodAutoscalers: stored, and told in an Event that nothing will come of them.

The sandbox has no metrics to scale by; being silent about it would teach people to wait.
"""

from __future__ import annotations

from resilience.sandbox.kube.api import Change
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Controller

TEXT = (
    "the sandbox has no metrics: this HorizontalPodAutoscaler is stored and never scales anything"
)


class AutoscalerNotice(Controller):
    """See the module."""

    name = "horizontal-pod-autoscaler"

    def start(self) -> None:
        """Watch autoscalers."""
        kind = self.context.kind("horizontalpodautoscalers", "autoscaling")
        self.context.watch(kind, self._changed)

    def reconcile(self, key: Key) -> float | None:
        """Say it."""
        kind = self.context.kind("horizontalpodautoscalers", "autoscaling")
        found = self.api.find(kind, *key)
        if found is not None:
            self.event(found, "NotSupported", TEXT, warning=True)
        return None

    def _changed(self, change: Change) -> None:
        if change.old is None:
            self.enqueue_object(change)
