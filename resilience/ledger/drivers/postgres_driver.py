"""A ledger in PostgreSQL, by psycopg (extra `postgres`): each write is one INSERT, committed by
itself.

The rows go to a table of the run's own, which is dropped at the end. The answer to the commit
decides; a connection that breaks before the answer leaves the write unknown, and so does a warning
beside the answer: a server whose wait for its standbys is cancelled, by its operator say, answers
with success and a warning, and the write exists on that server alone. No timeout of the server
ends that wait, nor any wait of a server that is frozen: a `Limit` does.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import Any

from resilience.ledger import values
from resilience.ledger.drivers.postgres_connection import Limit, Options, connected
from resilience.ledger.drivers.session import (
    Place,
    Refused,
    Unclear,
    Unreadable,
    Unusable,
    package,
)
from resilience.ledger.drivers.trust import Trust
from resilience.ledger.records import Found
from resilience.model.masks import excerpt

LATE = 1.25
"""Times the timeout after which a statement is given up: the server's own limit comes first."""

CERTAIN = ("22", "23", "25", "26", "42", "53")
"""SQLSTATE classes of a statement that was not carried out: its transaction is rolled back."""

HOPELESS = ("28", "3D")
"""SQLSTATEs of a refused login or a missing database."""

REFUSED_LOGIN = re.compile(r'password|pg_hba\.conf|(role|database) ".*" does not exist')
"""The same as texts: libpq keeps no SQLSTATE for a refused connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresStore:
    """`settings` are run-time parameters of each session, such as synchronous_commit; `trust` None
    is what libpq does by itself."""

    place: Place
    database: str = "postgres"
    user: str = "postgres"
    settings: dict[str, str] = field(default_factory=dict)
    trust: Trust | None = None

    @property
    def table(self) -> str:
        """The run's own."""
        return "resilience_" + re.sub(r"[^a-z0-9]", "_", self.place.start).strip("_")

    def __call__(self) -> PostgresSession:
        return PostgresSession(self, package("psycopg", "postgres"))


class PostgresSession:
    """`resilience.ledger.drivers.session.Session`, with one connection, replaced after an error."""

    def __init__(self, store: PostgresStore, psycopg: Any) -> None:
        self._store, self._psycopg = store, psycopg
        self._connection: Any = None
        self._warnings: list[str] = []
        limit = {"statement_timeout": f"{round(store.place.timeout * 1000)}"}
        self._options = Options(store.settings, wished=limit)
        self._limit = Limit(psycopg, LATE * store.place.timeout)
        self._by = ""

    def put(self, key: str, value: str) -> str:
        connection = self._connected()
        self._warnings.clear()
        statement = f"INSERT INTO {self._store.table} (key, value) VALUES (%s, %s)"
        try:
            with self._limit.over(connection):
                connection.execute(statement, (key, value))
        except self._psycopg.Error as error:
            self.close()
            if self._limit.passed:
                raise Unclear(self._late()) from error
            if str(error.sqlstate or "")[:2] in CERTAIN:
                raise Refused(_first(error)) from error
            raise Unclear(_first(error)) from error
        if self._limit.passed:
            self.close()  # what was cancelled might be its next statement
        if self._warnings:
            raise Unclear(excerpt(self._warnings[0], 200))
        return self._by

    def get(self, key: str) -> Found:
        rows = self._rows(f"SELECT value FROM {self._store.table} WHERE key = %s", (key,))
        found = values.of_key(" ".join(row[0] for row in rows), key, self._store.place.start)
        return Found(values={key: count for key, count in found.values.items()},
                     corrupt=found.corrupt)  # fmt: skip

    def every(self) -> Found:
        counts: dict[str, int] = {}
        corrupt: set[str] = set()
        for key, text in self._rows(f"SELECT key, value FROM {self._store.table}", ()):
            if values.of_key(text, key, self._store.place.start).corrupt:
                corrupt.add(key)
            else:
                counts[key] = counts.get(key, 0) + 1
        return Found(values=counts, corrupt=frozenset(corrupt))

    def clear(self) -> None:
        self._rows(f"DROP TABLE IF EXISTS {self._store.table}", None)

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _rows(self, statement: str, parameters: Any) -> list[Any]:
        try:
            connection = self._connected(create=parameters is not None)
            if parameters is not None:
                return list(connection.execute(statement, parameters).fetchall())
            with self._limit.over(connection):  # what changes something may wait for a standby
                cursor = connection.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            if self._limit.passed:
                self.close()
            return rows
        except Refused as error:
            raise Unreadable(str(error)) from error
        except self._psycopg.Error as error:
            self.close()
            raise Unreadable(_first(error)) from error

    def _connected(self, *, create: bool = True) -> Any:
        """A connection with its table; if this fails, no write was sent."""
        if self._connection is not None:
            return self._connection
        store = self._store
        host, port = store.place.address()
        try:
            self._connection = connection = self._opened(host, port)
            connection.add_notice_handler(self._noticed)
            if create:
                with self._limit.over(connection):
                    connection.execute(
                        f"CREATE TABLE IF NOT EXISTS {store.table} (key text, value text)"
                    )
            row = connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()
            self._by = str(row[0])[:19]
        except (self._psycopg.Error, socket.gaierror) as error:
            self.close()
            state = str(getattr(error, "sqlstate", "") or "")
            if state[:2] in HOPELESS or REFUSED_LOGIN.search(str(error)):
                raise Unusable(f"PostgreSQL at {host}:{port} refuses the login: "
                               f"{_first(error)}") from error  # fmt: skip
            raise Refused(_first(error)) from error
        return connection

    def _opened(self, host: str, port: int) -> Any:
        store = self._store
        return connected(
            self._psycopg, self._options, store.place.timeout, store.trust,
            host=host, port=port, dbname=store.database, user=store.user, autocommit=True,
            password=store.place.secrets.get("password"), application_name="resilience-ledger",
            tcp_user_timeout=round(store.place.timeout * 1000),
            prepare_threshold=None,  # a pooler gives the next statement another session
        )  # fmt: skip

    def _late(self) -> str:
        return f"no answer within {LATE * self._store.place.timeout:g} s"

    def _noticed(self, diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            self._warnings.append(str(diagnostic.message_primary))


def _first(error: BaseException) -> str:
    return excerpt(str(error).partition("\n")[0], 200)
