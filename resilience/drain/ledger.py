"""The books of one drain: every Pod's record, every budget's account.

All methods are called by the deciding thread, except the listener of `hear_budget`, which runs on
the watch's thread and only puts the newer version into a locked inbox.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from resilience.cluster.interface import Object, WatchEvent
from resilience.drain.answers import Answer, Reply
from resilience.drain.budgets import Allowance, covering, key_of
from resilience.drain.outcome import PodDrain, State
from resilience.drain.plan import plan

Decide = Callable[[Object], tuple[State, str]]


class Ledger:
    """What is known of Pods and budgets, and what was asked."""

    def __init__(self, on_change: Callable[[PodDrain], None]) -> None:
        self._on_change = on_change
        self._records: dict[str, PodDrain] = {}
        self._waiting: dict[str, Object] = {}
        self._accepted: set[str] = set()
        self._flying: dict[str, Allowance | None] = {}
        self._not_before: dict[str, float] = {}
        self._allowances: dict[tuple[str, str], Allowance] = {}
        self._covers: dict[str, list[Allowance]] = {}
        self._inbox: list[WatchEvent] = []
        self._lock = threading.Lock()
        self.begun = False

    # Budgets -----------------------------------------------------------------------------------

    def hear_budget(self, wake: threading.Event) -> Callable[[WatchEvent], None]:
        """A listener for the budgets' watch."""

        def hear(event: WatchEvent) -> None:
            with self._lock:
                self._inbox.append(event)
            wake.set()

        return hear

    def budgets_are(self, budgets: Iterable[Object]) -> None:
        """The first state of all budgets."""
        for budget in budgets:
            self._budget(budget)

    def _read_inbox(self) -> None:
        with self._lock:
            events, self._inbox = self._inbox, []
        for event in events:
            if event.type == "DELETED":
                self._allowances.pop(key_of(event.object), None)
                self._covers.clear()
            else:
                self._budget(event.object)

    def _budget(self, budget: Object) -> None:
        known = self._allowances.get(key_of(budget))
        if known is None:
            known = self._allowances[key_of(budget)] = Allowance(budget)
            self._covers.clear()
        elif known.budget["spec"] != budget["spec"]:
            self._covers.clear()
        known.update(budget)

    def _covering(self, pod: Object) -> Sequence[Allowance]:
        uid = pod["metadata"]["uid"]
        if uid not in self._covers:
            self._covers[uid] = covering(pod, self._allowances.values())
        return self._covers[uid]

    # Pods --------------------------------------------------------------------------------------

    def pods_are(self, present: Mapping[str, Object], now: float, decide: Decide) -> None:
        """The Pods on the nodes right now, by uid."""
        self._read_inbox()
        for uid, pod in present.items():
            if uid not in self._records:
                self._meet(pod, decide)
            elif uid in self._waiting:
                self._waiting[uid] = pod
        for uid in [uid for uid in (*self._waiting, *self._accepted) if uid not in present]:
            self._left(uid, now)

    def _meet(self, pod: Object, decide: Decide) -> None:
        meta = pod["metadata"]
        state, reason = decide(pod)
        record = PodDrain(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            node=pod["spec"]["nodeName"],
            state=state,
            reason=reason,
        )
        self._records[meta["uid"]] = record
        if state is State.BLOCKED:
            self._waiting[meta["uid"]] = pod
        else:
            self._on_change(record)

    def _left(self, uid: str, now: float) -> None:
        record = self._records[uid]
        record.state = State.GONE if record.asked is None else State.EVICTED
        record.reason, record.gone = "", now
        self._waiting.pop(uid, None)
        self._accepted.discard(uid)
        self._covers.pop(uid, None)
        self._on_change(record)

    # Evictions ---------------------------------------------------------------------------------

    def take(self, now: float) -> Sequence[Object]:
        """The Pods to evict now; each is booked as under way."""
        free = [
            pod
            for uid, pod in self._waiting.items()
            if uid not in self._flying and now >= self._not_before.get(uid, 0.0)
        ]
        chosen, waiting = plan(free, self._covering, now)
        for wait in waiting:
            self._records[wait.pod["metadata"]["uid"]].reason = wait.reason
        for step in chosen:
            meta = step.pod["metadata"]
            self._flying[meta["uid"]] = step.allowance
            self.begun = True
            if step.allowance is not None:
                step.allowance.spend(meta["name"], now)
        return [step.pod for step in chosen]

    def book(self, uid: str, reply: Reply, now: float) -> None:
        """One answer has come in."""
        allowance = self._flying.pop(uid)
        record = self._records[uid]
        if allowance is not None and reply.answer is not Answer.ACCEPTED:
            allowance.give_back(record.name)
        match reply.answer:
            case Answer.ACCEPTED | Answer.LEAVING:
                self._accept(uid, reply, now)
            case Answer.GONE:
                self._waiting.pop(uid, None)
                self._accepted.add(uid)
            case Answer.CLOSED:
                record.rejected += 1
                record.reason = reply.words
                if allowance is None:
                    self._not_before[uid] = now + reply.wait
                else:
                    allowance.close(now + reply.wait, reply.words, firmly=reply.firm)
            case Answer.AGAIN:
                record.reason = reply.words
                self._not_before[uid] = now + reply.wait
            case Answer.NEVER:
                record.state, record.reason = State.FAILED, reply.words
                self._waiting.pop(uid, None)
                self._on_change(record)

    def _accept(self, uid: str, reply: Reply, now: float) -> None:
        record = self._records[uid]
        if record.gone is not None:  # The watch was faster than the answer.
            record.asked, record.state = record.gone, State.EVICTED
            return
        record.asked = now
        record.state = State.TIMED_OUT
        record.reason = reply.words or "accepted, and still terminating"
        self._waiting.pop(uid, None)
        self._accepted.add(uid)
        self._on_change(record)

    # The end -----------------------------------------------------------------------------------

    @property
    def refused(self) -> bool:
        """Whether a Pod was refused."""
        return any(record.state is State.REFUSED for record in self._records.values())

    @property
    def done(self) -> bool:
        """Whether nothing is waiting or leaving."""
        return not self._waiting and not self._accepted

    def close(self, reason: str, trouble: Callable[[str], str]) -> None:
        """The drain is over. What still waits keeps its reason, or gets this one; `trouble` says
        what is wrong with a node whose Pods do not leave."""
        for uid in self._waiting:
            record = self._records[uid]
            record.reason = reason or record.reason or "not evicted before the deadline"
        nodes = {self._records[uid].node for uid in self._accepted}
        words = {node: trouble(node) for node in sorted(nodes)}
        for uid in self._accepted:
            record = self._records[uid]
            if words[record.node]:
                record.reason = f"{record.reason}: {words[record.node]}"

    def records(self) -> Sequence[PodDrain]:
        """By namespace and name."""
        return sorted(self._records.values(), key=lambda pod: (pod.namespace, pod.name, pod.uid))
