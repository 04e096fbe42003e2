"""The scheduler at work: takes Pods off the queue, decides, binds, and says why not.

One key in the shared work queue stands for all Pods: order among them is by priority and age, and
each slice places as many as its time allows.
"""

from __future__ import annotations

from typing import Final

from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.kube.object_edits import (
    condition,
    is_deleting,
    key_of,
    set_condition,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.pod_facts import is_made_for, is_terminal, node_of
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller
from resilience.sandbox.scheduler.claim_placement import (
    NO_VOLUMES,
    SELECTED_NODE,
    ClaimPlacement,
    VolumeReader,
    is_told,
)
from resilience.sandbox.scheduler.cluster_picture import Decision, Picture
from resilience.sandbox.scheduler.displacing import Displacer
from resilience.sandbox.scheduler.pod_queue import Backlog
from resilience.sandbox.scheduler.unschedulable import refused_outright, with_victims

ALL: Final[Key] = ("", "")
WAKE: Final[Key] = ("", "wake")
FLUSH: Final[Key] = ("", "flush")
GATED: Final = "Scheduling is blocked due to non-empty scheduling gates"


class Scheduler(Controller):
    """Places Pods whose `schedulerName` is `default-scheduler`."""

    name = "default-scheduler"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.pods = context.kind("pods")
        self.picture = Picture()
        self.displacer = Displacer(self, self.picture)
        self.backlog = Backlog()
        self._social = False  # whether a refused Pod might fit together with the one placed now
        claims = context.kind("persistentvolumeclaims")
        volumes = context.kind("persistentvolumes")
        classes = context.kind("storageclasses", "storage.k8s.io")
        self.volumes = VolumeReader(context.api, (claims, volumes, classes))
        self._helpful = (claims, volumes, classes)

    def start(self) -> None:
        """Watch everything that can make a Pod fit."""
        self.context.watch(self.context.kind("namespaces"), self._namespace_changed)
        self.context.watch(self.context.kind("nodes"), self._node_changed)
        self.context.watch(self.pods, self._pod_changed)
        for resource in self._helpful:
            self.context.watch(resource, self._helps)

    def reconcile(self, key: Key) -> float | None:
        """Place Pods until none is left or the slice is over."""
        if key in (WAKE, FLUSH):
            now = self.clock.monotonic()
            self._social = False
            self.enqueue(ALL)
            return self.backlog.wake(now) if key == WAKE else self.backlog.flush(now)
        while (pod_key := self.backlog.pop()) is not None:
            self._try(pod_key)
            if self.context.runner.exhausted():
                return 0
        return None

    def _namespace_changed(self, change: Change) -> None:
        self.picture.namespace_changed(change.obj, gone=change.type == "DELETED")

    def _node_changed(self, change: Change) -> None:
        if change.type == "DELETED":
            self.picture.node_gone(change.obj["metadata"]["name"])
        elif self.picture.node_changed(change.obj):
            self._wake()

    def _pod_changed(self, change: Change) -> None:
        pod, key = change.obj, key_of(change.obj)
        gone = change.type == "DELETED"
        relaxed = self.picture.pod_changed(pod, gone=gone)
        self._follow_nomination(key, pod, gone=gone)
        if gone or node_of(pod) or is_terminal(pod) or is_deleting(pod):
            self.backlog.discard(key)
            if relaxed or (self._social and node_of(pod)):
                self._wake()
            return
        if pod["spec"].get("schedulerName", "default-scheduler") != self.name:
            return
        if key not in self.backlog:
            self.backlog.add(key, pod["spec"].get("priority") or 0)
            self.enqueue(ALL)
        elif change.old is not None and change.old["spec"] != pod["spec"]:
            self.backlog.retry(key)
            self.enqueue(ALL)

    def _follow_nomination(self, key: Key, pod: Obj, *, gone: bool) -> None:
        node = (pod.get("status") or {}).get("nominatedNodeName") or ""
        ended = gone or bool(node_of(pod)) or is_terminal(pod) or is_deleting(pod)
        demand = None if ended or not node else self.picture.demand(pod)
        self.picture.nominations.follow(key, node, demand)

    def _helps(self, change: Change) -> None:
        self._wake()

    def _wake(self) -> None:
        self.enqueue(WAKE)

    def _try(self, key: Key) -> None:
        pod = self.api.find(self.pods, *key)
        if pod is None or node_of(pod):
            self.backlog.discard(key)
            return
        if pod["spec"].get("schedulingGates"):
            self._report(pod, "SchedulingGated", GATED)
            self.backlog.refuse(key, self.clock.monotonic())
            return
        volumes = self._volumes(pod)
        if volumes.refusal:
            self._refuse(key, pod, refused_outright(self.picture.existing, volumes.refusal))
            return
        decision = self.picture.decide(pod, volumes.check)
        if decision.node:
            self._place(key, pod, decision, volumes)
        else:
            self._refuse(
                key, pod, decision.message, node=self.displacer.room_for(pod, volumes.check)
            )

    def _volumes(self, pod: Obj) -> ClaimPlacement:
        claims = self.picture.demand(pod).claims
        namespace, name = key_of(pod)
        for volume in pod["spec"].get("volumes") or ():
            if "ephemeral" in volume:
                claim = self.api.find(self._helpful[0], namespace, f"{name}-{volume['name']}")
                if claim is not None and not is_made_for(claim, pod):
                    why = f"PVC {namespace}/{name}-{volume['name']} was not created for pod"
                    return ClaimPlacement(refusal=f"{why} {namespace}/{name} (pod is not owner)")
        return self.volumes.read(pod["metadata"]["namespace"], claims) if claims else NO_VOLUMES

    def _place(self, key: Key, pod: Obj, decision: Decision, volumes: ClaimPlacement) -> None:
        """Bind, or first tell waiting claims the node; their binding wakes the Pod again."""
        if volumes.waiting:
            for claim in volumes.waiting:
                if not is_told(claim, decision.node):
                    patch = {"metadata": {"annotations": {SELECTED_NODE: decision.node}}}
                    self.api.patch(self._helpful[0], *key_of(claim), patch)
            self.backlog.wait(key, self.clock.monotonic())
            return
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"namespace": key[0], "name": key[1], "uid": uid_of(pod)},
            "target": {"apiVersion": "v1", "kind": "Node", "name": decision.node},
        }
        try:
            self.api.update(self.pods, binding, "binding")
        except ApiError as error:
            text = f"binding rejected: {error.message}"
            self._refuse(key, pod, text, reason="SchedulerError")
            return
        self.backlog.discard(key)
        text = f"Successfully assigned {key[0]}/{key[1]} to {decision.node}"
        self.event(pod, "Scheduled", text)

    def _refuse(
        self, key: Key, pod: Obj, text: str, reason: str = "Unschedulable", node: str = ""
    ) -> None:
        """No node now; `node` is where room is being made."""
        if node:
            text = with_victims(text)
        self.backlog.refuse(key, self.clock.monotonic())
        self._social = self._social or not self.picture.demand(pod).rules.is_empty
        self.context.runner.add_after(self, FLUSH, 300.0)
        self.event(pod, "FailedScheduling", text, warning=True)
        self._report(pod, reason, text, node)

    def _report(self, pod: Obj, reason: str, text: str, node: str = "") -> None:
        known = condition(pod, "PodScheduled")
        status = dict(pod.get("status") or {})
        if node:
            status["nominatedNodeName"] = node
        if (
            known is not None
            and (known.get("reason"), known.get("message")) == (reason, text)
            and status == pod.get("status")
        ):
            return
        conditions = set_condition(
            status.get("conditions") or (), "PodScheduled", "False", reason, text, self.clock.now()
        )
        self.api.update(self.pods, with_status(pod, {**status, "conditions": conditions}), "status")
