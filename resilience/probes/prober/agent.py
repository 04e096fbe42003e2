"""The prober: one file, standard library only, one process per probe. Linux, Python 3.9 or newer.

It is copied as a single file into any stock image, so it is longer than other modules of this
project.

    python -I -S agent.py < configuration       python agent.py configuration.json   (in a Pod)

It sends request k at `start + k / rate` whether or not earlier ones were answered, on one thread
with non-blocking sockets, and stamps everything with CLOCK_MONOTONIC. One thread, because two would
wait for each other's interpreter lock; `select` on the epoll descriptor, because epoll's own
timeout is rounded to milliseconds. Each request is a new connection unless `keepalive`.

A request does what its clients do with a connection. Where a name has several addresses, the next
one is tried when one fails, and beside it when it takes longer than HEAD_START (RFC 8305); the
first that connects is used. A request on a kept connection that ends before any byte of an answer
is sent once more, on a new connection, if its method is idempotent (RFC 9112, section 9.3.1).

With kind "dns" it sends one query at a time, which `dns_lookup.py` beside it encodes and decodes.

Configuration, one line of JSON (defaults in `Plan`): kind ("http" | "tcp" | "dns"), host, port,
rate, timeout, keepalive, method, path, headers, body, status ([[low, high], ...]), contains,
matches, tls, ca (a file), authorities (their PEM), server_name, by_header, by_body,
json ([[steps, text], ...]), valid_for (seconds of the certificate), client (PEM of both), inflight,
send, expect, limit (stop after so many), turns (the number of agents that take turns),
masked (texts that may not be written, the longest first: others may read a Pod's log).

It writes lines of JSON: first `{"version", "start", "wall", "interval", "answers"}`; then
`{"samples": [[seq, lag, took, answer, status, by], ...], "at"}` at least every 0.1 s, where times
are whole microseconds after `start + seq * interval` (`at`, when the line was written: after
`start`), `lag` is null where nothing was sent, and
`answer` counts into `answers`; `{"note": [answer, text]}` once for each new reason of a failure;
last `{"end": {"planned", "cpu", "rss", "priority", "remarks"}}`, where `remarks` are texts about
what went wrong and spoiled no request. A prober that ends
without the last line died. It stops when stdin closes (if it was configured there), on SIGTERM, or
when its parent has ended. A request that it planned and could not send is UNSENT, never left out.
"""

from __future__ import annotations

import collections
import errno
import gc
import itertools
import json
import math
import os
import re
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

VERSION = 1
ANSWERS = (
    "GOOD",
    "REFUSED",
    "TIMEOUT",
    "RESET",
    "UNREACHABLE",
    "NAME",
    "TLS",
    "STATUS",
    "BODY",
    "PROTOCOL",
    "UNSENT",
    "WRONG",
    "NXDOMAIN",
    "NODATA",
    "SERVFAIL",
    "DNS",
)
(GOOD, REFUSED, TIMEOUT, RESET, UNREACHABLE, NAME, TLS, STATUS, BODY, PROTOCOL, UNSENT) = range(11)

HEAD_LIMIT = 64 << 10
BODY_LIMIT = 1 << 20
BACKLOG_LIMIT = 16 << 20  # maximum unread bytes of results before the prober gives up
FLUSH = 0.1
NICE = -10
REAL_TIME_RATE = 1000  # requests a second, a fifth of one processor
HEAD_START = 0.25  # seconds before the next address is tried as well (RFC 8305, section 8)
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})  # RFC 9110, 9.2.2
LINGER = 0.25  # the server closes first, so that TIME_WAIT does not eat our ports
BY_LIMIT = 63  # a Pod's hostname is no longer
SEEN = 4096  # characters of a wrong body to send; the receiver masks secrets, then shortens
REPLACE_ME = 75  # exit code of one of several agents, which its Job then replaces if it goes on
NOTES = 20  # different reasons that are worth telling

# The meaning of the kernel's errors for a connection, by errno. A shortage on this side means that
# the request was not sent.
BY_ERRNO = {
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: RESET,
    errno.EPIPE: RESET,
    errno.ECONNABORTED: RESET,
    errno.ETIMEDOUT: TIMEOUT,
    errno.EADDRNOTAVAIL: UNSENT,
    errno.EMFILE: UNSENT,
    errno.ENFILE: UNSENT,
    errno.ENOBUFS: UNSENT,
    errno.ENOMEM: UNSENT,
}

# The end of a head: a single LF may end a line as well (RFC 9112, section 2.2).
HEAD_END = re.compile(rb"\r?\n\r?\n")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;.*)?", re.DOTALL)

# zlib's word for each coding: gzip's header, or zlib's. `deflate` means zlib's (RFC 9110, 8.4.1.2).
WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}

SAID = {REFUSED: "refused", TIMEOUT: "timed out", UNREACHABLE: "unreachable"}  # of an address

