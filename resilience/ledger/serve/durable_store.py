"""A key-value store over HTTP that keeps what it acknowledges. Standard library only, one file.

It is copied as a single file into any stock Python image:

    python durable_store.py --data /data --port 8080 [--wrong MODE]

A write is one line of a log, with its checksum, and is acknowledged after fsync. At the start the
log is read back, and a torn last line is cut off. PUT and GET /kv/KEY, DELETE /kv/KEY, GET
/kv?prefix=P (one `KEY VALUE` per line), GET /healthz. The answer's x-pod-name is the host's name.

What is wrong on purpose, one at a time:

  acknowledge-before-write  answers first; the log gets the write 200 ms later
  no-fsync                  keeps each write in memory, as a page cache does, for half a second; a
                            kill is then what a power cut is to a real store
  lose-last-on-term         on SIGTERM the last ten writes are cut off
  stale-reads               reads show the store as it was 300 ms ago
  fork-after-restore        on a data directory that was restored it continues two histories: each
                            write goes to one, each read sees one
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import time
import zlib
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

MODES = (
    "acknowledge-before-write",
    "no-fsync",
    "lose-last-on-term",
    "stale-reads",
    "fork-after-restore",
)
ACKNOWLEDGED_EARLY = 0.2
UNSYNCED = 0.5
TICK = 0.02
STALE = 0.3
CUT_OFF = 10
LONGEST = 1 << 20


class Log:
    """An append-only file of `CHECKSUM KEY VALUE` lines, percent-encoded by the client; an empty
    value deletes. Not thread-safe."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.entries: list[tuple[str, str]] = []
        self.ends: list[int] = []
        self._replay()

    def _replay(self) -> None:
        with os.fdopen(os.dup(self._file), "rb") as file:
            for line in file:
                entry = _parsed(line)
                if entry is None:
                    break  # torn by a crash: it was never acknowledged
                self.entries.append(entry)
                self.ends.append((self.ends[-1] if self.ends else 0) + len(line))
        os.ftruncate(self._file, self.ends[-1] if self.ends else 0)
        os.lseek(self._file, 0, os.SEEK_END)

    def append(self, key: str, value: str) -> None:
        """Not durable before `sync`."""
        body = f"{key} {value}".encode()
        line = b"%08x " % zlib.crc32(body) + body + b"\n"
        left = line
        while left:
            left = left[os.write(self._file, left) :]
        self.entries.append((key, value))
        self.ends.append((self.ends[-1] if self.ends else 0) + len(line))

    def sync(self) -> None:
        os.fdatasync(self._file)

    def cut(self, count: int) -> None:
        """Drop the last entries."""
        keep = max(0, len(self.ends) - count)
        os.ftruncate(self._file, self.ends[keep - 1] if keep else 0)


def _born(directory: str) -> str:
    """Differs between a directory and its restored copy: a copy cannot have the change time of a
    file that is never touched, while it may well get the same inode."""
    born = os.path.join(directory, "born")
    os.close(os.open(born, os.O_CREAT, 0o600))
    return str(os.stat(born).st_ctime_ns)


def _parsed(line: bytes) -> tuple[str, str] | None:
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
        return None
    key, _, value = body.decode().partition(" ")
    return key, value


class Store:
    """The correct mode: log, sync, remember, answer."""

    def __init__(self, directory: str) -> None:
        os.makedirs(directory, exist_ok=True)
        self.log = Log(os.path.join(directory, "log"))
        self.lock = threading.Lock()
        self.values: dict[str, str] = {}
        for key, value in self.log.entries:
            self.remember(key, value)

    def remember(self, key: str, value: str) -> None:
        if value:
            self.values[key] = value
        else:
            self.values.pop(key, None)

    def put(self, key: str, value: str) -> None:
        """Returns when the write may be acknowledged."""
        with self.lock:
            self.log.append(key, value)
            self.log.sync()
            self.remember(key, value)

    def shown(self) -> Mapping[str, str]:
        """The data that a read returns."""
        with self.lock:
            return dict(self.values)

    def end(self) -> None:
        """On SIGTERM; afterwards nothing is acknowledged any more."""
        self.lock.acquire()


class Late(Store):
    """Wrong: acknowledged writes wait in memory for `delay` seconds each, so that a kill at any
    moment loses some."""

    delay = ACKNOWLEDGED_EARLY

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self._waiting: list[tuple[float, str, str]] = []
        threading.Thread(target=self._write, daemon=True).start()

    def put(self, key: str, value: str) -> None:
        with self.lock:
            self._waiting.append((time.monotonic() + self.delay, key, value))
            self.remember(key, value)

    def _write(self) -> None:
        while True:
            time.sleep(TICK)
            with self.lock:
                self.flush(time.monotonic())

    def flush(self, until: float) -> None:
        due = [entry for entry in self._waiting if entry[0] <= until]
        self._waiting = self._waiting[len(due) :]
        for _, key, value in due:
            self.log.append(key, value)

    def end(self) -> None:
        super().end()
        self.flush(float("inf"))
        self.log.sync()


