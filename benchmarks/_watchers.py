"""Many watchers in one process, cheap enough not to be what is measured.

Every second watcher takes Tables. Events are told apart by their versions: all watchers that keep
up must have seen the very same sequence, those that are slow the beginning of it.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
import zlib
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from tests.sandbox.apiserver.live import ADMIN

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
TIMED = 4
"""Watchers whose events' delays are noted, two of each form."""
REST = 0.5
"""Seconds a slow watcher takes between reads."""
_VERSION = re.compile(rb'"resourceVersion":"(\d+)"')
_SENT = re.compile(rb'"sent":"([\d.]+)"')


@dataclass(slots=True)
class _Watcher:
    """One connection; `versions` only of the slow and of the one they are compared with."""

    socket: socket.socket
    table: bool
    keep: bool
    timed: bool
    rest: bytes = b""
    count: int = 0
    check: int = 0
    last: int = 0
    disorder: int = 0
    ended: bool = False
    versions: list[int] = field(default_factory=list)

    def take(self, size: int, delays: list[float]) -> None:
        """Read once; note what came."""
        data = self.socket.recv(size)
        now = time.monotonic()
        self.ended = not data
        whole, end, rest = (self.rest + data).rpartition(b"\n")
        self.rest = rest if end else whole + rest
        if not end:
            return
        # A Table and the object in its row carry the version twice.
        found = _VERSION.findall(whole)[:: 2 if self.table else 1]
        versions = list(map(int, found))
        self.disorder += versions != sorted(set(versions)) or versions[:1] <= [self.last]
        self.last = versions[-1] if versions else self.last
        self.count += len(versions)
        self.check = zlib.crc32(b",".join(found) + b",", self.check)
        if self.keep:
            self.versions += versions
        if self.timed:
            delays.extend(now - float(sent) for sent in _SENT.findall(whole))


class Watching:
    """The first `slow` of `watchers` rest between their reads."""

    def __init__(self, path: str, url: str, watchers: int, slow: int) -> None:
        self._watchers = [
            _Watcher(
                _open(path, url, table=number % 2 == 1),
                table=number % 2 == 1,
                keep=number <= slow,
                timed=slow <= number < slow + TIMED,
            )
            for number in range(watchers)
        ]
        self._slow, self._quick = self._watchers[:slow], self._watchers[slow:]
        self._selector = selectors.DefaultSelector()
        for watcher in self._quick:
            self._selector.register(watcher.socket, selectors.EVENT_READ, watcher)
        self._delays: list[float] = []

    def follow(self, total: int, pipe: Connection, patience: float) -> None:
        """Read until the writer is done and all that keep up have `total`, or patience ends."""
        deadline, next_slow = float("inf"), time.monotonic()
        while time.monotonic() < deadline:
            for key, _ in self._selector.select(0.05):
                key.data.take(1 << 18, self._delays)
                if key.data.ended:
                    self._selector.unregister(key.fileobj)
            if time.monotonic() >= next_slow:
                next_slow = time.monotonic() + REST
                self._read_slow()
            if deadline == float("inf") and pipe.poll():
                pipe.recv()
                deadline = time.monotonic() + patience
            if deadline < float("inf") and all(w.count >= total for w in self._quick):
                return

    def _read_slow(self) -> None:
        for watcher in self._slow:
            if not watcher.ended:
                try:
                    watcher.take(1 << 16, self._delays)
                except BlockingIOError:
                    pass

    def found(self, total: int) -> dict[str, Any]:
        """What was seen."""
        quick = self._quick
        reference = quick[0].versions if quick else []
        return {
            "delays": self._delays,
            "events": sum(watcher.count for watcher in quick),
            "lost": sum(total - watcher.count for watcher in quick),
            "disorder": sum(
                watcher.disorder + (watcher.check != quick[0].check) for watcher in quick
            ),
            "slow": sum(watcher.count for watcher in self._slow),
            "slow_in_order": all(
                watcher.versions == reference[: watcher.count] for watcher in self._slow
            ),
        }


def _open(path: str, url: str, *, table: bool) -> socket.socket:
    """A watch whose headers have been read."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    accept = TABLE if table else "application/json"
    client.sendall(
        f"GET {url}&includeObject=Object HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n"
        f"Authorization: Bearer {ADMIN}\r\n\r\n".encode()
    )
    while client.recv(4096, socket.MSG_PEEK).find(b"\r\n\r\n") < 0:
        pass
    head = client.recv(4096, socket.MSG_PEEK)
    client.recv(head.index(b"\r\n\r\n") + 4)
    client.setblocking(False)
    return client
