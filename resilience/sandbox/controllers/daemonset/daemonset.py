"""The DaemonSet controller: one Pod on every node that may have it (rules 3.4).

The default scheduler binds the Pods, each pinned to its node by affinity. A failed Pod is deleted
and created again with a back-off per node from 1 s to 15 min.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from resilience.sandbox.controllers.daemonset.daemon_plan import (
    Pair,
    limits_of,
    pair,
    pin,
    placement,
    target_of,
    update,
)
from resilience.sandbox.controllers.deployment.rollout_facts import created
from resilience.sandbox.controllers.podsets import pod_creation
from resilience.sandbox.controllers.podsets.adoption import claim
from resilience.sandbox.controllers.podsets.controller_revisions import (
    POD_LABEL,
    Revisions,
    hash_of,
)
from resilience.sandbox.controllers.podsets.pod_templates import pod_from_template
from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.kube.object_edits import (
    is_deleting,
    key_of,
    labels_of,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.pod_facts import is_available, is_ready, is_terminal, phase_of
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller
from resilience.sandbox.reconcile.pod_index import changed_owners

FIRST_BACK_OFF: Final = 1.0
LAST_BACK_OFF: Final = 900.0
GENERATION_LABEL: Final = "pod-template-generation"


@dataclass(slots=True)
class NodeBackOff:
    """Failures of one DaemonSet on one node."""

    delay: float = 0.0
    until: float = 0.0


@dataclass(slots=True)
class SyncInput:
    """The input of one sync."""

    nodes: dict[str, Obj]
    runs: set[str]
    stays: set[str]
    pods: dict[str, list[Obj]]
    label: str


class DaemonSetController(Controller):
    """See the module."""

    name = "daemonset-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("daemonsets", "apps")
        self.pods = context.kind("pods")
        self.nodes = context.kind("nodes")
        self.revisions = Revisions(self, self.kind)
        self._back_offs: dict[tuple[str, str], NodeBackOff] = {}

    def start(self) -> None:
        """Watch DaemonSets, Pods and Nodes."""
        self.context.watch(self.kind, self.enqueue_object)
        self.context.watch(self.pods, self._pod_changed)
        self.context.watch(self.nodes, self._node_changed)

    def reconcile(self, key: Key) -> float | None:
        """One sync."""
        owner = self.api.find(self.kind, *key)
        if owner is None or is_deleting(owner):
            return None
        label = hash_of(self.revisions.ensure(owner))
        view = self._view(owner, label)
        surge: list[str] = []
        wait = self._end_failed(owner, view)
        self._remove_surplus(owner, view)
        if self._is_rolling(owner):
            surge = self._roll(owner, view)
        error = self._create(owner, view, surge)
        self._report(owner, self._view(owner, label))
        if error is not None:
            raise error
        return wait

    def _pod_changed(self, change: Change) -> None:
        for key in changed_owners(change, self.kind, always=True):
            self.enqueue(key)

    def _node_changed(self, change: Change) -> None:
        old, node = change.old, change.obj
        gone = change.type == "DELETED"
        if old is None or gone or _node_facts(old) != _node_facts(node):
            for owner in self.api.list(self.kind):
                self.enqueue(key_of(owner))

    def _view(self, owner: Obj, label: str) -> SyncInput:
        view = SyncInput({}, set(), set(), {}, label)
        for node in self.api.list(self.nodes):
            name = node["metadata"]["name"]
            view.nodes[name] = node
            runs, stays = placement(owner["spec"]["template"]["spec"], node)
            view.runs |= {name} if runs else set()
            view.stays |= {name} if stays else set()
        for pod in claim(self, self.pods, owner, self.kind):
            if not (is_deleting(pod) and is_terminal(pod)):
                view.pods.setdefault(target_of(pod), []).append(pod)
        return view

    def _end_failed(self, owner: Obj, view: SyncInput) -> float | None:
        """Delete ended Pods, with back-off for failed ones; seconds until the next may be
        deleted."""
        now, soonest = self.clock.monotonic(), None
        for node, pods in view.pods.items():
            for pod in list(pods):
                if not is_terminal(pod) or is_deleting(pod) or node not in view.stays:
                    continue
                left = self._back_off(owner, node, now) if phase_of(pod) == "Failed" else 0.0
                if left > 0:
                    soonest = left if soonest is None else min(soonest, left)
                    continue
                self._tell_end(owner, pod, node)
                pod_creation.delete_pod(self, owner, pod)
                pods.remove(pod)
        return soonest

    def _back_off(self, owner: Obj, node: str, now: float) -> float:
        state = self._back_offs.setdefault((uid_of(owner), node), NodeBackOff())
        if now < state.until:
            return state.until - now
        # A node without a failure for twice the longest back-off starts from the beginning.
        quiet = now - state.until > 2 * LAST_BACK_OFF
        state.delay = FIRST_BACK_OFF if quiet or not state.delay else state.delay * 2
        state.delay = min(state.delay, LAST_BACK_OFF)
        state.until = now + state.delay
        return 0.0

    def _tell_end(self, owner: Obj, pod: Obj, node: str) -> None:
        namespace, name = key_of(pod)
        failed = phase_of(pod) == "Failed"
        what, end = ("failed", "kill") if failed else ("succeeded", "delete")
        text = f"Found {what} daemon pod {namespace}/{name} on node {node}, will try to {end} it"
        reason = "FailedDaemonPod" if failed else "SucceededDaemonPod"
        self.event(owner, reason, text, warning=failed)

    def _remove_surplus(self, owner: Obj, view: SyncInput) -> None:
        """Pods on nodes that may not keep them, and all but the oldest of several on one node."""
        for node, pods in view.pods.items():
            alive = sorted((p for p in pods if not is_deleting(p)), key=created)
            keep = alive if node in view.stays else []
            if node in view.stays:
                by_label: dict[str, Obj] = {}
                for pod in alive:
                    by_label.setdefault(labels_of(pod).get(POD_LABEL, ""), pod)
                keep = list(by_label.values())
            for pod in alive:
                if pod not in keep:
                    pod_creation.delete_pod(self, owner, pod)
                    pods.remove(pod)

    def _roll(self, owner: Obj, view: SyncInput) -> list[str]:
        """Delete old Pods as the strategy allows; returns nodes that may get a second Pod."""
        pairs: Mapping[str, Pair] = {
            node: pair(view.pods.get(node, []), view.label) for node in sorted(view.runs)
        }
        min_ready = owner["spec"].get("minReadySeconds", 0)
        todo = update(pairs, limits_of(owner, len(view.runs)), min_ready, self.clock.now())
        for pod in todo.delete:
            pod_creation.delete_pod(self, owner, pod)
        return todo.surge

    def _create(self, owner: Obj, view: SyncInput, surge: Sequence[str]) -> ApiError | None:
        missing = [n for n in sorted(view.runs) if not view.pods.get(n)]
        makers = [self._maker(owner, node, view.label) for node in (*missing, *surge)]
        return pod_creation.create_pods(self, owner, makers).error

    def _maker(self, owner: Obj, node: str, label: str) -> Any:
        def make() -> Obj:
            pod = pod_from_template(owner["spec"]["template"], owner, self.kind)
            pod["metadata"]["labels"] = {
                **pod["metadata"].get("labels", {}),
                POD_LABEL: label,
                GENERATION_LABEL: str(owner["metadata"].get("generation", 1)),
            }
            return {**pod, "spec": pin(pod["spec"], node)}

        return make

    def _is_rolling(self, owner: Obj) -> bool:
        strategy = owner["spec"].get("updateStrategy") or {}
        return bool(strategy.get("type", "RollingUpdate") == "RollingUpdate")

    def _report(self, owner: Obj, view: SyncInput) -> None:
        status = self._status(owner, view)
        if status != owner.get("status"):
            self.api.update(self.kind, with_status(owner, status), "status")
        used = [
            r["metadata"]["name"]
            for r in self.revisions.of(owner)
            if hash_of(r) == view.label or self._carried(view, hash_of(r))
        ]
        self.revisions.truncate(owner, used)

    def _carried(self, view: SyncInput, label: str) -> bool:
        pods = (pod for group in view.pods.values() for pod in group)
        return any(labels_of(pod).get(POD_LABEL) == label for pod in pods)

    def _status(self, owner: Obj, view: SyncInput) -> dict[str, Any]:
        now, min_ready = self.clock.now(), owner["spec"].get("minReadySeconds", 0)
        oldest = {
            node: min(pods, key=created)
            for node, pods in view.pods.items()
            if node in view.nodes and pods
        }
        wanted = [oldest[node] for node in sorted(view.runs) if node in oldest]
        available = sum(is_available(p, min_ready, now) and is_ready(p) for p in wanted)
        status: dict[str, Any] = {
            "currentNumberScheduled": len(wanted),
            "numberMisscheduled": sum(node not in view.runs for node in oldest),
            "desiredNumberScheduled": len(view.runs),
            "numberReady": sum(is_ready(pod) for pod in wanted),
            "observedGeneration": owner["metadata"].get("generation", 1),
        }
        updated = sum(labels_of(pod).get(POD_LABEL) == view.label for pod in wanted)
        optional = {
            "updatedNumberScheduled": updated,
            "numberAvailable": available,
            "numberUnavailable": len(view.runs) - available,
        }
        return {**status, **{k: v for k, v in optional.items() if v}}


def _node_facts(node: Obj) -> tuple[object, ...]:
    return node["spec"].get("taints"), labels_of(node)
