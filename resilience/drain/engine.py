"""The drain loop: it evicts what is allowed and waits for the next watch event, until nothing is
left.

One thread decides; a few send evictions; watches wake the deciding thread. It follows Pods by uid:
a StatefulSet's new Pod with the same name is a new Pod, and is evicted as well if it runs on a node
of the drain, unless it tolerates the cordon: it would come back forever. It ends when every Pod is
settled, or at the deadline, and always reports the state of every Pod.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import (
    BUDGETS,
    NODES,
    PODS,
    Cluster,
    Object,
    View,
    WatchEvent,
)
from resilience.drain.answers import Reply, evict
from resilience.drain.filters import Allow, Fate, decide
from resilience.drain.ledger import Ledger
from resilience.drain.outcome import DrainResult, PodDrain, State
from resilience.kube.tolerations import CORDON, tolerates

SENDERS = 8
"""Concurrent evictions: each takes a few milliseconds, so this is hundreds per second."""

TICK = 0.25
"""Seconds between checks while no watch event arrives, for deadlines and fall-back polls."""

LOOK_AGAIN = 5.0
"""Seconds between two full listings of all Pods, in case an event was lost."""

FEW_NODES = 8
"""Up to this many nodes each get their own watch; beyond, the Pods' namespaces are watched."""


