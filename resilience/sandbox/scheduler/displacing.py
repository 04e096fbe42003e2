"""Executes preemption: Pods of lower priority are ended so that a refused Pod gets their room.

Source: prepareCandidate in pkg/scheduler/framework/preemption/executor.go. The victims end with
their whole grace period; meanwhile the Pod's nomination reserves the room.
"""

from __future__ import annotations

from datetime import datetime

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.object_edits import (
    is_true,
    key_of,
    set_condition,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Controller
from resilience.sandbox.scheduler import preemption
from resilience.sandbox.scheduler.cluster_picture import Picture, VolumeCheck

REASON = "PreemptionByScheduler"


class Displacer:
    """Acts in the scheduler's name, on the scheduler's picture."""

    def __init__(self, scheduler: Controller, picture: Picture) -> None:
        self._scheduler = scheduler
        self._picture = picture
        self._pods = scheduler.context.kind("pods")
        self._budgets = scheduler.context.kind("poddisruptionbudgets", "policy")

    def room_for(self, pod: Obj, volumes: VolumeCheck | None) -> str:
        """The node on which room is being made for a refused Pod; empty if there is none."""
        demand = self._picture.demand(pod)
        lowest = min(self._picture.priorities, default=demand.priority)
        if lowest >= demand.priority or not preemption.is_eligible(pod, demand, self._picture):
            return ""
        found = preemption.find(
            self._picture,
            demand,
            key_of(pod),
            volumes=volumes,
            budgets=self._scheduler.api.list(self._budgets),
            started=self._started,
        )
        if found is None:
            return ""
        for placed in found.victims:
            self._end(placed.key, pod, found.node)
        for key in self._picture.nominations.below(found.node, demand.priority):
            self._forget(key)
        return found.node

    def _started(self, key: Key) -> float:
        pod = self._scheduler.api.find(self._pods, *key)
        text = ((pod or {}).get("status") or {}).get("startTime")
        if not text:
            return self._scheduler.clock.now()
        return datetime.fromisoformat(text).timestamp()

    def _end(self, key: Key, preemptor: Obj, node: str) -> None:
        api = self._scheduler.api
        victim = api.find(self._pods, *key)
        if victim is None or "deletionTimestamp" in victim["metadata"]:
            return
        if not is_true(victim, "DisruptionTarget"):
            text = "default-scheduler: preempting to accommodate a higher priority pod"
            old = victim.get("status") or {}
            conditions = set_condition(
                old.get("conditions") or (), "DisruptionTarget", "True", REASON, text,
                self._scheduler.clock.now(),
            )  # fmt: skip
            victim = api.update(
                self._pods, with_status(victim, {**old, "conditions": conditions}), "status"
            )
        try:
            api.delete(self._pods, *key, uid=uid_of(victim))
        except ApiError as error:
            if error.code not in (404, 409):  # gone meanwhile, or another Pod of the same name
                raise
            return
        text = preemption.message(uid_of(preemptor), node)
        self._scheduler.event(victim, "Preempted", text)

    def _forget(self, key: Key) -> None:
        """A Pod of lower priority waited for the same node: it has to look for another."""
        pod = self._scheduler.api.find(self._pods, *key)
        if pod is not None:
            status = dict(pod.get("status") or {})
            status.pop("nominatedNodeName", None)
            self._scheduler.api.update(self._pods, with_status(pod, status), "status")