Address = tuple[Any, ...]  # the arguments of connect(): host and port, and two more for IPv6
Target = tuple[int, Address]  # with the address family


class NotHttp(Exception):
    """The answer breaks HTTP/1.1."""


class NotDecoded(Exception):
    """The body has a coding (RFC 9110, section 8.4) that is unknown here, or breaks it."""


class Plan:
    """The configuration, ready to use."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.http: bool = given.get("kind", "http") == "http"
        self.dns: Any = _beside("dns_lookup") if given.get("kind") == "dns" else None
        self.names = self.dns.Names(given) if self.dns else None
        self.host: str = self.names.host if self.names else given["host"]
        self.port: int = self.names.port if self.names else given["port"]
        self.interval: float = 1 / given["rate"]
        self.timeout: float = given.get("timeout", 1.0)
        self.keepalive: bool = self.http and given.get("keepalive", False)
        self.repeats: bool = given.get("method", "GET") in IDEMPOTENT
        self.statuses: list[list[int]] = given.get("status") or [[200, 399]]
        self.contains: bytes = given.get("contains", "").encode()
        matches = given.get("matches", "").encode()
        self.matches = re.compile(matches) if matches else None
        self.json: list[tuple[list[Any], str]] = given.get("json") or []
        self.valid_for: float = given.get("valid_for", 0.0)
        self.by_header: bytes = given.get("by_header", "").lower().encode()
        self.by_body: bool = given.get("by_body", False)
        self.expect: bytes = given.get("expect", "").encode()
        self.head_only: bool = given.get("method") == "HEAD"
        self.request = _request(given) if self.http else given.get("send", "").encode()
        self.socket = socket.SOCK_DGRAM if self.names else socket.SOCK_STREAM
        # A certificate and SNI have no final dot (RFC 6066, section 3), which ends a search list.
        self.server_name: str = (given.get("server_name") or self.host).rstrip(".")
        self.tls = _tls(given) if given.get("tls") else None
        self.fixed = _numeric(self.host, self.port)
        room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 32
        wanted = math.ceil(2 * self.timeout / self.interval) + 16
        self.limit: int = given.get("limit", 0)
        self.turns: int = given.get("turns", 0)
        self.inflight: int = min(given.get("inflight") or wanted, room)


def _beside(name: str) -> Any:
    """A module in the same folder: `-I` leaves no path to import it from."""
    from types import ModuleType

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    module = ModuleType(name)
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)
    return module


def _request(given: dict[str, Any]) -> bytes:
    body: bytes = given.get("body", "").encode()
    host, port = given["host"], given["port"]
    usual = 443 if given.get("tls") else 80
    literal = f"[{host}]" if ":" in host else host
    headers = {
        "Host": literal if port == usual else f"{literal}:{port}",
        "User-Agent": "pytest-resilience-probe",
        "Accept": "*/*",
        "Connection": "keep-alive" if given.get("keepalive") else "close",
    }
    if body:
        headers["Content-Length"] = str(len(body))
    wanted = given.get("headers") or {}
    replaced = {name.lower() for name in wanted}
    headers = {name: text for name, text in headers.items() if name.lower() not in replaced}
    lines = [f"{given.get('method', 'GET')} {given.get('path', '/')} HTTP/1.1"]
    lines += [f"{name}: {text}" for name, text in {**headers, **wanted}.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _tls(given: dict[str, Any]) -> Any:
    import ssl  # imported here: it needs 4 MB, and plain probes do not need it

    context = ssl.create_default_context(
        cafile=given.get("ca") or None, cadata=given.get("authorities") or None
    )
    if client := given.get("client"):
        # OpenSSL reads files only; this one is in memory, and nobody else can open it.
        fd = os.memfd_create("client")
        os.write(fd, client.encode())
        try:
            context.load_cert_chain(f"/proc/self/fd/{fd}")
        except ssl.SSLError as error:
            raise SystemExit(f"the client certificate cannot be used: {error}") from None
        finally:
            os.close(fd)
    return context


def _expires(tls: Any) -> float:
    """Seconds for which the server's certificate is still valid."""
    import ssl

    return ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"]) - time.time()


def _told(value: Any) -> str:
    """A value of JSON as a scenario writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _brief(text: str) -> str:
    """Otherwise a part of a secret could be shown: a secret that is cut can no longer be masked."""
    return text if len(text) <= 60 else f"a text of {len(text)} characters"


def _mismatch(body: bytes, wanted: list[tuple[list[Any], str]]) -> str:
    """The value at the first place that is not as expected; "" if all are."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "the body is not JSON"
    for steps, text in wanted:
        value = document
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)[:80]
        for step in steps:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return f"there is no {place.lstrip('.')}"
        if _told(value) != text:
            return f"{place.lstrip('.')} is {_brief(_told(value))}, expected {_brief(text)}"
    return ""


