"""The finalizer with which a Job holds a Pod until it has been counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.object_edits import (
    controller_of,
    finalizers_of,
    key_of,
    owner_key,
    uid_of,
)
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Controller

FINALIZER: Final = "batch.kubernetes.io/job-tracking"


class Tracking:
    """Removes the finalizer; used by the Job controller only."""

    def __init__(self, controller: Controller) -> None:
        self._context = controller.context
        self._api = controller.api

    def has_job(self, pod: Obj) -> bool:
        """Whether the Job that created a Pod still exists."""
        jobs = self._context.kind("jobs", "batch")
        key, reference = owner_key(pod, jobs), controller_of(pod)
        job = self._api.find(jobs, *key) if key is not None else None
        return job is not None and reference is not None and uid_of(job) == reference["uid"]

    def untrack(self, key: Key) -> None:
        """Release a Pod that no Job counts any more."""
        pod = self._api.find(self._context.kind("pods"), *key)
        if pod is not None and FINALIZER in finalizers_of(pod) and not self.has_job(pod):
            self.release([pod])

    def release(self, pods: Iterable[Obj]) -> None:
        """Remove the finalizer from counted Pods."""
        for pod in pods:
            left = [entry for entry in finalizers_of(pod) if entry != FINALIZER]
            patch = {"metadata": {"uid": uid_of(pod), "finalizers": left or None}}
            try:
                self._api.patch(self._context.kind("pods"), *key_of(pod), patch)
            except ApiError as error:
                if error.code not in (404, 409, 422):
                    raise
