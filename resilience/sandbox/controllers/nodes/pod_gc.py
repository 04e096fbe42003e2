"""Pod garbage collection: Pods that nothing else will ever delete (rules 3.8).

Every 20 s: ended Pods beyond 12,500, Pods on nodes that have been gone for 40 s, terminating Pods
that were never scheduled, terminating Pods on nodes out of service. All are deleted with force.
Source: pkg/controller/podgc/gc_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from resilience.sandbox.controllers.disruption.disruption_target import with_disruption
from resilience.sandbox.controllers.nodes.node_health import OUT_OF_SERVICE, ready_status
from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.kube.object_edits import is_deleting, key_of, uid_of
from resilience.sandbox.kube.pod_facts import is_terminal, node_of
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.kube.times import parse_or_zero
from resilience.sandbox.reconcile.controller_context import Context, Controller

PERIOD: Final = 20.0
QUARANTINE: Final = 40.0
ENDED_LIMIT: Final = 12_500
ROUND: Final[Key] = ("", "round")


class PodGarbageCollector(Controller):
    """Keeps small sets of candidate Pods, so that a round does not list all Pods."""

    name = "pod-garbage-collector"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.pods = context.kind("pods")
        self.nodes = context.kind("nodes")
        self._ended: dict[Key, None] = {}
        self._terminating: dict[Key, None] = {}
        self._per_node: dict[str, int] = {}
        self._missing: dict[str, float] = {}

    def start(self) -> None:
        """Watch Pods; a round every 20 s."""
        self.context.watch(self.pods, self._pod_changed)
        self.enqueue(ROUND)

    def reconcile(self, key: Key) -> float | None:
        """One round."""
        for pod, status in tuple(self._doomed()):
            self._remove(pod, status)
        return PERIOD

    def _doomed(self) -> Iterator[tuple[Obj, str]]:
        """Pods to remove, with the reason for DisruptionTarget or ""."""
        surplus = len(self._ended) - ENDED_LIMIT
        if surplus > 0:
            ended = sorted(self._found(self._ended), key=_age)
            yield from ((pod, "") for pod in ended[:surplus])
        for pod in self._found(self._terminating):
            if not node_of(pod):
                yield pod, ""
            elif self._out_of_service(node_of(pod)):
                yield pod, "DeletionByPodGC"
        for name in self._long_missing():
            yield from ((pod, "DeletionByPodGC") for pod in self.api.list(self.pods, node=name))

    def _long_missing(self) -> list[str]:
        now = self.clock.monotonic()
        gone = [n for n in self._per_node if self.api.find(self.nodes, "", n) is None]
        self._missing = {name: self._missing.get(name, now) for name in gone}
        return [name for name, since in self._missing.items() if now - since >= QUARANTINE]

    def _out_of_service(self, name: str) -> bool:
        node = self.api.find(self.nodes, "", name)
        if node is None or ready_status(node) == "True":
            return False
        return any(t["key"] == OUT_OF_SERVICE for t in node["spec"].get("taints") or ())

    def _found(self, keys: dict[Key, None]) -> list[Obj]:
        found = (self.api.find(self.pods, *key) for key in keys)
        return [pod for pod in found if pod is not None]

    def _remove(self, pod: Obj, reason: str) -> None:
        """Mark a Pod Failed unless it had ended, so that owners count it, then delete it."""
        try:
            if reason and not is_terminal(pod):
                text = "PodGC: node no longer exists"
                if not self._is_node_missing(pod):
                    text = "PodGC: node is out-of-service"
                fresh = with_disruption(pod, reason, text, self.clock.now(), phase="Failed")
                self.api.update(self.pods, fresh, "status")
            self.api.delete(self.pods, *key_of(pod), grace=0, uid=uid_of(pod))
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    def _is_node_missing(self, pod: Obj) -> bool:
        return self.api.find(self.nodes, "", node_of(pod)) is None

    def _pod_changed(self, change: Change) -> None:
        pod, key = change.obj, key_of(change.obj)
        gone = change.type == "DELETED"
        _keep(self._ended, key, is_terminal(pod) and not gone)
        _keep(self._terminating, key, is_deleting(pod) and not gone)
        before = node_of(change.old or pod) if change.old is not None or gone else ""
        after = "" if gone else node_of(pod)
        if before != after:
            self._count(before, -1)
            self._count(after, 1)

    def _count(self, node: str, by: int) -> None:
        if node:
            left = self._per_node.get(node, 0) + by
            if left > 0:
                self._per_node[node] = left
            else:
                self._per_node.pop(node, None)


def _keep(keys: dict[Key, None], key: Key, wanted: bool) -> None:
    if wanted:
        keys[key] = None
    else:
        keys.pop(key, None)


def _age(pod: Obj) -> tuple[float, str]:
    return parse_or_zero(pod["metadata"].get("creationTimestamp")), pod["metadata"]["name"]