def _numeric(host: str, port: int) -> Target | None:
    """The address itself where `host` needs no resolver."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return found[0][0], found[0][4]


class Response:
    """An HTTP/1.1 answer, fed piece by piece."""

    def __init__(self, head_only: bool) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = bytearray()
        self.reusable = False
        self._head_only = head_only
        self._buffer = bytearray()
        self._left: int | None = (
            None  # remaining bytes of the body or chunk; None means until the connection closes
        )
        self._chunked = False

    def feed(self, data: bytes) -> bool:
        """Whether the answer is complete (or longer than we care to read)."""
        self._buffer += data
        while not self.headers:
            end = HEAD_END.search(self._buffer)
            if end is None:
                if len(self._buffer) > HEAD_LIMIT or not b"HTTP/1.".startswith(self._buffer[:7]):
                    raise NotHttp
                return False
            self._head(bytes(self._buffer[: end.start()]))
            del self._buffer[: end.end()]
        return self._chunks() if self._chunked else self._plain()

    def closed(self) -> bool:
        """Whether a close is the proper end of what was fed."""
        return bool(self.headers) and self._left is None and not self._chunked

    def begun(self) -> bool:
        """Whether anything was received."""
        return bool(self.status or self._buffer)

    def text(self) -> bytes:
        """The body as it was before it was compressed for the transfer. NotDecoded where that
        cannot be told."""
        coding = self.headers.get(b"content-encoding", b"").strip().lower()
        if coding in (b"", b"identity"):
            return bytes(self.body)
        windows = WINDOWS.get(coding)
        if windows is None:
            name = coding.decode("ascii", "replace")
            raise NotDecoded(f"the body is encoded as {name}; expected gzip, deflate or none")
        import zlib

        try:
            return zlib.decompressobj(windows).decompress(self.body, BODY_LIMIT)
        except zlib.error as error:
            raise NotDecoded(f"the body is not {coding.decode('ascii')}: {error}") from None

    def _head(self, text: bytes) -> None:
        first, *lines = (line.rstrip(b"\r") for line in text.split(b"\n"))
        parts = first.split(None, 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
            raise NotHttp
        self.status = int(parts[1])
        if 100 <= self.status < 200 and self.status != 101:
            return  # an interim response, after which the real head follows
        pairs = [line.partition(b":") for line in lines]
        headers = {name.strip().lower(): text.strip() for name, _, text in pairs}
        # Several lengths that differ are an error that no client recovers from (RFC 9112, 6.3).
        said = [text for name, _, text in pairs if name.strip().lower() == b"content-length"]
        lengths = {length.strip() for text in said for length in text.split(b",")}
        if len(lengths) > 1:
            raise NotHttp
        self.headers = headers or {b"": b""}
        self._chunked = headers.get(b"transfer-encoding", b"").lower().endswith(b"chunked")
        length = next(iter(lengths), None)
        if self._head_only or self.status in (204, 304):
            self._left, self._chunked = 0, False
        elif self._chunked:
            self._left = 0
        elif length is not None:
            if not length.isdigit():
                raise NotHttp
            self._left = int(length)
        self.reusable = (
            parts[0] != b"HTTP/1.0"
            and self._left is not None
            and b"close" not in _options(headers.get(b"connection", b""))
        )

    def _plain(self) -> bool:
        self.body += self._buffer
        if self._left is not None:
            self._left -= len(self._buffer)
        self._buffer.clear()
        return (self._left is not None and self._left <= 0) or self._full()

    def _chunks(self) -> bool:
        while not self._full():
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return False
            size = _hex(self._buffer[:end])
            if size == 0:
                return self._buffer.endswith(b"\r\n\r\n") or self._buffer[end:] == b"\r\n\r\n"
            if len(self._buffer) < end + size + 4:
                return False
            self.body += self._buffer[end + 2 : end + 2 + size]
            del self._buffer[: end + size + 4]
        return True

    def _full(self) -> bool:
        if len(self.body) + len(self._buffer) <= BODY_LIMIT:
            return False
        self.reusable = False
        return True


def _moved(response: Response) -> str:
    """Where a redirect leads, without the part that may hold a secret."""
    place = response.headers.get(b"location", b"").partition(b"?")[0].decode("ascii", "replace")
    return f", which leads to {place[:200]}" if place and 300 <= response.status < 400 else ""


def _options(text: bytes) -> set[bytes]:
    """The options of a Connection header; their case does not matter (RFC 9110, section 7.6.1)."""
    return {option.strip() for option in text.lower().split(b",")}


def _hex(line: bytearray) -> int:
    """The size of a chunk: digits and nothing else, since a sign would send the reader back."""
    size = CHUNK.fullmatch(line)
    if size is None:
        raise NotHttp
    return int(size[1], 16)


CONNECTING, HANDSHAKE, SENDING, RECEIVING, DONE = range(5)


class Exchange:
    """One planned request on its way through a connection."""

    __slots__ = (
        "done",
        "fd",
        "intended",
        "kept",
        "mask",
        "offset",
        "race",
        "request",
        "response",
        "sent",
        "seq",
        "sock",
        "stage",
    )

    def __init__(self, seq: int, intended: float) -> None:
        self.seq = seq
        self.intended = intended
        self.sent = 0.0
        self.done = False
        self.kept = False
        self.race: Any = None
        self.stage = CONNECTING
        self.offset = 0
        self.mask = 0
        self.fd = -1
        self.sock: Any = None
        self.request = b""
        self.response: Any = None


class Race:
    """The addresses of one request's host: `left` are not tried yet, `tried` are descriptors and
    sockets under way, `failed` are addresses and how they ended, `slow` are those that were not
    waited for, `winner` is the one in use, `due` when the next one is tried."""

    __slots__ = ("due", "failed", "left", "slow", "tried", "winner")

    def __init__(self, targets: list[Target]) -> None:
        self.left = collections.deque(targets)
        self.tried: dict[int, tuple[Any, Target]] = {}
        self.failed: list[tuple[str, int]] = []
        self.slow: list[str] = []
        self.due = math.inf
        self.winner = ""

    def answer(self) -> int:
        """How it failed: what the first address said, unless there is only no way to it."""
        answers = [answer for _, answer in self.failed]
        return next((each for each in answers if each != UNREACHABLE), answers[0])

    def remarks(self) -> list[str]:
        """What was wrong with other addresses than the winner."""
        failed = [f"{address} {SAID.get(answer, 'failed')}" for address, answer in self.failed]
        slow = [f"{address} slow to connect" for address in self.slow if address != self.winner]
        return failed + slow


def _targets(found: list[Any]) -> list[Target]:
    """Each address once, the families in turn from the resolver's first on (RFC 8305, 4)."""
    every = list(dict.fromkeys((info[0], info[4]) for info in found))
    first = [each for each in every if each[0] == every[0][0]]
    other = [each for each in every if each[0] != every[0][0]]
    return [each for pair in itertools.zip_longest(first, other) for each in pair if each]


