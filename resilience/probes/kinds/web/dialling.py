"""Connections of a journey: requests carry the names that clients write, and only the connection
goes to the address.

Cookies, redirects and the `Host` header are about names. A Service is dialled by its address, and a
step's own `Host` header names a virtual host behind the same address, so an application that
redirects to such a name means itself (`curl --connect-to` does the same).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


def port(url: Any) -> int:
    """The usual one if the URL has none; 0 for another scheme."""
    return url.port or PORTS.get(url.scheme, 0)


def origin(url: Any) -> Origin:
    """Scheme, host and port (RFC 6454)."""
    return url.scheme, url.host, port(url)


class ServerNames:
    """The names of one server. `address` is where it is dialled, None for its own name."""

    def __init__(self, httpx: Any, base: str, address: tuple[str, int] | None) -> None:
        self._httpx, self._base = httpx, httpx.URL(base)
        self._address = address or (self._base.host, port(self._base))
        self._own: set[Origin] = {origin(self._base)} if address else set()

    def url(self, path: str, headers: Mapping[str, str]) -> Any:
        """The URL of a step, with the host of its `Host` header if it has one."""
        named = {name.lower(): text for name, text in headers.items()}.get("host")
        netloc = named or self._base.netloc.decode("ascii")
        before = self._base.raw_path.decode("ascii").rstrip("/")
        url = self._httpx.URL(f"{self._base.scheme}://{netloc}{before}{path}")
        if named:
            self._own.add(origin(url))
        return url

    def dialled(self, url: Any) -> Any:
        """The URL with the address in place of a name. Another port of the same host is another
        server of it."""
        if all(url.host != host for _, host, _ in self._own):
            return url
        host, own = self._address
        return url.copy_with(host=host, port=own if origin(url) in self._own else port(url))


class Dialling:
    """An httpx transport."""

    def __init__(self, httpx: Any, inner: Any, names: ServerNames) -> None:
        self._httpx, self._inner, self._names = httpx, inner, names

    def handle_request(self, request: Any) -> Any:
        """Send it to the address, with the name for TLS."""
        name = {"sni_hostname": request.url.host}
        return self._inner.handle_request(
            self._httpx.Request(
                request.method, self._names.dialled(request.url), headers=request.headers,
                stream=request.stream, extensions={**name, **request.extensions},
            )
        )  # fmt: skip

    def close(self) -> None:
        """Close its connections."""
        self._inner.close()

    def __enter__(self) -> Dialling:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
