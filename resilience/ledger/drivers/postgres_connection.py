"""A connection to a PostgreSQL, also behind a pooler.

A pooler refuses the run-time parameters of a session (PgBouncer, "unsupported startup parameter"),
or takes them and does not pass them on: nothing may depend on those that are only wished for. They
are not set later instead: a pooler would give the connection, with what was set, to clients of the
service.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Event, Lock, Timer
from typing import Any

from resilience.ledger.drivers.trust import Trust, in_memory
from resilience.model.total_time import TooLong, within

CANCELLING = 1.0
"""Seconds that a server may take to accept that a statement is cancelled, and to answer it."""


class Options:
    """The run-time parameters of sessions: `settings` must hold, `wished` are left out for good
    once a pooler refused them."""

    def __init__(self, settings: Mapping[str, str], wished: Mapping[str, str]) -> None:
        self._settings, self._wished = settings, wished

    def __str__(self) -> str:
        every = sorted({**self._wished, **self._settings}.items())
        return " ".join(f"-c {name}={text}" for name, text in every)

    def reduced(self, error: BaseException) -> bool:
        """Whether it is worth another try without what was wished for."""
        refused = bool(self._wished) and "unsupported startup parameter" in str(error)
        self._wished = {} if refused else self._wished
        return refused


def connected(
    psycopg: Any, options: Options, timeout: float, trust: Trust | None = None, **where: Any
) -> Any:
    """A connection; `where` is what psycopg takes. Raises its errors. Without `trust` it is
    encrypted if the server offers that, and nobody is verified (libpq's own default)."""
    try:
        with _secured(trust, where) as told:
            return psycopg.connect(
                **told, options=str(options), connect_timeout=max(2, round(timeout)),
                client_encoding="utf8",  # else texts of a database in SQL_ASCII arrive as bytes
            )  # fmt: skip
    except psycopg.OperationalError as error:
        if not options.reduced(error):
            raise
    return connected(psycopg, options, timeout, trust, **where)


@contextmanager
def _secured(trust: Trust | None, where: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """`where` with the certificate's name as `host`, which libpq verifies, and the addresses that
    it connects to as `hostaddr`. Raises OSError for a name that does not resolve."""
    if trust is None:
        yield where
        return
    found = socket.getaddrinfo(where["host"], where["port"], type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    more: dict[str, Any] = {
        "sslmode": "verify-full",
        "sslrootcert": ssl.get_default_verify_paths().cafile or "system",
        "hostaddr": ",".join(addresses),
        "host": ",".join([trust.name] * len(addresses)),
    }
    with ExitStack() as held:
        if trust.authorities:
            more["sslrootcert"] = held.enter_context(in_memory(trust.authorities))
        if trust.client:  # libpq takes both from one file
            more["sslcert"] = more["sslkey"] = held.enter_context(in_memory(trust.client))
        yield {**where, **more}


class Limit:
    """A limit of `seconds` on statements, kept by the client: statement_timeout does not reach a
    commit that waits for standbys, nor a server that is frozen.

    The statement is cancelled at the server, so that no session is left waiting there, and then
    the connection is shut down. `passed` says whether that was so with the last one; its connection
    has to be closed then.
    """

    def __init__(self, psycopg: Any, seconds: float) -> None:
        self.passed = False
        self._psycopg, self._seconds = psycopg, seconds
        self._waiting: Any = None
        self._lock = Lock()
        self._answered = Event()

    @contextmanager
    def over(self, connection: Any) -> Iterator[None]:
        """Around one statement."""
        with self._lock:
            self._waiting, self.passed = connection, False
            self._answered.clear()
        timer = Timer(self._seconds, self._end, [connection])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._waiting = None
            self._answered.set()

    def _end(self, connection: Any) -> None:
        with self._lock:
            if self._waiting is not connection:
                return
            self.passed = True
        try:
            within(CANCELLING, lambda: connection.cancel_safe(timeout=CANCELLING))
        except (self._psycopg.Error, TooLong):
            pass  # the server does not even take that; the connection ends all the same
        else:
            self._answered.wait(CANCELLING)
        with self._lock:
            if self._waiting is connection:
                with socket.socket(fileno=os.dup(connection.fileno())) as sock:
                    sock.shutdown(socket.SHUT_RDWR)