class Resolver:
    """Looks up addresses on threads, since getaddrinfo blocks; each request looks up again."""

    def __init__(self, plan: Plan, wake: int) -> None:
        import queue
        import threading

        self.found: collections.deque[tuple[Exchange, Any, str]] = collections.deque()
        self._plan, self._wake = plan, wake
        self.ask: queue.SimpleQueue[Exchange] = queue.SimpleQueue()
        for _ in range(4):
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            exchange = self.ask.get()
            if exchange.done:  # given up meanwhile: its answer would delay those behind it
                continue
            try:
                every = socket.getaddrinfo(
                    self._plan.host, self._plan.port, type=socket.SOCK_STREAM
                )
                self.found.append((exchange, _targets(every), ""))
            except (OSError, UnicodeError) as error:
                self.found.append((exchange, None, str(error)))
            os.write(self._wake, b"r")


class Writer:
    """Writes lines of JSON to a descriptor, without ever waiting for the reader."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._left = bytearray()
        self.rows: list[Any] = []
        self._noted: set[tuple[int, str]] = set()
        self.masked: list[str] = []
        os.set_blocking(fd, False)
        self.start = 0.0

    def line(self, value: Any) -> None:
        """Queue one line and write as much as the pipe accepts."""
        self._left += json.dumps(value, separators=(",", ":")).encode() + b"\n"
        if len(self._left) > BACKLOG_LIMIT:
            raise SystemExit("nobody reads the results")
        try:
            del self._left[: os.write(self._fd, self._left)]
        except BlockingIOError:
            pass

    def note(self, answer: int, text: str) -> None:
        """Report once why an answer was not good: at most SEEN characters, and no secret."""
        if (answer, text) not in self._noted and len(self._noted) < NOTES:
            self._noted.add((answer, text))
            self.line({"note": [answer, self._shown(text)]})

    def _shown(self, text: str) -> str:
        longest = max(map(len, self.masked), default=0)
        near = text[: SEEN + longest]
        for each in self.masked:
            near = near.replace(each, "***")
        # A secret cut at the end of `near` does not match; it begins in the last characters.
        cut = len(text) > SEEN + longest
        return near[: len(near) - longest if cut else None][:SEEN]

    def flush(self) -> None:
        """Queue what has been measured since the last time."""
        if self.rows:
            rows, self.rows = self.rows, []
            at = round((time.monotonic() - self.start) * 1e6)
            self.line({"samples": rows, "at": at})

    def close(self, last: Any) -> None:
        """Write everything, waiting for the reader."""
        self.flush()
        self.line(last)
        os.set_blocking(self._fd, True)
        while self._left:
            del self._left[: os.write(self._fd, self._left)]


class SendLoop:
    """The loop: sends what is due, receives what has arrived, gives up what is too late."""

    def __init__(self, plan: Plan, writer: Writer, lifeline: int | None) -> None:
        self.plan, self.writer, self.lifeline = plan, writer, lifeline
        self.epoll = select.epoll()
        self.wake_read, self.wake_write = os.pipe()
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)
        for fd in [self.wake_read] if lifeline is None else [self.wake_read, lifeline]:
            self.epoll.register(fd, select.EPOLLIN)
        self.blocked: tuple[type[BaseException], ...] = (BlockingIOError,)
        self.tls_errors: tuple[type[BaseException], ...] = ()
        self.ended: tuple[type[BaseException], ...] = ()  # a close in the middle, told by TLS
        if plan.tls:
            import ssl

            self.blocked = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
            self.tls_errors = (ssl.SSLError, ssl.CertificateError)
            self.ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
        self.resolver = None if plan.fixed else Resolver(plan, self.wake_write)
        self.open: dict[int, Exchange] = {}
        self.flying: collections.deque[Exchange] = collections.deque()
        self.count = 0
        self.idle: list[Exchange] = []
        self.lingering: collections.deque[tuple[float, Exchange]] = collections.deque()
        self.racing: dict[int, Exchange] = {}
        self.next_tries: collections.deque[tuple[float, Exchange]] = collections.deque()
        self.remarks: collections.Counter[str] = collections.Counter()
        self.planned = 0
        self.stopping = False
        self.priority = ""
        self.until = math.inf
        self.parent = os.getppid()

    def run(self) -> None:
        """Run until told to stop, and then until all requests in flight have ended."""
        wait = 0.005 + self._turn(time.time() + 0.005)
        self.start = self.writer.start = time.monotonic() + wait
        self.writer.line(
            {
                "version": VERSION,
                "start": self.start,
                "wall": time.time() + wait,
                "interval": self.plan.interval,
                "answers": ANSWERS,
            }
        )
        flush = self.start
        while not self.stopping or self.count or self._due() <= self.until:
            now = self._send_due()
            self._give_up(now)
            if now >= flush:
                self.writer.flush()
                flush = now + FLUSH
                if self.lifeline is not None and os.getppid() != self.parent:
                    return
            self._take(flush)
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.writer.close(
            {
                "end": {
                    "planned": self.planned,
                    "rss": _peak(),
                    "priority": self.priority,
                    "remarks": [f"{text} ({n})" for text, n in self.remarks.most_common(NOTES)],
                    "cpu": round(used.ru_utime + used.ru_stime, 4),
                }
            }
        )

    def _turn(self, wall: float) -> float:
        """Seconds until this agent's turn among several agents (a Pod of an Indexed Job)."""
        if not self.plan.turns:
            return 0.0
        number = int(os.environ.get("JOB_COMPLETION_INDEX", "0"))
        return (self.plan.interval * number / self.plan.turns - wall) % self.plan.interval

    def stop(self, *_: object) -> None:
        """Plan nothing that is due later than now (also used as a signal handler)."""
        if not self.stopping:
            self.stopping = True
            self.until = time.monotonic()

    def _due(self) -> float:
        return self.start + self.planned * self.plan.interval

    def _send_due(self) -> float:
        now = time.monotonic()
        while self._due() <= min(now, self.until):
            exchange = Exchange(self.planned, self._due())
            self.planned += 1
            if now - exchange.intended > self.plan.timeout or self.count >= self.plan.inflight:
                self._record(exchange, UNSENT, now)
            else:
                self._launch(exchange, now)
            if self.planned == self.plan.limit:
                self.stopping, self.until = True, -math.inf
            now = time.monotonic()
        return now

    def _launch(self, exchange: Exchange, now: float) -> None:
        exchange.sent = now
        self.count += 1
        self.flying.append(exchange)
        kept = self._kept()
        if kept:
            exchange.sock, exchange.fd, exchange.mask = kept.sock, kept.fd, kept.mask
            exchange.kept, exchange.race = True, kept.race
            self.open[exchange.fd] = exchange
            self._request(exchange)
            self._advance(exchange)
        else:
            self._dial(exchange)

    def _dial(self, exchange: Exchange) -> None:
        """A new connection."""
        if self.plan.fixed:
            self._connect(exchange, self.plan.fixed)
        elif self.resolver:
            self.resolver.ask.put(exchange)

    def _broken(self, exchange: Exchange, answer: int) -> None:
        """The connection ended before the answer did. A kept one may have ended while nobody used
        it, before the server saw the request."""
        response = exchange.response
        if not exchange.kept or not self.plan.repeats or response is None or response.begun():
            self._end(exchange, answer)
            return
        self.remarks["sent again, since its kept connection had ended"] += 1
        self._close(exchange)
        exchange.kept, exchange.stage, exchange.mask, exchange.sock = False, CONNECTING, 0, None
        exchange.race = None
        self._dial(exchange)

    def _race(self, exchange: Exchange) -> None:
        """Try the next address; end where none is left, and none under way."""
        race: Race = exchange.race
        while race.left:
            target = race.left.popleft()
            sock = self._socket(exchange, target)
            if sock is None:
                return
            code = sock.connect_ex(target[1])
            if code in (0, errno.EINPROGRESS):
                race.tried[sock.fileno()] = sock, target
                self.racing[sock.fileno()] = exchange
                self.epoll.register(sock.fileno(), select.EPOLLOUT)
                race.due = time.monotonic() + HEAD_START
                self.next_tries.append((race.due, exchange))
                return
            sock.close()
            race.failed.append((target[1][0], BY_ERRNO.get(code, UNREACHABLE)))
        if not race.tried:
            self._end(exchange, race.answer())

    def _tried(self, exchange: Exchange, fd: int) -> None:
        """An address connected, or failed: the next one is tried at once."""
        race: Race = exchange.race
        sock, target = race.tried[fd]
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._leave(exchange, fd)
            race.failed.append((target[1][0], BY_ERRNO.get(code, UNREACHABLE)))
            self._race(exchange)
            return
        del self.racing[fd], race.tried[fd]
        race.winner = target[1][0]
        race.left.clear()
        for other in list(race.tried):
            self._leave(exchange, other)
        exchange.sock, exchange.fd, exchange.mask = sock, fd, select.EPOLLOUT
        self.open[fd] = exchange
        self.remarks.update(race.remarks())
        self._advance(exchange)

    def _leave(self, exchange: Exchange, fd: int) -> None:
        """Give up one address."""
        sock, _ = exchange.race.tried.pop(fd)
        del self.racing[fd]
        self.epoll.unregister(fd)
        sock.close()

    def _kept(self) -> Exchange | None:
        """A connection that can be used again. One that the server has closed cannot, even if the
        loop has not noticed yet."""
        while self.idle:
            kept = self.idle.pop()
            heard = select.poll()
            heard.register(kept.fd, select.POLLIN | select.POLLRDHUP)
            if not heard.poll(0):
                return kept
            self._close(kept)
        return None

    def _socket(self, exchange: Exchange, target: Target, kind: int = 0) -> Any:
        """For one address; None where this machine has none left, which ends the request."""
        try:
            sock = socket.socket(target[0], kind or self.plan.socket)
        except OSError as error:
            self._end(exchange, BY_ERRNO.get(error.errno or 0, UNSENT))
            return None
        sock.setblocking(False)
        if sock.type == socket.SOCK_STREAM:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _connect(self, exchange: Exchange, address: Target, kind: int = 0) -> None:
        sock = self._socket(exchange, address, kind)
        if sock is None:
            return
        exchange.sock, exchange.fd = sock, sock.fileno()
        code = sock.connect_ex(address[1])
        if code not in (0, errno.EINPROGRESS):
            self._end(exchange, BY_ERRNO.get(code, UNREACHABLE))
        elif self.plan.http and not self.plan.tls:
            self._advance(
                exchange
            )  # a nearby peer may already have answered, which saves one wake-up
        else:
            self._await(exchange, select.EPOLLOUT)

    def _await(self, exchange: Exchange, mask: int) -> None:
        if exchange.mask == mask:
            return
        if exchange.mask:
            self.epoll.modify(exchange.fd, mask)
        else:
            self.epoll.register(exchange.fd, mask)
        exchange.mask = mask
        self.open[exchange.fd] = exchange

    def _advance(self, exchange: Exchange) -> None:
        try:
            self._proceed(exchange)
        except self.blocked as error:
            reading = exchange.stage == RECEIVING or "WantRead" in type(error).__name__
            self._await(exchange, select.EPOLLIN if reading else select.EPOLLOUT)
        except NotHttp:
            self._end(exchange, PROTOCOL)
        except OSError as error:
            known = BY_ERRNO.get(error.errno or 0)
            if known == RESET or isinstance(error, self.ended):
                self._broken(exchange, RESET)
                return
            if known is None or isinstance(error, self.tls_errors):
                known = TLS if isinstance(error, self.tls_errors) else UNREACHABLE
                self.writer.note(known, getattr(error, "verify_message", "") or str(error))
            self._end(exchange, known)

    def _proceed(self, exchange: Exchange) -> None:
        sock = exchange.sock
        if exchange.stage == CONNECTING:
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, "connect")
            if self.plan.tls:
                exchange.sock = sock = self.plan.tls.wrap_socket(
                    sock, server_hostname=self.plan.server_name, do_handshake_on_connect=False
                )
                exchange.stage = HANDSHAKE
            else:
                self._request(exchange)
        if exchange.stage == HANDSHAKE:
            sock.do_handshake()
            if self.plan.valid_for and (left := _expires(sock)) < self.plan.valid_for:
                wanted = f"expected at least {self.plan.valid_for / 86400:g} days"
                self.writer.note(
                    TLS, f"the certificate expires in {left / 86400:.1f} days, {wanted}"
                )
                self._end(exchange, TLS)
                return
            self._request(exchange)
        while exchange.stage == SENDING:
            exchange.offset += sock.send(exchange.request[exchange.offset :])
            if exchange.offset >= len(exchange.request):
                exchange.stage = RECEIVING
                if not self.plan.http and not self.plan.names and not self.plan.expect:
                    self._end(exchange, GOOD)
                    return
                raise BlockingIOError  # no answer can have arrived yet
        while not exchange.done:
            data = sock.recv(65536)
            self._received(exchange, data)
            if exchange.sock is not sock:
                return
            if exchange.stage == SENDING:
                self._proceed(exchange)

    def _request(self, exchange: Exchange) -> None:
        exchange.stage, exchange.offset, exchange.request = SENDING, 0, self.plan.request
        if self.plan.dns:
            exchange.response = exchange.response or self.plan.dns.Lookup(self.plan.names)
            exchange.request = exchange.response.query()
        else:
            exchange.response = Response(self.plan.head_only) if self.plan.http else bytearray()

    def _looked_up(self, exchange: Exchange, data: bytes) -> None:
        """Handle a part of a DNS answer: the request ends, or continues, perhaps over TCP."""
        dns, lookup = self.plan.dns, exchange.response
        if not data and lookup.stream:
            self._end(exchange, RESET)
            return
        step = lookup.take(data)
        if step == dns.END:
            if lookup.text:
                self.writer.note(ANSWERS.index(lookup.answer), lookup.text)
            self._end(exchange, ANSWERS.index(lookup.answer))
        elif step == dns.ASK:
            self._request(exchange)
        elif step == dns.CUT:
            lookup.over_tcp()
            address = exchange.sock.family, exchange.sock.getpeername()
            self._close(exchange)
            exchange.stage, exchange.mask = CONNECTING, 0
            self._connect(exchange, address, socket.SOCK_STREAM)

    def _received(self, exchange: Exchange, data: bytes) -> None:
        response = exchange.response
        if self.plan.names:
            self._looked_up(exchange, data)
        elif not self.plan.http:
            response += data
            if self.plan.expect in response:
                self._end(exchange, GOOD)
            elif not data or len(response) > BODY_LIMIT:
                self._end(exchange, BODY if response else RESET)
        elif response.feed(data) if data else response.closed():
            self._end(exchange, self._judge(response))
        elif not data:
            self._broken(exchange, RESET)

    def _judge(self, response: Response) -> int:
        plan = self.plan
        if not any(low <= response.status <= high for low, high in plan.statuses):
            self.writer.note(STATUS, f"status {response.status}{_moved(response)}")
            return STATUS
        wrong = self._wrong_body(response)
        if not wrong:
            return GOOD
        self.writer.note(BODY, wrong)
        return BODY

    def _wrong_body(self, response: Response) -> str:
        """What the body is instead of the expected one; "" if it is as expected."""
        plan = self.plan
        if not (plan.contains or plan.matches or plan.json):
            return ""
        try:
            body = response.text()
        except NotDecoded as error:
            return str(error)
        if plan.contains in body and (not plan.matches or plan.matches.search(body)):
            return _mismatch(body, plan.json) if plan.json else ""
        # At most four bytes per character, and as much again for a secret that begins within SEEN.
        return body[: 8 * SEEN].decode("utf-8", "replace") or "the body is empty"

    def _end(self, exchange: Exchange, answer: int) -> None:
        now = time.monotonic()
        exchange.done = True
        self.count -= 1
        self._record(exchange, answer, now)
        if exchange.race:
            exchange.race.left.clear()
            for fd in list(exchange.race.tried):
                self._leave(exchange, fd)
        if exchange.sock is None:
            return
        if (
            exchange.stage != RECEIVING
            or not isinstance(exchange.response, Response)
            or answer in (RESET, TIMEOUT, PROTOCOL, TLS, UNREACHABLE)
        ):
            self._close(exchange)
            return
        exchange.stage = DONE
        self._await(exchange, select.EPOLLIN)
        if self.plan.keepalive and exchange.response.reusable:
            self.idle.append(exchange)
        else:
            self.lingering.append((now + LINGER, exchange))

    def _record(self, exchange: Exchange, answer: int, now: float) -> None:
        lag = None if answer == UNSENT else round((exchange.sent - exchange.intended) * 1e6)
        row: list[Any] = [exchange.seq, lag, round((now - exchange.intended) * 1e6), answer]
        response = exchange.response
        reached = exchange.race.winner[:BY_LIMIT] if exchange.race else ""
        if isinstance(response, Response) and response.status:
            row += [response.status, self._by(response) or reached]
        elif reached:
            row += [0, reached]
        self.writer.rows.append(row)

    def _by(self, response: Response) -> str:
        said = response.headers.get(self.plan.by_header, b"")
        if not said and self.plan.by_body and response.status == 200:
            said = self._start_of(response).strip()
        return said.decode("ascii", "replace") if len(said) <= BY_LIMIT else ""

    def _start_of(self, response: Response) -> bytes:
        try:
            return response.text()[: BY_LIMIT + 1]
        except NotDecoded:
            return b""

    def _close(self, exchange: Exchange) -> None:
        if self.open.pop(exchange.fd, None) is not None:
            self.epoll.unregister(exchange.fd)
        exchange.sock.close()
        exchange.stage = DONE
        if exchange in self.idle:
            self.idle.remove(exchange)

    def _give_up(self, now: float) -> None:
        while self.flying and (
            self.flying[0].done or self.flying[0].sent + self.plan.timeout <= now
        ):
            exchange = self.flying.popleft()
            if not exchange.done:
                self._end(exchange, TIMEOUT)
        while self.next_tries and self.next_tries[0][0] <= now:
            due, exchange = self.next_tries.popleft()
            if exchange.race.left and exchange.race.due == due:
                exchange.race.slow += [target[1][0] for _, target in exchange.race.tried.values()]
                self._race(exchange)
        while self.lingering and self.lingering[0][0] <= now:
            exchange = self.lingering.popleft()[1]
            if exchange.fd in self.open and self.open[exchange.fd] is exchange:
                self._close(exchange)

    def _take(self, flush: float) -> None:
        wake = flush if self.stopping else min(flush, self._due())
        if self.flying:
            wake = min(wake, self.flying[0].sent + self.plan.timeout)
        if self.next_tries:
            wake = min(wake, self.next_tries[0][0])
        if select.select([self.epoll], [], [], max(0.0, wake - time.monotonic()))[0]:
            for fd, _ in self.epoll.poll(0):
                exchange = self.open.get(fd)
                if fd in self.racing:
                    self._tried(self.racing[fd], fd)
                elif exchange is None:
                    self._control(fd)
                elif exchange.done:
                    self._drain(exchange)
                else:
                    self._advance(exchange)

    def _drain(self, exchange: Exchange) -> None:
        try:
            # An answer that nobody asked for (a proxy's 408) would be taken for the next one's.
            if exchange.sock.recv(65536) and exchange not in self.idle:
                return
        except self.blocked:
            return
        except OSError:
            pass  # the peer did not close TLS properly, but the connection is closed
        self._close(exchange)

    def _control(self, fd: int) -> None:
        if fd == self.lifeline and not os.read(fd, 4096):
            self.epoll.unregister(fd)
            self.stop()
        elif fd == self.wake_read:
            os.read(fd, 4096)
            while self.resolver and self.resolver.found:
                exchange, targets, trouble = self.resolver.found.popleft()
                if trouble:
                    self.writer.note(NAME, trouble)
                if not exchange.done and targets is None:
                    self._end(exchange, NAME)
                elif not exchange.done and len(targets) == 1:
                    self._connect(exchange, targets[0])
                elif not exchange.done:
                    exchange.race = Race(targets)
                    self._race(exchange)


