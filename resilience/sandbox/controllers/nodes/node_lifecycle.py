"""The node lifecycle controller: follows kubelets, marks silent nodes, taints (rules 3.8).

A node is alive when its Lease or its Ready heartbeat changes, by this clock. NoSchedule taints
follow conditions at once; NoExecute taints go through one rate-limited queue per zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from resilience.sandbox.controllers.nodes.node_health import (
    GRACE,
    MONITOR_PERIOD,
    NOT_READY,
    STARTUP_GRACE,
    UNREACHABLE,
    Zone,
    eviction_period,
    execute_taint,
    ready_status,
    silenced_conditions,
    states_of,
    with_execute_taint,
    with_schedule_taints,
    zone_of,
)
from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.kube.object_edits import condition, key_of, set_condition, with_status
from resilience.sandbox.kube.pod_facts import is_ready
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.kube.taints import NO_EXECUTE
from resilience.sandbox.reconcile.controller_context import Context, Controller

MONITOR: Final[Key] = ("monitor", "")
LINE: Final = "line"
LEASES: Final = "kube-node-lease"


@dataclass(slots=True)
class Heard:
    """The last sign of life of one kubelet."""

    at: float
    lease: str = ""
    heartbeat: str = ""
    ready: str = ""


@dataclass(slots=True)
class Line:
    """Nodes of one zone that wait for their NoExecute taint."""

    waiting: dict[str, None] = field(default_factory=dict)
    next_at: float = 0.0


class NodeLifecycle(Controller):
    """See the module."""

    name = "node-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.nodes = context.kind("nodes")
        self.pods = context.kind("pods")
        self._heard: dict[str, Heard] = {}
        self._lines: dict[str, Line] = {}
        self._states: dict[str, Zone] = {}
        self._all_down = False

    def start(self) -> None:
        """Watch Nodes and Leases; check for silent nodes every five seconds."""
        self.context.watch(self.nodes, self._node_changed)
        leases = self.context.kind("leases", "coordination.k8s.io")
        self.context.watch(leases, self._lease_changed)
        self.enqueue(MONITOR)

    def reconcile(self, key: Key) -> float | None:
        """A node, the monitor's round, or a zone's queue."""
        if key == MONITOR:
            return self._monitor()
        if key[0] == LINE:
            return self._advance(key[1])
        node = self.api.find(self.nodes, *key)
        return None if node is None else self._sync(node)

    def _node_changed(self, change: Change) -> None:
        node = change.obj
        name = node["metadata"]["name"]
        if change.type == "DELETED":
            self._heard.pop(name, None)
            self._tell(node, "RemovingNode", f"Removing Node {name} from Controller")
            return
        self._hear_heartbeat(node)
        if change.old is None:
            self._tell(node, "RegisteredNode", f"Registered Node {name} in Controller")
        self.enqueue(key_of(node))

    def _lease_changed(self, change: Change) -> None:
        lease = change.obj
        if lease["metadata"]["namespace"] != LEASES or change.type == "DELETED":
            return
        name = lease["metadata"]["name"]
        renewed = (lease.get("spec") or {}).get("renewTime") or ""
        heard = self._heard.get(name)
        if heard is not None and renewed != heard.lease:
            heard.lease, heard.at = renewed, self.clock.monotonic()

    def _hear_heartbeat(self, node: Obj) -> None:
        name, now = node["metadata"]["name"], self.clock.monotonic()
        ready = condition(node, "Ready") or {}
        heartbeat = ready.get("lastHeartbeatTime") or ""
        heard = self._heard.get(name)
        if heard is None:
            self._heard[name] = Heard(now, heartbeat=heartbeat)
        elif heartbeat != heard.heartbeat:
            heard.heartbeat, heard.at = heartbeat, now

    def _sync(self, node: Obj) -> float | None:
        """Update taints and Pods of one node by its current conditions."""
        name = node["metadata"]["name"]
        if self._is_silent(node):
            node = self._silence(node)
        heard, ready = self._heard[name], ready_status(node)
        if heard.ready == "True" and ready != "True":
            text = f"Node {name} status is now: NodeNotReady"
            self.event(node, "NodeNotReady", text)
        heard.ready = ready
        node = self._write_taints(node, with_schedule_taints(node, self.clock.now()))
        self._line_up(node)
        if ready in ("False", "Unknown"):
            return self._mark_pods(name)
        return None

    def _is_silent(self, node: Obj) -> bool:
        """Whether a node was silent for longer than its grace, and nothing recorded it yet."""
        ready = ready_status(node)
        quiet = self.clock.monotonic() - self._heard[node["metadata"]["name"]].at
        return ready != "Unknown" and quiet > (GRACE if ready else STARTUP_GRACE)

    def _silence(self, node: Obj) -> Obj:
        conditions = silenced_conditions(node, self.clock.now())
        status = {**(node.get("status") or {}), "conditions": conditions}
        return self.api.update(self.nodes, with_status(node, status), "status")

    def _line_up(self, node: Obj) -> None:
        """Remove, swap, or queue for the NoExecute taint."""
        zone, name = zone_of(node), node["metadata"]["name"]
        key = execute_taint(node)
        line = self._lines.setdefault(zone, Line())
        if key is None:
            line.waiting.pop(name, None)
            if ready_status(node) == "True":
                self._write_taints(node, with_execute_taint(node, None, self.clock.now()))
        elif self._has_other(node, key):
            self._write_taints(node, with_execute_taint(node, key, self.clock.now()))
        elif with_execute_taint(node, key, self.clock.now()) is not None:
            line.waiting[name] = None
            self.enqueue((LINE, zone))

    def _has_other(self, node: Obj, key: str) -> bool:
        other = NOT_READY if key == UNREACHABLE else UNREACHABLE
        taints = node["spec"].get("taints") or ()
        return any(t["key"] == other and t["effect"] == NO_EXECUTE for t in taints)

    def _advance(self, zone: str) -> float | None:
        """Taint the next node of a zone's queue; seconds until the one after it."""
        line, now = self._lines[zone], self.clock.monotonic()
        self._judge_zones()
        sizes = self._sizes()
        period = eviction_period(self._states, sizes, zone)
        if not line.waiting or period is None:
            return None
        if now < line.next_at:
            return line.next_at - now
        name = next(iter(line.waiting))
        del line.waiting[name]
        node = self.api.find(self.nodes, "", name)
        key = execute_taint(node) if node is not None else None
        if node is not None and key is not None:
            self._write_taints(node, with_execute_taint(node, key, self.clock.now()))
            line.next_at = now + period
        return max(0.0, line.next_at - now) if line.waiting else None

    def _monitor(self) -> float:
        """Find silent nodes, judge zones, resume queues that had stopped."""
        for name in self._heard:
            node = self.api.find(self.nodes, "", name)
            if node is not None and self._is_silent(node):
                self.enqueue(key_of(node))
        self._judge_zones()
        for zone, line in self._lines.items():
            if line.waiting:
                self.enqueue((LINE, zone))
        return MONITOR_PERIOD

    def _judge_zones(self) -> None:
        nodes = self.api.list(self.nodes)
        self._states = states_of(nodes)
        down = bool(self._states) and all(s is Zone.FULL for s in self._states.values())
        if down and not self._all_down:
            self._spare_all(nodes)
        elif self._all_down and not down:
            # No node could report while all were down: each gets a full grace period again.
            for heard in self._heard.values():
                heard.at = self.clock.monotonic()
            for node in nodes:
                self.enqueue(key_of(node))
        self._all_down = down

    def _spare_all(self, nodes: Iterable[Obj]) -> None:
        """Every zone is down, so the control plane itself is probably cut off: evict nothing."""
        for node in nodes:
            self._write_taints(node, with_execute_taint(node, None, self.clock.now()))
        for line in self._lines.values():
            line.waiting.clear()

    def _sizes(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for node in self.api.list(self.nodes):
            sizes[zone_of(node)] = sizes.get(zone_of(node), 0) + 1
        return sizes

    def _mark_pods(self, node: str) -> float | None:
        """Endpoints must drop Pods of a lost node: their Ready becomes False."""
        for pod in self.api.list(self.pods, node=node):
            if not is_ready(pod):
                continue
            if self.context.runner.exhausted():
                return 0
            self.event(pod, "NodeNotReady", "Node is not ready", warning=True)
            self._unready(pod)
        return None

    def _unready(self, pod: Obj) -> None:
        status = pod["status"]
        old = condition(pod, "Ready") or {}
        more = {k: v for k, v in old.items() if k in ("lastProbeTime", "observedGeneration")}
        reason, text = old.get("reason", ""), old.get("message", "")
        now = self.clock.now()
        conditions: list[Any] = set_condition(
            status["conditions"], "Ready", "False", reason, text, now, **more
        )
        try:
            self.api.update(
                self.pods, with_status(pod, {**status, "conditions": conditions}), "status"
            )
        except ApiError as error:
            if error.code != 404:
                raise

    def _write_taints(self, node: Obj, taints: list[Any] | None) -> Obj:
        if taints is None:
            return node
        return self.api.patch(self.nodes, *key_of(node), {"spec": {"taints": taints or None}})

    def _tell(self, node: Obj, reason: str, text: str) -> None:
        name = node["metadata"]["name"]
        self.event(node, reason, f"Node {name} event: {text}")
