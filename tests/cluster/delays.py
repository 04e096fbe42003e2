"""A watch that is late: every event arrives a fixed time after the API server sent it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from resilience.cluster.connection.watch_stream import Stream
from resilience.cluster.interface import WatchEvent


def late(seconds: float) -> type[Stream]:
    """A `Stream` whose events are that old when they are read."""

    class Late(Stream):
        def __iter__(self) -> Iterator[WatchEvent]:
            events: queue.Queue[Any] = queue.Queue()
            source = super().__iter__()

            def read() -> None:
                try:
                    for event in source:
                        events.put(event)
                except BaseException as error:  # noqa: BLE001  raised again by the reader
                    events.put(error)
                events.put(None)

            threading.Thread(target=read, daemon=True).start()
            while (event := events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                time.sleep(max(0.0, event.received + seconds - time.monotonic()))
                yield WatchEvent(event.type, event.object, time.monotonic())

    return Late
