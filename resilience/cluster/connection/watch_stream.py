"""One open watch: its lines as events, until the server ends it, it breaks, or it is shut.

The server ends a watch after `timeoutSeconds`; silence for longer than that means that the
connection is half open, and the read times out. Errors are those of `resilience.cluster.errors`,
also for an ERROR event inside the stream.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from resilience.cluster.connection.server_refusal import excerpt, refusal
from resilience.cluster.connection.wire import CHUNK, Wire
from resilience.cluster.errors import Unreachable
from resilience.cluster.interface import WatchEvent
from resilience.cluster.requests.request import Request

WATCH_SECONDS = 30
"""How long one watch lasts. A dead peer is noticed within it; a new watch costs one request."""

GRACE_SECONDS = 5.0
"""Extra time within which a working server ends a watch."""

LONGEST_LINE = 32 * 1024 * 1024
"""No object is larger than a few MiB: more than this without a newline is not a watch."""

TYPES = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK"})


class Stream:
    """Iterate over it in one thread; `shut` it from any. `opened` is called when the server
    answers."""

    def __init__(
        self,
        wire: Wire,
        path: str,
        query: Mapping[str, str],
        agent: str,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._opened = opened
        self._wire = wire
        self._request = f"WATCH {path}"
        self._path = path
        self._query = {
            **query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        self._agent = agent
        self._lock = threading.Lock()
        self._response: urllib3.BaseHTTPResponse | None = None
        self._shut = False

    def __iter__(self) -> Iterator[WatchEvent]:
        longest = WATCH_SECONDS + GRACE_SECONDS
        request = Request("GET", self._path, query=self._query, timeout=longest)
        response = self._wire.open(request, self._agent)
        with self._lock:
            self._response = response
            if self._shut:
                response.close()
                return
        self._opened()
        try:
            for line in self._lines(response):
                yield self._event(line)
        finally:
            with self._lock:
                self._response = None
                response.close()

    def shut(self) -> None:
        """Wake the reader, which then ends; later iterations end at once."""
        with self._lock:
            self._shut = True
            if self._response is not None and not self._response.closed:
                try:
                    self._response.shutdown()
                except (OSError, ValueError, RuntimeError):
                    pass  # the server has already closed it

    def _lines(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        parts: list[bytes] = []
        size = 0
        for piece in self._pieces(response):
            *whole, rest = piece.split(b"\n")
            for line in whole:
                yield b"".join((*parts, line))
                parts, size = [], 0
            parts.append(rest)
            size += len(rest)
            if size > LONGEST_LINE:
                raise Unreachable(f"{self._request}: {size} bytes without a newline")
        # What follows the last newline was cut off: the version we resume from is older than it.

    def _pieces(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            while piece := response.read1(CHUNK):
                yield piece
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # ValueError and AttributeError: `shutdown` took the socket away between two reads.
            if not self._shut:
                raise self._wire.unreachable(self._request, error) from error

    def _event(self, line: bytes) -> WatchEvent:
        received = time.monotonic()
        try:
            event: Any = json.loads(line)
            kind, obj = event["type"], event["object"]
            if kind == "ERROR":
                raise refusal(int(obj.get("code") or 500), obj, self._request)
            obj["metadata"][
                "resourceVersion"
            ]  # every watched object has one, from which the watch resumes
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unreachable(f"{self._request}: not a watch event: {excerpt(line)!r}") from None
        if kind not in TYPES:
            raise Unreachable(f"{self._request}: unknown event type {kind!r}")
        return WatchEvent(kind, obj, received)
