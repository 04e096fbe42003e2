"""What carries SPDY frames: the bare connection after its handshake, or a WebSocket.

The handshake (k8s.io/streaming, `httpstream`): the client offers protocols, preferred first, in
`X-Stream-Protocol-Version`, and the answer names the one in use from then on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kubelet.base.httpd import KubeletRequest

SPDY = "spdy/3.1"
OFFER = "x-stream-protocol-version"
_PIECE = 1 << 16


class Carrier(Protocol):
    """Bytes both ways; message boundaries mean nothing."""

    def messages(self) -> AsyncIterator[bytes]:
        """The client's bytes, until it disconnects."""
        ...

    async def send(self, data: bytes) -> None:
        """Send; waits while the client does not read. ConnectionError when it is gone."""
        ...

    async def close(self) -> None:
        """Close."""
        ...


class Plain:
    """The bare connection. Its end is the end of the request that began it."""

    def __init__(self, request: KubeletRequest) -> None:
        self._reader = request.reader
        self._writer = request.writer

    async def messages(self) -> AsyncIterator[bytes]:
        """Pieces as they come."""
        while data := await self._reader.read(_PIECE):
            yield data

    async def send(self, data: bytes) -> None:
        """As `Carrier`."""
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """Everything sent so far has left."""
        await self._writer.drain()


def is_spdy(request: KubeletRequest) -> bool:
    """Whether the client requests SPDY on the bare connection."""
    return request.headers.get("upgrade", "").lower() == SPDY


def accept(request: KubeletRequest, spoken: Sequence[str]) -> tuple[Plain, str]:
    """Answer the handshake with the client's first protocol that is in `spoken`; ApiError 403."""
    offered = [word.strip() for word in request.headers.get(OFFER, "").split(",") if word.strip()]
    chosen = next((name for name in offered if name in spoken), None)
    if chosen is None:
        raise ApiError(
            403,
            "Forbidden",
            f"unable to upgrade: unable to negotiate protocol: client supports {offered}, server"
            f" accepts {list(spoken)}",
        )
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Connection: Upgrade",
        "Upgrade: SPDY/3.1",
        f"X-Stream-Protocol-Version: {chosen}",
    )
    request.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    return Plain(request), chosen
