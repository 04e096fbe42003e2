"""A client of redis-py with one connection, in plain text or over TLS.

redis-py expects the host that it connects to in the server's certificate. A Service is connected to
by its address, which no certificate names, so the handshake is made here.
"""

from __future__ import annotations

import ssl
from typing import Any

RESP2 = 2
"""The protocol that every server knows. redis-py 8 begins with HELLO, which Redis 5, and proxies in
front of newer ones, refuse."""


def client(
    redis: Any, address: tuple[str, int], timeout: float, tls: ssl.SSLContext | None, name: str,
    *, username: str, password: str | None, **more: Any,
) -> Any:  # fmt: skip
    """It connects with its first command, never tries one twice, and waits `timeout` seconds for
    each answer. `name` is expected in the certificate."""
    host, port = address
    made = redis.Redis(
        host=host, port=port, username=username or None, password=password, retry=None,
        socket_timeout=timeout, socket_connect_timeout=timeout, max_connections=1, protocol=RESP2,
        **more,
    )  # fmt: skip
    if tls is not None:
        made.connection_pool.connection_class = _named(redis, tls, name)
    return made


def _named(redis: Any, tls: ssl.SSLContext, name: str) -> Any:
    class Connection(redis.Connection):  # type: ignore[misc]
        def _connect(self) -> ssl.SSLSocket:
            plain = super()._connect()
            try:
                return tls.wrap_socket(plain, server_hostname=name)
            except OSError:
                plain.close()
                raise

    return Connection
