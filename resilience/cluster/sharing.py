"""Live copies of one cluster, shared: the same resource, namespace and selectors are one watch.

Every write through the cluster is reported here, so that no view answers before it has shown that
write.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from resilience.cluster.connection.wire import Wire
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import Resource, View
from resilience.cluster.requests.request import Send
from resilience.cluster.watch import LiveView
from resilience.cluster.watching.written import Write

Key = tuple[Resource, str, str, str]


class Shared:
    """Counts the users of a view; its watch ends with the last one."""

    def __init__(self, wire: Wire, agent: str) -> None:
        self._wire = wire
        self._agent = agent
        self._lock = threading.Lock()
        self._users: dict[Key, int] = {}
        self._views: dict[Key, LiveView] = {}
        self._closed = False

    @contextmanager
    def view(self, key: Key, send: Send) -> Iterator[View]:
        """The view of that key, listed at least once: with `send` when it is the first time."""
        view = self._enter(key)
        try:
            view.start(send)
            yield view
        finally:
            self._leave(key)

    def wrote(self, write: Write) -> None:
        """From now on the views of that resource answer only once they show this write."""
        where = write.address
        with self._lock:
            views = [
                view
                for (resource, *_), view in self._views.items()
                if (resource.group, resource.plural) == (where.group, where.plural)
            ]
        for view in views:
            view.expect(write)

    def close(self) -> None:
        """End every watch, including those in use."""
        with self._lock:
            self._closed = True
            views = list(self._views.values())
        for view in views:
            view.stop()

    def _enter(self, key: Key) -> LiveView:
        with self._lock:
            if self._closed:
                raise ClusterError("the connection to the cluster has been closed")
            view = self._views.get(key)
            if view is None:
                view = self._views[key] = LiveView(self._wire, *key, agent=self._agent)
            self._users[key] = self._users.get(key, 0) + 1
            return view

    def _leave(self, key: Key) -> None:
        with self._lock:
            self._users[key] -= 1
            if self._users[key]:
                return
            view = self._views.pop(key)
            del self._users[key]
        view.stop()