def _take_priority(rate: float) -> str:
    """Takes the best priority that is permitted: the prober sleeps nearly always, and must wake in
    time.

    Real time only for rates that leave a processor nearly all of its time. The lag says how it
    went.
    """
    if rate <= REAL_TIME_RATE:
        try:
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        except OSError:
            pass  # this needs CAP_SYS_NICE or RLIMIT_RTPRIO
        else:
            return "real time"
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    except OSError:
        return "normal"  # this needs CAP_SYS_NICE or RLIMIT_NICE
    return f"nice {NICE}"


def _peak() -> int:
    """The peak memory in bytes. (getrusage reports the parent's, from before exec.)"""
    with open("/proc/self/status", encoding="ascii") as file:
        lines = [line.split() for line in file if line.startswith("VmHWM:")]
    return int(lines[0][1]) * 1024 if lines else 0


def _configuration(arguments: list[str]) -> tuple[dict[str, Any], int | None]:
    if len(arguments) > 1:
        with open(arguments[1], encoding="utf-8") as file:
            return json.load(file), None
    text = b""
    while not text.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            raise SystemExit("no configuration on stdin")
        text += piece
    return json.loads(text), 0


def main() -> None:
    """Probe until stopped."""
    given, lifeline = _configuration(sys.argv)
    writer = Writer(1)
    writer.masked = given.get("masked", [])
    prober = SendLoop(Plan(given), writer, lifeline)
    signal.signal(signal.SIGTERM, prober.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent process
    signal.set_wakeup_fd(prober.wake_write, warn_on_full_buffer=False)
    prober.priority = _take_priority(given["rate"])
    gc.freeze()
    gc.disable()  # this program creates no reference cycles, and a collection would delay a request
    try:
        prober.run()
    except BrokenPipeError:
        pass  # the parent process is gone
    if prober.plan.turns:
        raise SystemExit(REPLACE_ME)


if __name__ == "__main__":
    main()
