"""A ledger over HTTP: each write is one request on a new connection, answered by a status.

Reads find the ledger's own keys and values in any body, so that the service may use any format:
JSON, lines, HTML.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from resilience.ledger import values
from resilience.ledger.drivers.http_heads import HeadLimit
from resilience.ledger.drivers.session import Place, Refused, Unclear, Unreadable
from resilience.ledger.drivers.trust import Trust
from resilience.ledger.records import Found
from resilience.model.masks import excerpt

BODY = 64 << 20
"""Bytes of a listing that are read at most; a longer one is no answer."""

READING = 10
"""Times the timeout that a whole body may take: a listing is long."""

HEAD = 2
"""Times the timeout that connecting and the whole head may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpStore:
    """`put`, `get`, `list`, `delete` are paths with `{key}`, `{value}` or `{prefix}` in them;
    `body` likewise. `status` are those that acknowledge. `host` is expected in the certificate,
    and `authority` is sent as Host."""

    place: Place
    put: str
    get: str = ""
    list: str = ""
    delete: str = ""
    method: str = "PUT"
    body: str = "{value}"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: tuple[int, ...] = (200, 201, 202, 204)
    by_header: str = "x-pod-name"
    trust: Trust | None = None
    host: str = ""
    authority: str = ""

    def __call__(self) -> HttpSession:
        return HttpSession(self)


class HttpSession:
    """`resilience.ledger.drivers.session.Session`."""

    def __init__(self, store: HttpStore) -> None:
        self._store = store

    def put(self, key: str, value: str) -> str:
        store = self._store
        body = _filled(store.body, key=key, value=value, prefix=store.place.start)
        answer = self._send(store.method, store.put, body, key=key, value=value)
        if answer.status not in store.status:
            raise Unclear(f"status {answer.status}")
        return excerpt(str(answer.headers.get(store.by_header, "")), 63)

    def get(self, key: str) -> Found:
        if not self._store.get:
            return self.every()
        answer = self._read(self._store.get, key=key)
        return values.scan(answer, self._store.place.start)

    def every(self) -> Found:
        if not self._store.list:
            raise Unreadable("`list` is not set")
        return values.scan(self._read(self._store.list), self._store.place.start)

    def clear(self) -> None:
        store = self._store
        found = self.every()
        for key in sorted({*found.values, *found.corrupt}):
            answer = self._send("DELETE", store.delete, "", key=key)
            if answer.status >= 300 and answer.status not in (404, 410):
                raise Unreadable(f"DELETE of {key}: status {answer.status}")

    def close(self) -> None:
        """Nothing to close: every request had its own connection."""

    def _read(self, path: str, key: str = "") -> str:
        try:
            answer = self._send("GET", path, "", key=key)
        except (Refused, Unclear) as error:
            raise Unreadable(str(error)) from error
        if answer.status == 404 and key:
            return ""
        if answer.status != 200:
            raise Unreadable(f"status {answer.status}")
        return str(answer.data.decode("utf-8", "replace"))

    def _send(
        self, method: str, path: str, body: str, *, key: str = "", value: str = ""
    ) -> _Answer:
        import urllib3

        store = self._store
        start = store.place.start
        url = _filled(path, key=quote(key), value=quote(value), prefix=quote(start))
        host, port = store.place.address()
        kind: Any = urllib3.HTTPSConnectionPool if store.trust else (
            urllib3.HTTPConnectionPool)  # fmt: skip
        extra: dict[str, Any] = {}
        if store.trust:
            name = store.trust.name
            extra = {"ssl_context": store.trust.context(), "server_hostname": name,
                     "assert_hostname": name}  # fmt: skip
        headers = {"Host": store.authority or store.host, "Connection": "close", **store.headers}
        limit = HeadLimit(HEAD * store.place.timeout)
        with kind(host, port, retries=False, timeout=store.place.timeout, **extra) as pool:
            pool.ConnectionCls = limit.put_on(pool.ConnectionCls)
            try:
                with limit:
                    answer = pool.request(
                        method, url, body=body.encode() or None, headers=headers, redirect=False,
                        preload_content=False,
                    )  # fmt: skip
                return _Answer(answer.status, answer.headers, _bounded(answer, store.place))
            except (urllib3.exceptions.NewConnectionError,
                    urllib3.exceptions.ConnectTimeoutError) as error:  # fmt: skip
                raise Refused(_first(error)) from error
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise Unclear(limit.passed or _first(error)) from error


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    data: bytes


def _bounded(answer: Any, place: Place) -> bytes:
    """Read the body with limits on its size and total time, which the timeout of a single read does
    not provide."""
    data = bytearray()
    until = time.monotonic() + READING * place.timeout
    while piece := answer.read1(1 << 16):
        data += piece
        if len(data) > BODY:
            raise ValueError(f"a body of more than {BODY >> 20} MiB")
        if time.monotonic() > until:
            raise ValueError("the body did not end in time")
    return bytes(data)


def _filled(text: str, **names: str) -> str:
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text


def _first(error: BaseException) -> str:
    return excerpt(str(error).partition("\n")[0], 200)
