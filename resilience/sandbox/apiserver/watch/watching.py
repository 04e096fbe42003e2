"""Watches: every change to every watcher, in order, none lost, without slow watchers delaying
others.

Source: k8s.io/apiserver/pkg/storage/cacher (selector transitions, bookmarks, forceful end of slow
watchers). One subscription per table serves all its watchers; a change is encoded once per form.
A watcher whose queue is full is ended, as in the real server; its client lists or resumes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from resilience.sandbox.apiserver.request.query_options import ListOptions
from resilience.sandbox.apiserver.watch.watch_notifier import Bell, Ear
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Change, EventType, Resource
from resilience.sandbox.store.store import Record, Store, Table, encode

QUEUE = 16_384
"""Events a watcher may be behind: more than all Pods of a busy sandbox change in a few seconds."""
BOOKMARK_SECONDS = 60.0
_END = "k8s.io/initial-events-end"


@dataclass(slots=True)
class Encoded:
    """One change, and its bytes once the first watcher of a form needs them: `lines` are encoded
    events by form and type; `forms` are the encoded objects. `record` is the stored version."""

    change: Change
    record: Record | None
    forms: dict[str, bytes] = field(default_factory=dict)
    lines: dict[tuple[str, str], bytes] = field(default_factory=dict)
    views: dict[str, Encoded] = field(default_factory=dict)
    """The same change as versions of a custom kind show it."""

    def body(self) -> bytes:
        """The object's JSON, also for a version that has been replaced meanwhile."""
        if self.record is not None:
            return self.record.body
        known = self.forms.get("")
        if known is None:
            known = self.forms[""] = encode(self.change.obj)
        return known


def encoded(change: Change, table: Table) -> Encoded:
    """A change with the bytes that the store may hold for it."""
    about = change.obj["metadata"]
    record = table.records.get((about.get("namespace", ""), about["name"]))
    return Encoded(change, record if record is not None and record.obj is change.obj else None)


class Watcher:
    """One client's watch: a queue, and the ear of the task that empties it."""

    __slots__ = ("_bell", "_rung", "_selective", "after", "ear", "ended", "namespace", "options",
                 "queue")  # fmt: skip

    def __init__(
        self,
        namespace: str | None,
        options: ListOptions,
        after: int,
        bell: Bell,
        *,
        whole: bool = False,
    ) -> None:
        self.namespace = namespace
        self.options = options
        self.after = after
        self.queue: deque[tuple[EventType, Encoded]] = deque()
        self.ear = Ear()
        self.ended = False
        self._bell = bell
        self._rung = False
        self._selective = options.selective and not whole

    def offer(self, encoded: Encoded) -> None:
        """Queue a change if it concerns this watcher; end the watch when it is too far behind."""
        change = encoded.change
        if self.ended or change.version <= self.after:
            return
        kind = self._transition(change)
        if kind is None:
            return
        if len(self.queue) >= QUEUE:
            self.end()
            return
        self.queue.append((kind, encoded))
        if not self._rung and self.ear.waiting:
            self._rung = True
            self._bell.ring(self.ear)

    async def wait(self, moment: float) -> None:
        """Until the queue may hold something, or until the loop's time is `moment`."""
        self._rung = False
        await self.ear.wait(moment)

    def end(self) -> None:
        """No further events; queued events are dropped and the stream closes."""
        self.ended = True
        self.queue.clear()
        self.ear.wake()

    def _transition(self, change: Change) -> EventType | None:
        if self.namespace is not None and (
            change.obj["metadata"].get("namespace", "") != self.namespace
        ):
            return None
        return transition(change, self.options) if self._selective else change.type


def transition(change: Change, options: ListOptions) -> EventType | None:
    """A change as seen through selectors; None if they never let the object through."""
    before = change.old is not None and options.selects(change.old)
    if change.type == "DELETED":
        return "DELETED" if before else None
    if options.selects(change.obj):
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else None


class Hub:
    """All watches of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watchers: dict[tuple[str, str], list[Watcher]] = {}
        self._bell = Bell()

    def open(
        self, table: Table, namespace: str | None, options: ListOptions, *, whole: bool = False
    ) -> Watcher:
        """Register a watch that starts after `options.version`, or now; a `whole` one leaves the
        selectors to its reader. ApiError 410."""
        after = self._store.version
        if options.version:
            after = options.version
            if after < table.lost:
                raise refusals.expired(f"too old resource version: {after} ({table.lost})")
        watcher = Watcher(namespace, options, after, self._bell, whole=whole)
        for change in table.after(after):
            watcher.offer(encoded(change, table))
        self._join(table, watcher)
        return watcher

    def close(self, table: Table, watcher: Watcher) -> None:
        """Forget a watcher, and release its timer."""
        watcher.ear.close()
        watchers = self._watchers.get((table.resource.group, table.resource.plural), [])
        if watcher in watchers:
            watchers.remove(watcher)

    def end_all(self) -> None:
        """End every watch, at shutdown or as a fault."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end()

    def end(self, resource: Resource) -> None:
        """End the watches of one resource, whose definition has changed."""
        for watcher in self._watchers.get((resource.group, resource.plural), ()):
            watcher.end()

    def count(self) -> int:
        """Open watches."""
        return sum(len(watchers) for watchers in self._watchers.values())

    def _join(self, table: Table, watcher: Watcher) -> None:
        key = (table.resource.group, table.resource.plural)
        watchers = self._watchers.get(key)
        if watchers is None:
            watchers = self._watchers[key] = []
            self._store.subscribe(table.resource, self._fan_out(table, watchers))
        watchers.append(watcher)

    def _fan_out(self, table: Table, watchers: list[Watcher]) -> Callable[[Change], None]:
        def deliver(change: Change) -> None:
            if watchers:
                once = encoded(change, table)
                for watcher in watchers:
                    watcher.offer(once)

        return deliver


def take(watcher: Watcher) -> Iterator[tuple[EventType, Encoded]]:
    """The queued events, a bounded number so that one batch stays one short write."""
    for _ in range(min(len(watcher.queue), 256)):
        yield watcher.queue.popleft()


async def batches(
    watcher: Watcher, deadline: float | None, idle: float
) -> AsyncIterator[list[tuple[EventType, Encoded]]]:
    """Queued events in order; an empty batch whenever nothing came for `idle` seconds. Ends at
    `deadline` (loop time) or when the watcher was ended."""
    loop = asyncio.get_running_loop()
    heard = loop.time()
    while not watcher.ended:
        if watcher.queue:
            yield list(take(watcher))
            heard = loop.time()
            continue
        if deadline is not None and loop.time() >= deadline:
            return
        bored = heard + idle
        await watcher.wait(bored if deadline is None else min(bored, deadline))
        # Events that arrived as the wait ended come before a bookmark and before the end.
        if not watcher.queue and loop.time() >= bored and not watcher.ended:
            yield []
            heard = loop.time()
