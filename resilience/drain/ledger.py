"""The books of one drain: every Pod's record, every budget's account.

All methods are called by the deciding thread. Watch events come in one by one, each at the same
cost however many Pods there are; the initial state comes in as a list.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence

from resilience.cluster.interface import Object, WatchEvent
from resilience.drain.answers import Answer, Reply
from resilience.drain.budgets import Allowance, covering, key_of
from resilience.drain.outcome import PodDrain, State
from resilience.drain.plan import Queue
from resilience.kube import objects, pod_state

Decide = Callable[[Object], tuple[State, str]]


class Ledger:
    """The known state of Pods and budgets, and the evictions that were sent."""

    def __init__(
        self, decide: Decide, on_change: Callable[[PodDrain], None], grace: float | None = None
    ) -> None:
        """`grace` overrides the Pods' own grace periods."""
        self._decide = decide
        self._on_change = on_change
        self._grace = grace
        self._records: dict[str, PodDrain] = {}
        self._waiting: dict[str, Object] = {}
        self._accepted: dict[str, Object] = {}
        self._flying: dict[str, Allowance | None] = {}
        self._later: list[tuple[float, str]] = []
        self._allowances: dict[tuple[str, str], Allowance] = {}
        self._queues: dict[tuple[tuple[str, str], ...], Queue] = {}
        self._queue_of: dict[str, Queue] = {}
        self.begun = False

    # Budgets -----------------------------------------------------------------------------------

    def budgets_are(self, budgets: Iterable[Object]) -> None:
        """The initial state of all budgets."""
        for budget in budgets:
            self._budget(budget)
        self._sort_again()

    def budget_changed(self, event: WatchEvent) -> None:
        """One event of the budgets' watch."""
        if event.type == "DELETED":
            self.budget_is_gone(key_of(event.object))
        elif self._budget(event.object):
            self._sort_again()

    def _budget(self, budget: Object) -> bool:
        """Book a version; returns whether it may cover other Pods than before."""
        known = self._allowances.get(key_of(budget))
        if known is None:
            known = self._allowances[key_of(budget)] = Allowance(budget)
            known.update(budget)
            return True
        before = known.budget["spec"]
        known.update(budget)
        return bool(before != known.budget["spec"])

    def in_doubt(self, now: float) -> Sequence[tuple[str, str]]:
        """The budgets to request, (namespace, name): Pods wait for these budgets, which may allow
        more than the watch has shown (`Allowance.in_doubt`).
        """
        found = {key_of(queue.covers[0].budget): queue.covers[0] for queue in self._queues.values()
                 if len(queue.covers) == 1 and queue and queue.covers[0].in_doubt(now)}  # fmt: skip
        for allowance in found.values():
            allowance.asked = now
        return sorted(found)

    def budget_answered(self, budget: Object, asked: float) -> None:
        """The newest version of a budget, requested at that time."""
        known = self._allowances.get(key_of(budget))
        if known is None:
            return
        before = known.budget["spec"]
        known.answered(budget, asked)
        if before != known.budget["spec"]:
            self._sort_again()

    def budget_is_gone(self, key: tuple[str, str]) -> None:
        """The server has no budget of this (namespace, name)."""
        if self._allowances.pop(key, None) is not None:
            self._sort_again()

    def _sort_again(self) -> None:
        """Budgets were added, removed or now cover other Pods: every waiting Pod is queued again.
        An eviction that is retried later keeps its time: the server may have set it.
        """
        self._queues.clear()
        self._queue_of.clear()
        resting = {uid for _, uid in self._later}
        for uid, pod in self._waiting.items():
            if uid not in self._flying and uid not in resting:
                self._queue(pod)

    def _queue(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        queue = self._queue_of.get(uid)
        if queue is None:
            covers = covering(pod, self._allowances.values())
            key = tuple(key_of(cover.budget) for cover in covers)
            queue = self._queues.setdefault(key, Queue(covers))
            self._queue_of[uid] = queue
        queue.put(pod)

    # Pods --------------------------------------------------------------------------------------

    def pods_are(self, present: Iterable[Object], now: float) -> None:
        """All Pods on the nodes right now: new, changed and missing ones."""
        by_uid = {pod["metadata"]["uid"]: pod for pod in present}
        for pod in sorted(by_uid.values(), key=key_of):
            self._seen(pod)
        for uid in [uid for uid in (*self._waiting, *self._accepted) if uid not in by_uid]:
            self._left(uid, now)

    def pod_changed(self, event: WatchEvent, now: float) -> None:
        """One watch event of a Pod on the nodes."""
        if event.type != "DELETED":
            self._seen(event.object)
        elif event.object["metadata"]["uid"] in self._records:
            self._left(event.object["metadata"]["uid"], now)

    def _seen(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        if uid not in self._records:
            self._meet(pod)
        elif uid in self._waiting:
            self._waiting[uid] = pod
            if uid in self._queue_of:
                self._queue(pod)
        elif uid in self._accepted:
            self._accepted[uid] = pod

    def _meet(self, pod: Object) -> None:
        meta = pod["metadata"]
        state, reason = self._decide(pod)
        record = PodDrain(
            namespace=meta["namespace"], name=meta["name"], uid=meta["uid"],
            node=pod["spec"]["nodeName"], state=state, reason=reason,
            grace=objects.grace(pod) if self._grace is None else self._grace,
        )  # fmt: skip
        self._records[meta["uid"]] = record
        if state is State.BLOCKED:
            self._waiting[meta["uid"]] = pod
            self._queue(pod)
        else:
            self._on_change(record)

    def _left(self, uid: str, now: float) -> None:
        record = self._records[uid]
        if uid not in self._waiting and uid not in self._accepted:
            return
        record.state = State.GONE if record.asked is None else State.EVICTED
        record.reason, record.gone = "", now
        self._stop_waiting(uid)
        self._accepted.pop(uid, None)
        if uid not in self._flying:  # otherwise its answer says who caused it
            self._on_change(record)

    def _stop_waiting(self, uid: str) -> None:
        self._waiting.pop(uid, None)
        queue = self._queue_of.pop(uid, None)
        if queue is not None:
            queue.drop(uid)

    # Evictions ---------------------------------------------------------------------------------

    def take(self, now: float) -> Sequence[Object]:
        """The Pods to evict now; each is booked as in flight."""
        while self._later and self._later[0][0] <= now:
            uid = heapq.heappop(self._later)[1]
            if uid in self._waiting:
                self._queue(self._waiting[uid])
        taken: list[Object] = []
        for queue in list(self._queues.values()):
            for step in queue.choose(now):
                meta = step.pod["metadata"]
                self._flying[meta["uid"]] = step.allowance
                self._queue_of.pop(meta["uid"]).drop(meta["uid"])
                if step.allowance is not None:
                    step.allowance.spend(meta["name"], now)
                taken.append(step.pod)
        self.begun = self.begun or bool(taken)
        return taken

    def book(self, uid: str, reply: Reply, now: float) -> None:
        """Book one answer that has arrived."""
        allowance, record = self._flying.pop(uid), self._records[uid]
        record.rejected += reply.answer is Answer.CLOSED
        if allowance is not None:
            _settle(allowance, record, reply, now)
        if record.gone is not None:
            self._went_first(record, reply)
        elif reply.answer in (Answer.ACCEPTED, Answer.LEAVING):
            self._accept(uid, reply, now)
        elif reply.answer is Answer.GONE:
            self._await(uid)
        elif reply.answer is Answer.NEVER:
            record.state, record.reason = State.FAILED, reply.words
            self._stop_waiting(uid)
            self._on_change(record)
        else:
            by_budget = reply.answer is Answer.CLOSED and allowance is not None
            self._again(uid, now if by_budget else now + reply.wait, reply.words)

    def _went_first(self, record: PodDrain, reply: Reply) -> None:
        """The watch showed the end before the answer arrived; the answer will say whether this
        drain caused it."""
        if reply.answer is Answer.ACCEPTED:
            record.asked, record.state = record.gone, State.EVICTED
        self._on_change(record)

    def _again(self, uid: str, when: float, words: str) -> None:
        self._records[uid].reason = words
        heapq.heappush(self._later, (when, uid))

    def _accept(self, uid: str, reply: Reply, now: float) -> None:
        record = self._records[uid]
        record.asked = now
        record.state = State.LEAVING
        record.reason = reply.words or "its eviction was accepted"
        self._await(uid)
        self._on_change(record)

    def _await(self, uid: str) -> None:
        """The Pod is not evicted any more: it only has to leave."""
        self._accepted[uid] = self._waiting[uid]
        self._stop_waiting(uid)

    # The end -----------------------------------------------------------------------------------

    @property
    def refused(self) -> bool:
        """Whether any Pod was refused."""
        return any(record.state is State.REFUSED for record in self._records.values())

    @property
    def done(self) -> bool:
        """Whether nothing is waiting or leaving."""
        return not self._waiting and not self._accepted

    def close(self, reason: str, trouble: Callable[[str], str], now: float) -> None:
        """End the drain. Waiting Pods get their reason; `trouble` says what is wrong with a node
        whose Pods do not leave. A Pod that still has time to leave says how much.
        """
        for uid in self._waiting:
            record, queue = self._records[uid], self._queue_of.get(uid)
            words = queue.reason() if queue is not None else ""
            if uid in self._flying:
                words = "its eviction was sent, and the API server has not answered"
            record.reason = reason or words or record.reason or "not evicted before the deadline"
        self._name_troubled_nodes(trouble, now)

    def _name_troubled_nodes(self, trouble: Callable[[str], str], now: float) -> None:
        nodes = {self._records[uid].node for uid in self._accepted}
        words: Mapping[str, str] = {node: trouble(node) for node in sorted(nodes)}
        for uid, pod in self._accepted.items():
            record = self._records[uid]
            record.state = State.TIMED_OUT
            told = words[record.node] or pod_state.held(pod) or record.time_left(now)
            record.reason = ": ".join(filter(None, ["still terminating", told]))

    def records(self) -> Sequence[PodDrain]:
        """All records, by namespace and name."""
        return sorted(self._records.values(), key=lambda pod: (pod.namespace, pod.name, pod.uid))


def _settle(allowance: Allowance, record: PodDrain, reply: Reply, now: float) -> None:
    """Book an answer on the account of the budget that the eviction spent from."""
    if reply.answer is Answer.ACCEPTED:
        allowance.accept(record.name, now)
    else:
        allowance.give_back(record.name)
    if reply.answer is Answer.CLOSED:
        allowance.close(now + reply.wait, reply.words, firmly=reply.firm)
