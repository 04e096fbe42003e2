"""A ledger in Redis: SET, GET, SCAN and MGET by redis-py (extra `redis`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resilience.ledger import values
from resilience.ledger.drivers.redis_errors import is_answer, told
from resilience.ledger.drivers.session import (
    Place,
    Refused,
    Unclear,
    Unreadable,
    Unusable,
    package,
)
from resilience.ledger.records import Found

PAGE = 500

RESP2 = 2
"""The protocol that every server knows. redis-py 8 begins with HELLO, which Redis 5, and proxies in
front of newer ones, refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisStore:
    """`database` by number; `wait` is how many replicas must have a write before it counts as
    acknowledged (WAIT)."""

    place: Place
    database: int = 0
    username: str = ""
    wait: int = 0

    def __call__(self) -> RedisSession:
        return RedisSession(self, package("redis", "redis"))


class RedisSession:
    """`resilience.ledger.drivers.session.Session`, with one connection, replaced after an error."""

    def __init__(self, store: RedisStore, redis: Any) -> None:
        self._store, self._redis = store, redis
        self._client: Any = None
        self._by = ""

    def put(self, key: str, value: str) -> str:
        client = self._connected()
        try:
            if client.set(key, value) is not True:
                raise Unclear("SET was not answered with OK")
            if self._store.wait:
                reached = client.wait(self._store.wait, round(self._store.place.timeout * 1000))
                if reached < self._store.wait:
                    raise Unclear(f"{reached} of {self._store.wait} replicas confirmed it")
        except self._redis.exceptions.ResponseError as error:
            raise Refused(told(error)) from error
        except (self._redis.exceptions.RedisError, OSError) as error:
            self.close()
            if is_answer(error):
                raise Refused(told(error)) from error
            raise Unclear(str(error)) from error
        return self._by

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
        client = self._redis.Redis(
            host=host, port=port, db=store.database, single_connection_client=False,
            username=store.username or None, password=store.place.secrets.get("password"),
            socket_timeout=store.place.timeout, socket_connect_timeout=store.place.timeout,
            retry=None, max_connections=1, protocol=RESP2,
        )  # fmt: skip
        try:
            self._by = str(client.info("server").get("run_id", ""))[:8]
        except errors.AuthenticationError as error:
            client.close()
            raise Unusable(f"Redis at {host}:{port} refuses the login ({error}); write `password: "
                           "{secret: NAME, key: KEY}` or `{env: NAME}`") from error  # fmt: skip
        except (errors.RedisError, OSError) as error:
            client.close()
            raise Refused(told(error)) from error
        self._client = client
        return client


def _text(found: Any) -> str:
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""
