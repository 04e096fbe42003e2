"""A ledger in Redis: SET, GET, SCAN and MGET by redis-py (extra `redis`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resilience.ledger import values
from resilience.ledger.drivers import redis_connection
from resilience.ledger.drivers.redis_errors import is_answer, told
from resilience.ledger.drivers.session import (
    Place,
    Refused,
    Unclear,
    Unreadable,
    Unusable,
    package,
)
from resilience.ledger.drivers.trust import Trust, failure
from resilience.ledger.records import Found

PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisStore:
    """`database` by number; `wait` is how many replicas must have a write before it counts as
    acknowledged (WAIT). `trust` None is plain text."""

    place: Place
    database: int = 0
    username: str = ""
    wait: int = 0
    trust: Trust | None = None

    def __call__(self) -> RedisSession:
        return RedisSession(self, package("redis", "redis"))


class RedisSession:
    """`resilience.ledger.drivers.session.Session`, with one connection, replaced after an error."""

    def __init__(self, store: RedisStore, redis: Any) -> None:
        self._store, self._redis = store, redis
        self._context = store.trust.context() if store.trust else None
        self._client: Any = None
        self._by = ""

    def put(self, key: str, value: str) -> str:
        client = self._connected()
        try:
            if client.set(key, value) is not True:
                raise Unclear("SET was not answered with OK")
        except self._redis.exceptions.ResponseError as error:
            raise Refused(told(error)) from error
        except (self._redis.exceptions.RedisError, OSError) as error:
            self.close()
            if is_answer(error):
                raise Refused(told(error)) from error
            raise Unclear(str(error)) from error
        if self._store.wait:
            self._wait(client)
        return self._by

    def _wait(self, client: Any) -> None:
        """The write is there already, so whatever goes wrong from here on leaves it unclear: a
        master that becomes a replica meanwhile answers with an error (UNBLOCKED)."""
        wanted = self._store.wait
        try:
            reached = client.wait(wanted, round(self._store.place.timeout * 1000))
        except (self._redis.exceptions.RedisError, OSError) as error:
            self.close()
            raise Unclear(f"written, but WAIT failed: {told(error)}") from error
        if reached < wanted:
            raise Unclear(f"{reached} of {wanted} replicas confirmed it")

    def get(self, key: str) -> Found:
        text = self._reading(lambda client: client.get(key))
        return values.of_key(_text(text), key, self._store.place.start)

    def every(self) -> Found:
        def all_of(client: Any) -> dict[str, str]:
            found: dict[str, str] = {}
            names = list(set(client.scan_iter(match=f"{self._store.place.start}*", count=PAGE)))
            for at in range(0, len(names), PAGE):
                page = names[at : at + PAGE]
                pairs = zip(page, client.mget(page), strict=True)
                found |= {_text(name): _text(value) for name, value in pairs}
            return found

        start = self._store.place.start
        counts: dict[str, int] = {}
        corrupt: set[str] = set()
        for name, text in self._reading(all_of).items():
            found = values.of_key(text, name, start)
            counts |= {key: 1 for key in found.values if key == name}
            corrupt |= found.corrupt
        return Found(values=counts, corrupt=frozenset(corrupt))

    def clear(self) -> None:
        def delete(client: Any) -> None:
            start = self._store.place.start
            found = list(client.scan_iter(match=f"{start}*", count=PAGE))
            for name in values.own(map(_text, found), start):
                client.delete(name)

        self._reading(delete)

    def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            client.close()

    def _reading(self, ask: Any) -> Any:
        try:
            return ask(self._connected())
        except Refused as error:
            raise Unreadable(str(error)) from error
        except (self._redis.exceptions.RedisError, OSError) as error:
            self.close()
            raise Unreadable(told(error)) from error

    def _connected(self) -> Any:
        """A tested connection; if this fails, no write was sent."""
        if self._client is not None:
            return self._client
        store, errors = self._store, self._redis.exceptions
        host, port = store.place.address()
        client = redis_connection.client(
            self._redis, (host, port), store.place.timeout, self._context,
            store.trust.name if store.trust else "", db=store.database,
            username=store.username, password=store.place.secrets.get("password"),
        )  # fmt: skip
        try:
            self._by = str(client.info("server").get("run_id", ""))[:8]
        except errors.AuthenticationError as error:
            client.close()
            raise Unusable(f"Redis at {host}:{port} refuses the login ({error}); write `password: "
                           "{secret: NAME, key: KEY}` or `{env: NAME}`") from error  # fmt: skip
        except (errors.RedisError, OSError) as error:
            client.close()
            why = failure(error)
            raise Refused(f"TLS failed: {why}" if why else told(error)) from error
        self._client = client
        return client


def _text(found: Any) -> str:
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""