class Clock(Protocol):
    """Monotonic time as an argument."""

    def monotonic(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainOptions:
    """`grace` None means each Pod's own. `orphans` are the uids of Pods whose DaemonSet does not
    exist. With `all_or_nothing` one refused Pod stops the drain before anything is evicted, as
    kubectl does."""

    allow: Allow = field(default_factory=Allow)
    grace: int | None = None
    orphans: frozenset[str] = frozenset()
    all_or_nothing: bool = True


def _nothing() -> None:
    pass


def drain(
    cluster: Cluster,
    nodes: Sequence[str],
    options: DrainOptions,
    *,
    clock: Clock,
    deadline: float,
    before: Callable[[Object], None] = lambda pod: None,
    on_change: Callable[[PodDrain], None] = lambda pod: None,
    check: Callable[[], None] = _nothing,
) -> DrainResult:
    """Evict every evictable Pod of `nodes` within their budgets.

    `before` is called with each Pod before its first eviction is sent, `on_change` with each Pod
    whose state changed, both on the calling thread. `check` is called between steps and may raise
    to abort: evictions already accepted complete by themselves, no further one is sent.
    """
    with ExitStack() as stack:
        run = _Drain(cluster, frozenset(nodes), options, clock, deadline, before, on_change)
        run.open(stack)
        return run.until_done(check)


class _Drain:
    """One running drain."""

    def __init__(
        self,
        cluster: Cluster,
        nodes: frozenset[str],
        options: DrainOptions,
        clock: Clock,
        deadline: float,
        before: Callable[[Object], None],
        on_change: Callable[[PodDrain], None],
    ) -> None:
        self.cluster = cluster
        self.nodes = nodes
        self.options = options
        self.clock = clock
        self.deadline = deadline
        self.began = clock.monotonic()
        self.wake = threading.Event()
        self.before = before
        self.ledger = Ledger(self._decide, on_change, options.grace)
        self.inbox: deque[WatchEvent] = deque()
        self.views: list[View] = []
        self.looked = self.began
        self.flights: dict[Future[Reply], str] = {}
        self.questions: dict[Future[Sequence[Object]], tuple[tuple[str, str], float]] = {}
        self.told: set[str] = set()
        self.first: frozenset[str] = frozenset()

    # Opening -----------------------------------------------------------------------------------

    def open(self, stack: ExitStack) -> None:
        """Open the views and the senders; all are closed with the stack."""
        found = [
            pod
            for node in sorted(self.nodes)
            for pod in self.cluster.list(PODS, fields=f"spec.nodeName={node}")
        ]
        namespaces = sorted({pod["metadata"]["namespace"] for pod in found})
        budgets_in = namespaces[0] if len(namespaces) == 1 else ""
        budgets = stack.enter_context(self.cluster.view(BUDGETS, budgets_in))
        self.views = [stack.enter_context(view) for view in self._pod_views(namespaces)]
        # Subscribe before the first listing: an event that repeats the listing changes nothing.
        for view in (budgets, *self.views):
            stack.callback(view.subscribe(self._hear))
        self.first = frozenset(pod["metadata"]["uid"] for pod in found)
        self.ledger.budgets_are(budgets.objects())
        self.ledger.pods_are(self._present(), self.clock.monotonic())
        self.senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="evict")
        stack.callback(self.senders.shutdown, wait=True, cancel_futures=True)

    def _pod_views(self, namespaces: Sequence[str]) -> list[AbstractContextManager[View]]:
        if len(self.nodes) <= FEW_NODES:
            return [
                self.cluster.view(PODS, fields=f"spec.nodeName={n}") for n in sorted(self.nodes)
            ]
        if len(namespaces) <= FEW_NODES:
            return [self.cluster.view(PODS, namespace) for namespace in namespaces]
        return [self.cluster.view(PODS)]

    def _hear(self, event: WatchEvent) -> None:
        """Called on a watch's own thread: put relevant events into the inbox."""
        if event.object.get("kind") == BUDGETS.kind or self._is_here(event.object):
            self.inbox.append(event)
            self.wake.set()

    def _is_here(self, pod: Object) -> bool:
        return (pod.get("spec") or {}).get("nodeName") in self.nodes

    # The loop ----------------------------------------------------------------------------------

    def until_done(self, check: Callable[[], None]) -> DrainResult:
        """Look, act, wait."""
        while True:
            check()
            self.wake.clear()
            self._look()
            now = self.clock.monotonic()
            if self.options.all_or_nothing and self.ledger.refused and not self.ledger.begun:
                return self._result("nothing was evicted, because another Pod was refused")
            done = self.ledger.done and not self.flights and not self.inbox
            if done or now >= self.deadline:
                return self._result("")
            self._send(now)
            self._ask(now)
            self.wake.wait(min(TICK, self.deadline - now))

    def _present(self) -> Sequence[Object]:
        return [pod for view in self.views for pod in view.objects() if self._is_here(pod)]

    def _look(self) -> None:
        """Apply what the watches and the answers reported to the ledger."""
        now = self.clock.monotonic()
        while self.inbox:
            event = self.inbox.popleft()
            if event.object.get("kind") == BUDGETS.kind:
                self.ledger.budget_changed(event)
            else:
                self.ledger.pod_changed(event, now)
        if now >= self.looked + LOOK_AGAIN:
            self.ledger.pods_are(self._present(), now)
            self.looked = now
        self._land()

    def _decide(self, pod: Object) -> tuple[State, str]:
        orphaned = pod["metadata"]["uid"] in self.options.orphans
        decision = decide(pod, self.options.allow, orphaned=orphaned)
        if decision.fate is Fate.IGNORE:
            return State.IGNORED, decision.reason
        if decision.fate is Fate.REFUSE:
            return State.REFUSED, decision.reason
        if pod["metadata"]["uid"] not in self.first and tolerates(pod, CORDON):
            return State.IGNORED, "tolerates the cordon, so it was put here again"
        return State.BLOCKED, ""

    def _send(self, now: float) -> None:
        for pod in self.ledger.take(now):
            if pod["metadata"]["uid"] not in self.told:
                self.told.add(pod["metadata"]["uid"])
                self.before(pod)
            flight = self.senders.submit(evict, self.cluster, pod, self.options.grace)
            self.flights[flight] = pod["metadata"]["uid"]
            flight.add_done_callback(lambda _: self.wake.set())

    def _ask(self, now: float) -> None:
        """Request budgets that the watch should have updated but did not. A list, not a GET: it
        needs no permission beyond those of the watch.
        """
        for namespace, name in self.ledger.in_doubt(now):
            one = f"metadata.name={name}"
            question = self.senders.submit(self.cluster.list, BUDGETS, namespace, fields=one)
            self.questions[question] = (namespace, name), now
            question.add_done_callback(lambda _: self.wake.set())

    def _land(self) -> None:
        """Book the answers that have arrived."""
        for question in [question for question in self.questions if question.done()]:
            key, asked = self.questions.pop(question)
            if isinstance(question.exception(), ClusterError):
                continue  # requested again; after SETTLE it no longer matters
            for budget in question.result():
                self.ledger.budget_answered(budget, asked)
            if not question.result():
                self.ledger.budget_is_gone(key)
        for flight in [flight for flight in self.flights if flight.done()]:
            uid = self.flights.pop(flight)
            reply = flight.result()
            self.ledger.book(uid, reply, self.clock.monotonic())

    def _result(self, refused: str) -> DrainResult:
        now = self.clock.monotonic()
        self.ledger.close(refused, self._node_trouble, now)
        seconds = now - self.began
        return DrainResult(pods=self.ledger.records(), seconds=seconds)

    def _node_trouble(self, node: str) -> str:
        """Why Pods do not leave a node, if the node's status explains it: its kubelet may be
        gone.
        """
        try:
            conditions = (self.cluster.get(NODES, node).get("status") or {}).get("conditions") or ()
        except ClusterError as error:
            return f"node {node}: {error}"
        ready = next((c["status"] for c in conditions if c["type"] == "Ready"), "Unknown")
        return "" if ready == "True" else f"node {node} is not ready (Ready={ready})"
