"""`LiveView`: a local copy of one resource, kept up to date by one watch on its own thread.

It lists, then watches from the list's version. A watch that ends is resumed from the last version
seen; one that the server calls too old (410) is replaced by a new list; failures are retried with
growing pauses, or after the server's Retry-After. So the content of a view is never older than one
reconnect, and `trouble` says while it may be. It ends with `stop`.

A view answers only once it shows every write of this process (see `watching.written`): it waits for
its watch, lists again when the watch is slow, and raises `Behind` when that does not help.
Listeners, which run on the view's own thread, never wait.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence

from resilience.cluster.connection.watch_stream import Stream
from resilience.cluster.connection.wire import Wire
from resilience.cluster.copy import Copy
from resilience.cluster.errors import (
    ApiError,
    Behind,
    ClusterEnded,
    ClusterError,
    Gone,
    Unreachable,
)
from resilience.cluster.interface import Object, Resource, WatchEvent
from resilience.cluster.requests.request import Request, Send
from resilience.cluster.watching.viewing import selection
from resilience.cluster.watching.written import Unseen, Write

Listener = Callable[[WatchEvent], None]

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 5.0

PATIENCE = 3
"""Refusals of one version in a row, then it is given up: an API server restored from a backup
counts from an older version and would answer ResourceVersionTooLarge for days."""

CATCHES_UP_WITHIN = 3.0
"""Seconds that the watch may take to show a write of this process; then the view lists again."""

LISTS_WITHIN = 20.0
"""Seconds that this list may take, pauses between tries included; then the reader gets `Behind`."""


class ViewThread(threading.Thread):
    """Maintains one view. Code on this thread reads any view without waiting: views must not
    wait for each other."""


class LiveView:
    """The `View` of the interface."""

    def __init__(
        self,
        wire: Wire,
        resource: Resource,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        *,
        agent: str = "",
    ) -> None:
        self.resource = resource
        self._wire = wire
        self._path = resource.path(namespace)
        named = {"labelSelector": labels, "fieldSelector": fields}
        self._query = {key: value for key, value in named.items() if value}
        self._agent = agent
        self._copy = Copy()
        self._version = ""
        self._trouble = ""
        self._changed = threading.Condition()
        self._changes = 0
        self._listeners: dict[int, Listener] = {}
        self._numbered = 0
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._thread: ViewThread | None = None
        self._stream: Stream | None = None
        self._random = random.Random()
        self._unseen = Unseen(namespace, selection(labels, fields))
        self._told = ""
        self._wants_list = False

    # What users see

    def objects(self) -> Sequence[Object]:
        """Present objects, sorted by namespace and name."""
        self._catch_up()
        with self._changed:
            return self._copy.objects()

    def by_uid(self, uid: str) -> Object | None:
        """The object with that uid; None once it is gone."""
        self._catch_up()
        with self._changed:
            return self._copy.by_uid(uid)

    def expect(self, write: Write) -> None:
        """Answer only once this write shows."""
        with self._changed:
            self._unseen.expect(write, self._copy, self._told)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call back on the view's thread, in order of subscription; returns cancel."""
        with self._changed:
            self._numbered += 1
            number = self._numbered
            self._listeners[number] = listener

        def cancel() -> None:
            with self._changed:
                self._listeners.pop(number, None)

        return cancel

    def wait(self, holds: Callable[[Sequence[Object]], bool], timeout: float) -> bool:
        """Block until `holds` is true; False when `timeout` seconds passed or the view ended."""
        end = time.monotonic() + timeout
        self._catch_up()
        while True:
            with self._changed:
                seen, objects = self._changes, self._copy.objects()
            if holds(objects):
                return True
            if self._stopped.is_set() or not self._wait_for_change(seen, end):
                return False

    def _wait_for_change(self, seen: int, end: float) -> bool:
        with self._changed:
            return self._changed.wait_for(
                lambda: self._changes != seen, max(0.0, end - time.monotonic())
            )

    @property
    def version(self) -> str:
        """resourceVersion up to which the view has seen everything."""
        with self._changed:
            return self._version

    @property
    def trouble(self) -> str:
        """Why the view may be stale now; "" while its watch is open."""
        with self._changed:
            return self._trouble

    # How the copy is updated

    def _catch_up(self) -> None:
        """Return once every write of this process shows; Behind when it does not."""
        if isinstance(threading.current_thread(), ViewThread):
            return
        with self._changed:
            if self._changed.wait_for(self._shows_all, CATCHES_UP_WITHIN):
                return
            self._wants_list = True
            stream = self._stream
        if stream is not None:
            stream.shut()
        with self._changed:
            if self._changed.wait_for(self._shows_all, LISTS_WITHIN):
                return
            raise Behind(
                f"the watch of {self._path} has not shown the change to {self._unseen.names()} for "
                f"{CATCHES_UP_WITHIN + LISTS_WITHIN:g}s{self._trouble and f': {self._trouble}'}"
            )

    def _shows_all(self) -> bool:
        return not self._unseen or self._stopped.is_set()

    def start(self, send: Send | None = None) -> None:
        """List, through `send` if the caller has its own patience, so that the view is complete;
        then watch in the background. Idempotent."""
        with self._starting:
            if self._thread is not None:
                return
            self._relist(send)
            name = f"view {self._path}"
            self._thread = ViewThread(target=self._keep, name=name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the watch and wait for its thread, unless the caller is that thread."""
        self._stopped.set()
        with self._changed:
            stream = self._stream
            self._changes += 1
            self._changed.notify_all()
        if stream is not None:
            stream.shut()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _keep(self) -> None:
        try:
            self._keep_watching()
        except BaseException as error:
            # Only a listener can raise here. From now on this copy must not be treated as live.
            self._note(f"a listener failed: {error!r}")
            raise
        finally:
            self._stopped.set()
            with self._changed:
                self._changes += 1
                self._changed.notify_all()

    def _keep_watching(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            try:
                if self._wants_list:
                    self._relist()
                lively = self._watch()
                failures = 0 if lively else failures + 1
                pause = 0.0 if lively else self._backoff(failures)
            except Gone as error:
                failures += 1
                pause = self._try_relist(failures, error)
            except (ApiError, Unreachable) as error:
                failures += 1
                pause = self._after(error, failures)
            except ClusterEnded as error:
                self._note(str(error))
                return
            self._stopped.wait(pause)

    def _after(self, error: ClusterError, failures: int) -> float:
        self._note(str(error))
        if isinstance(error, ApiError) and failures % PATIENCE == 0:
            return self._try_relist(failures, error)
        return self._pause(error, failures)

    def _try_relist(self, failures: int, cause: ClusterError) -> float:
        """Seconds to wait before the next watch."""
        self._note(str(cause))
        try:
            self._relist()
        except ClusterError as error:
            self._note(str(error))
            return self._pause(error, failures)
        return 0.0 if failures == 1 else self._backoff(failures)

    def _pause(self, error: ClusterError, failures: int) -> float:
        asked = error.retry_after if isinstance(error, ApiError) else None
        return self._backoff(failures) if asked is None else max(asked, SHORTEST_PAUSE)

    def _backoff(self, failures: int) -> float:
        longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(failures, 10))
        # Jitter: views that lost one server together do not all come back in the same moment.
        return float(longest * self._random.uniform(0.5, 1.0))

    def _watch(self) -> bool:
        """Run one watch to its end; return whether it had worked, so that it may be resumed at
        once."""
        began = time.monotonic()
        stream = Stream(
            self._wire,
            self._path,
            {**self._query, "resourceVersion": self.version},
            self._agent,
            lambda: self._note(""),
        )
        with self._changed:
            self._stream = stream
            wants_list = self._wants_list
        if self._stopped.is_set() or wants_list:
            return True
        lively = False
        for event in stream:
            lively = True
            self._take(event)
        return lively or time.monotonic() - began > 1.0

    def _take(self, event: WatchEvent) -> None:
        kinds = {"apiVersion": self.resource.api_version, "kind": self.resource.kind}
        event = WatchEvent(event.type, {**kinds, **event.object}, event.received)
        with self._changed:
            told = () if event.type == "BOOKMARK" else self._copy.apply(event)
            version = str(event.object["metadata"]["resourceVersion"])
            self._commit(version)
        self._tell(told)
        with self._changed:
            self._told = version
            self._unseen.told(event)
            self._changed.notify_all()

    def _relist(self, send: Send | None = None) -> None:
        began = time.monotonic()
        objects, version = self._list(send or self._send)
        with self._changed:
            told = self._copy.replace(objects, time.monotonic())
            self._commit(version)
        self._tell(told)
        with self._changed:
            self._told = version
            self._unseen.listed(began, version)
            self._wants_list = False
            self._changed.notify_all()

    def _send(self, request: Request) -> Object:
        return self._wire.send(request, self._agent)

    def _list(self, send: Send) -> tuple[list[Object], str]:
        kinds = {"apiVersion": self.resource.api_version, "kind": self.resource.kind}
        found: list[Object] = []
        query = {**self._query, "limit": "500"}
        while True:
            request = Request("GET", self._path, query=dict(query), timeout=60.0)
            page = send(request)
            found += [{**kinds, **item} for item in page.get("items") or ()]
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return found, str(metadata.get("resourceVersion", ""))
            query["continue"] = str(metadata["continue"])

    def _commit(self, version: str) -> None:
        self._version = version
        self._trouble = ""
        self._changes += 1
        self._changed.notify_all()

    def _note(self, trouble: str) -> None:
        with self._changed:
            self._trouble = trouble

    def _tell(self, events: Sequence[WatchEvent]) -> None:
        for event in events:
            for listener in tuple(self._listeners.values()):
                listener(event)
