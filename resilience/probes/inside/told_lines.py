"""An asker in a Pod: it sends the same requests on the same schedule as beside the test, and
reports them as lines.

It reads its requests from the Pod's configuration and writes what `News` reads: samples, reasons,
parts, and a last line with its resource usage. Texts are masked before they are written, because
others may read the Pod's log. It stops on SIGTERM.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

from resilience.ledger.drivers.session import Unusable, package
from resilience.model.masks import MASKS
from resilience.probes.agent.main import REPLACE_ME
from resilience.probes.kinds import redis, sql
from resilience.probes.kinds.web import grpc_calls, travel
from resilience.probes.prober.asker import ANSWERS, Asker, Opened, asking_as_told

VERSION = 1
FLUSH = 0.1
"""Seconds between two lines of samples."""


class Lacking(Exception):
    """The image lacks the library for this kind."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The library that a kind needs, and the function that prepares its requests."""

    library: str
    opened: Opened


KINDS: Mapping[str, Kind] = {
    "grpc": Kind("grpc", grpc_calls.opened),
    "journey": Kind("httpx", travel.opened),
    "redis": Kind("redis", redis.opened),
    "sql": Kind("psycopg", sql.opened),
}


class Signalled:
    """An Event for signal handlers. `Event.set` takes a lock that the interrupted thread itself may
    hold at that moment, and would wait forever."""

    def __init__(self) -> None:
        self._came = False

    def came(self, *_: object) -> None:
        """The handler."""
        self._came = True

    def wait(self, seconds: float) -> bool:
        """Whether a signal has arrived; waits at most this many seconds."""
        if not self._came:
            time.sleep(seconds)
        return self._came


class SampleLines:
    """A log that is written line by line; rows come from several threads."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write, self._lock = write, Lock()
        self._rows: list[Sequence[Any]] = []
        self._start = 0.0
        self._reasons = self._parts = 0

    def begin(self, start: float, interval: float, answers: Sequence[str]) -> None:
        """The first line."""
        self._start = start
        self.line({"version": VERSION, "start": start, "interval": interval,
                   "answers": list(answers)})  # fmt: skip

    def add(self, row: Sequence[Any]) -> None:
        """One sample, for the next line."""
        with self._lock:
            self._rows.append(row)

    def line(self, value: Mapping[str, Any]) -> None:
        """Write one line."""
        self._write(json.dumps(value, separators=(",", ":")) + "\n")

    def flush(self, asker: Asker) -> None:
        """Write what is new since the last time."""
        with self._lock:
            rows, self._rows = self._rows, []
        if rows:
            at = time.monotonic() - self._start
            self.line({"samples": rows, "at": round(at * 1e6)})
        for answer, text in asker.reasons[self._reasons :]:
            self._reasons += 1
            self.line({"note": [ANSWERS.index(answer), text]})
        while asker.parts:
            part = asker.parts.pop(0)
            self._parts += 1
            self.line({"part": [self._parts, round((part.at - self._start) * 1e6), part.name,
                                ANSWERS.index(part.answer.name), part.seconds]})  # fmt: skip


def main(given: Mapping[str, Any]) -> None:
    """Ask until stopped, or until `limit` questions have ended. Raises SystemExit with the reason
    if no request can be sent."""
    kind = KINDS[given["kind"]]
    try:
        package(kind.library, given["extra"])
    except Unusable:
        raise Lacking(f"there is no package {kind.library}") from None
    for number, value in enumerate((given.get("password") or "", *given.get("masked", ()))):
        MASKS.take(f"secret {number}", value)
    over = Signalled()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, over.came)
    ask(kind.opened, given, over, sys.stdout)
    if given.get("turns"):
        raise SystemExit(REPLACE_ME)


def ask(opened: Opened, given: Mapping[str, Any], over: Event | Signalled, out: Any) -> None:
    """The same, with the asker to open, the event that stops it, and its output."""

    def write(text: str) -> None:
        out.write(text)
        out.flush()

    lines = SampleLines(write)
    asker = asking_as_told(opened)(given, lines, lambda: None)
    while not over.wait(FLUSH) and not asker.wait(0):
        lines.flush(asker)
    asker.stop()
    lines.flush(asker)
    if asker.trouble:
        raise SystemExit(" ".join(asker.trouble.split()))
    lines.line({"end": asker.cost})