class Unsynced(Late):
    """Wrong: the same, for longer; the memory stands for a page cache and the kill for a power
    cut."""

    delay = UNSYNCED


class Cutting(Store):
    """Wrong: an orderly end loses the last writes."""

    def end(self) -> None:
        super().end()
        self.log.cut(CUT_OFF)


class Stale(Store):
    """Wrong: reads are answered from an outdated copy."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self._past: list[tuple[float, dict[str, str]]] = [(0.0, dict(self.values))]

    def remember(self, key: str, value: str) -> None:
        super().remember(key, value)
        if hasattr(self, "_past"):
            self._past.append((time.monotonic(), {key: value}))

    def shown(self) -> Mapping[str, str]:
        until, seen = time.monotonic() - STALE, dict[str, str]()
        with self.lock:
            for at, change in self._past:
                if at <= until:
                    seen.update(change)
        return {key: value for key, value in seen.items() if value}


class Forking(Store):
    """Wrong: after a restore two histories continue, and each request uses one of them."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        mark = os.path.join(directory, "identity")
        self._forked = False
        if os.path.exists(mark):
            with open(mark, encoding="ascii") as file:
                self._forked = file.read() != _born(directory)
        else:
            with open(mark, "w", encoding="ascii") as file:
                file.write(_born(directory))
        self._other = dict(self.values)
        self._turn = 0

    def put(self, key: str, value: str) -> None:
        self._turn += 1
        if not self._forked or self._turn % 2:
            super().put(key, value)
            if self._forked:
                return
        with self.lock:
            self._other[key] = value

    def shown(self) -> Mapping[str, str]:
        self._turn += 1
        with self.lock:
            return dict(self.values if self._turn % 2 else self._other)


KINDS: dict[str, type[Store]] = {
    "": Store,
    "acknowledge-before-write": Late,
    "no-fsync": Unsynced,
    "lose-last-on-term": Cutting,
    "stale-reads": Stale,
    "fork-after-restore": Forking,
}


class Handler(BaseHTTPRequestHandler):
    """HTTP to the store."""

    protocol_version = "HTTP/1.1"
    store: Store
    host = socket.gethostname()

    def do_PUT(self) -> None:
        """One write."""
        key, length = self._key(), int(self.headers.get("Content-Length") or 0)
        if not key or not 0 < length <= LONGEST:
            self._answer(400, "a key in the path and a value in the body\n")
            return
        value = self.rfile.read(length).decode("utf-8", "replace")
        if any(char.isspace() for char in key + value):
            self._answer(400, "a key and a value without spaces\n")
            return
        self.store.put(key, value)
        self._answer(201, "")

    def do_DELETE(self) -> None:
        """One write without a value."""
        self.store.put(self._key(), "")
        self._answer(200, "")

    def do_GET(self) -> None:
        """Return one value, all values, or the health."""
        url = urlsplit(self.path)
        if url.path == "/healthz":
            self._answer(200, "ok\n")
        elif url.path == "/kv":
            start = parse_qs(url.query).get("prefix", [""])[0]
            shown = sorted(self.store.shown().items())
            lines = [f"{key} {value}\n" for key, value in shown if key.startswith(start)]
            self._answer(200, "".join(lines))
        else:
            found = self.store.shown().get(self._key())
            self._answer(404 if found is None else 200, found or "")

    def _key(self) -> str:
        path = urlsplit(self.path).path
        return unquote(path[4:]) if path.startswith("/kv/") else ""

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("x-pod-name", self.host)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a line for each write would be the slowest part."""


class Server(ThreadingHTTPServer):
    """Does not report clients that disconnect."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnected is not an error; anything else is."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the program takes, also as `resilience ledger serve`."""
    parser.add_argument("--data", required=True, metavar="DIR", help="directory of the log")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="port (default: 8080; 0: any free port)"
    )
    parser.add_argument(
        "--wrong", choices=MODES, default="", help="give the store a deliberate defect"
    )


def serve(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    store = KINDS[options.wrong](options.data)
    server = Server((options.host, options.port), type("Bound", (Handler,), {"store": store}))

    def end(*_: object) -> None:
        store.end()
        os._exit(0)

    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end).start())
    wrong = f", wrong on purpose: {options.wrong}" if options.wrong else ""
    print(f"serving {options.data} on {options.host}:{server.server_port}{wrong}",
          flush=True)  # fmt: skip
    server.serve_forever()
    return 0


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description="A small durable store to try ledgers on.")
    add_arguments(parser)
    return serve(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
