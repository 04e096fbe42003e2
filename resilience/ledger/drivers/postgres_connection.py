"""A connection to a PostgreSQL, also behind a pooler.

A pooler refuses the run-time parameters of a session (PgBouncer, "unsupported startup parameter"),
or takes them and does not pass them on: nothing may depend on those that are only wished for. They
are not set later instead: a pooler would give the connection, with what was set, to clients of the
service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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


def connected(psycopg: Any, options: Options, timeout: float, **where: Any) -> Any:
    """A connection; `where` is what psycopg takes. Raises its errors."""
    try:
        return psycopg.connect(
            **where, options=str(options), connect_timeout=max(2, round(timeout)),
            client_encoding="utf8",  # else texts of a database in SQL_ASCII arrive as bytes
        )  # fmt: skip
    except psycopg.OperationalError as error:
        if not options.reduced(error):
            raise
    return connected(psycopg, options, timeout, **where)
