"""The run's live copies of the cluster: opened once, shared by steps, kept until the run ends.

Every event is kept with the moment it was received, from the first listing on, because checks need
what happened while they were not looking (`recovered`, `restarts`). Each event also wakes all
waits. A history, like a view, is never older than the run's own writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import RLock

from resilience.cluster.interface import Cluster, Resource, View, WatchEvent
from resilience.engine.base.real_clock import EngineClock
from resilience.kube import objects

Key = tuple[Resource, str, str]
Listener = Callable[[Resource, WatchEvent, bool], None]
"""(resource, event, news): `news` is False for objects of the first listing."""


class Views:
    """Owns all views of a run; a context manager that closes them."""

    def __init__(self, cluster: Cluster, clock: EngineClock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._stack = ExitStack()
        self._views: dict[Key, View] = {}
        self._history: dict[Key, list[WatchEvent]] = {}
        self._listeners: list[Listener] = []
        self._lock = RLock()

    def __enter__(self) -> Views:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def listen(self, listener: Listener) -> None:
        """Subscribe to every event of every view, those of the first listing included."""
        self._listeners.append(listener)

    def open(self, resource: Resource, namespace: str = "", labels: str = "") -> View:
        """The view with that key; the first call lists the objects and starts to watch."""
        key = (resource, namespace, labels)
        with self._lock:
            if key not in self._views:
                self._views[key] = self._begin(key)
            return self._views[key]

    def history(self, resource: Resource) -> Sequence[WatchEvent]:
        """Events of all views of that resource, in order of receipt. They include everything that
        this run wrote: each view is read first, and it answers only once it contains the run's own
        writes."""
        with self._lock:
            views = [view for key, view in self._views.items() if key[0] == resource]
        for view in views:
            view.objects()
        with self._lock:
            found = [
                event
                for key, events in self._history.items()
                if key[0] == resource
                for event in events
            ]
        return sorted(found, key=lambda event: event.received)

    def troubled(self) -> bool:
        """Whether any of the watches is currently closed."""
        with self._lock:
            return any(view.trouble for view in self._views.values())

    def _begin(self, key: Key) -> View:
        resource, namespace, labels = key
        view = self._stack.enter_context(self._cluster.view(resource, namespace, labels=labels))
        history = self._history[key] = []
        # Subscribe first, so that nothing falls between listing and listening; nothing is reported
        # twice, because versions are compared.
        early: list[WatchEvent] = []
        listed = False

        def hear(event: WatchEvent) -> None:
            if listed:
                self._add(resource, history, event, news=True)
            else:
                early.append(event)

        self._stack.callback(view.subscribe(hear))
        present = view.objects()
        for obj in present:
            self._add(
                resource, history, WatchEvent("ADDED", obj, self._clock.monotonic()), news=False
            )
        listed = True
        versions = {(objects.uid(obj), objects.resource_version(obj)) for obj in present}
        for event in early:
            if (objects.uid(event.object), objects.resource_version(event.object)) not in versions:
                self._add(resource, history, event, news=True)
        return view

    def _add(
        self, resource: Resource, history: list[WatchEvent], event: WatchEvent, *, news: bool
    ) -> None:
        if event.type == "BOOKMARK":
            return
        history.append(event)
        for listener in self._listeners:
            listener(resource, event, news)
        self._clock.poke()
