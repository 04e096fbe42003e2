"""A ledger in PostgreSQL, by psycopg (extra `postgres`): each write is one INSERT, committed by
itself.

The rows go to a table of the run's own, which is dropped at the end. The answer to the commit
decides; a connection that breaks before the answer leaves the write unknown, and so does a warning
beside the answer: a server whose wait for its standbys is cancelled, by its operator say, answers
with success and a warning, and the write exists on that server alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resilience.ledger import values
from resilience.ledger.drivers.session import (
    Place,
    Refused,
    Unclear,
    Unreadable,
    Unusable,
    package,
)
from resilience.ledger.records import Found
from resilience.model.masks import excerpt

CERTAIN = ("22", "23", "25", "26", "42", "53")
"""SQLSTATE classes of a statement that was not carried out: its transaction is rolled back."""

HOPELESS = ("28", "3D")
"""SQLSTATEs of a refused login or a missing database."""

REFUSED_LOGIN = re.compile(r'password|pg_hba\.conf|(role|database) ".*" does not exist')
"""The same as texts: libpq keeps no SQLSTATE for a refused connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresStore:
    """`settings` are run-time parameters of each session, such as synchronous_commit."""

    place: Place
    database: str = "postgres"
    user: str = "postgres"
    settings: dict[str, str] = field(default_factory=dict)

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
        self._options = _Options(store.settings, store.place.timeout)
        self._by = ""

    def put(self, key: str, value: str) -> str:
        connection = self._connected()
        self._warnings.clear()
        try:
            connection.execute(f"INSERT INTO {self._store.table} (key, value) VALUES (%s, %s)",
                               (key, value))  # fmt: skip
        except self._psycopg.Error as error:
            self.close()
            if str(error.sqlstate or "")[:2] in CERTAIN:
                raise Refused(_first(error)) from error
            raise Unclear(_first(error)) from error
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
            cursor = self._connected(create=parameters is not None).execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
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
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {store.table} (key text, value text)"
                )
            row = connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()
            self._by = str(row[0])[:19]
        except self._psycopg.Error as error:
            self.close()
            state = str(getattr(error, "sqlstate", "") or "")
            if state[:2] in HOPELESS or REFUSED_LOGIN.search(str(error)):
                raise Unusable(f"PostgreSQL at {host}:{port} refuses the login: "
                               f"{_first(error)}") from error  # fmt: skip
            raise Refused(_first(error)) from error
        return connection

    def _opened(self, host: str, port: int) -> Any:
        store, psycopg = self._store, self._psycopg
        try:
            return psycopg.connect(
                host=host, port=port, dbname=store.database, user=store.user, autocommit=True,
                password=store.place.secrets.get("password"), application_name="resilience-ledger",
                client_encoding="utf8",  # else texts of a database in SQL_ASCII arrive as bytes
                connect_timeout=max(2, round(store.place.timeout)), options=str(self._options),
                tcp_user_timeout=round(store.place.timeout * 1000),
                prepare_threshold=None,  # a pooler gives the next statement another session
            )  # fmt: skip
        except psycopg.OperationalError as error:
            if not self._options.reduced(error):
                raise
        return self._opened(host, port)

    def _noticed(self, diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            self._warnings.append(str(diagnostic.message_primary))


class _Options:
    """The run-time parameters of a session. `statement_timeout` is among them and not set later:
    a pooler would give the connection, with what was set, to clients of the service. If
    it refuses the parameter, as PgBouncer does, there is no limit."""

    def __init__(self, settings: Mapping[str, str], timeout: float) -> None:
        self._settings = settings
        self._timeout = {"statement_timeout": f"{round(timeout * 1000)}"}

    def __str__(self) -> str:
        every = sorted({**self._timeout, **self._settings}.items())
        return " ".join(f"-c {name}={text}" for name, text in every)

    def reduced(self, error: BaseException) -> bool:
        """Whether it is worth another try without the timeout."""
        refused = bool(self._timeout) and "unsupported startup parameter" in str(error)
        self._timeout = {} if refused else self._timeout
        return refused


def _first(error: BaseException) -> str:
    return excerpt(str(error).partition("\n")[0], 200)
