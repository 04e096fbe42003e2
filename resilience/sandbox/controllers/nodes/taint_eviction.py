"""Eviction by NoExecute taints, with `tolerationSeconds` (rules 3.8).

It deletes directly: disruption budgets are not consulted. Pods first get the condition
DisruptionTarget with reason DeletionByTaintManager. Source:
pkg/controller/tainteviction/taint_eviction.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from resilience.sandbox.controllers.disruption.disruption_target import mark_disruption
from resilience.sandbox.kube.api import Change, Obj
from resilience.sandbox.kube.object_edits import is_deleting, key_of, uid_of
from resilience.sandbox.kube.pod_facts import node_of
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.kube.taints import NO_EXECUTE, tolerates
from resilience.sandbox.reconcile.controller_context import Context, Controller, unless_gone

MESSAGE = "Taint manager: deleting due to NoExecute taint"


def eviction_delay(
    taints: Iterable[Mapping[str, Any]], tolerations: Iterable[Mapping[str, Any]]
) -> float | None:
    """Seconds from the taint until a Pod has to go; 0 at once, None never.

    Every NoExecute taint must be tolerated, and the shortest `tolerationSeconds` used counts.
    """
    have = tuple(tolerations)
    shortest: float | None = None
    for taint in taints:
        if taint["effect"] != NO_EXECUTE:
            continue
        used = next((t for t in have if tolerates(t, taint)), None)
        if used is None:
            return 0.0
        seconds = used.get("tolerationSeconds")
        if seconds is not None:
            limit = max(0.0, float(seconds))
            shortest = limit if shortest is None else min(shortest, limit)
    return shortest


class TaintEviction(Controller):
    """See the module."""

    name = "taint-eviction-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.pods = context.kind("pods")
        self.nodes = context.kind("nodes")
        self._tainted: dict[str, list[Mapping[str, Any]]] = {}
        self._since: dict[Key, float] = {}

    def start(self) -> None:
        """Watch Nodes for taints, and Pods on tainted nodes."""
        self.context.watch(self.nodes, self._node_changed)
        self.context.watch(self.pods, self._pod_changed)

    def reconcile(self, key: Key) -> float | None:
        """One Pod: leave it, wait, or delete it."""
        pod = self.api.find(self.pods, *key)
        delay = self._delay(pod) if pod is not None else None
        if pod is None or delay is None:
            if self._since.pop(key, None) is not None and pod is not None:
                self.event(pod, "TaintManagerEviction", f"Cancelling deletion of Pod {_name(key)}")
            return None
        now = self.clock.monotonic()
        if delay > 0:
            left = self._since.setdefault(key, now) + delay - now
            if left > 0:
                return left
        self._since.pop(key, None)
        self._evict(pod)
        return None

    def _node_changed(self, change: Change) -> None:
        name = change.obj["metadata"]["name"]
        taints = change.obj["spec"].get("taints") or ()
        new = [t for t in taints if t["effect"] == NO_EXECUTE and change.type != "DELETED"]
        if new == self._tainted.get(name, []):
            return
        if new:
            self._tainted[name] = new
        else:
            del self._tainted[name]
        for pod in self.api.list(self.pods, node=name):
            self.enqueue(key_of(pod))

    def _pod_changed(self, change: Change) -> None:
        key, pod = key_of(change.obj), change.obj
        if change.type == "DELETED":
            self._since.pop(key, None)
        elif node_of(pod) in self._tainted and (
            change.old is None or change.old["spec"] != pod["spec"]
        ):
            self.enqueue(key)

    def _delay(self, pod: Obj) -> float | None:
        taints = self._tainted.get(node_of(pod))
        if taints is None or is_deleting(pod):
            return None
        return eviction_delay(taints, pod["spec"].get("tolerations") or ())

    def _evict(self, pod: Obj) -> None:
        key = key_of(pod)
        self.event(pod, "TaintManagerEviction", f"Marking for deletion Pod {_name(key)}")
        unless_gone(lambda: mark_disruption(self, pod, "DeletionByTaintManager", MESSAGE))
        unless_gone(lambda: self.api.delete(self.pods, *key, uid=uid_of(pod)))


def _name(key: Key) -> str:
    return f"{key[0]}/{key[1]}"
