"""exec and attach in the messages of a WebSocket.

Every message begins with its channel: a byte, or in the base64 protocols a digit before base64
text. v5 adds 255, which closes the channel it names. The protocol without a name is that of a
client that offers none.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.base.channels import ERROR, Wanted, ending
from resilience.sandbox.kubelet.streams.websocket import WebSocket

CLOSE_CHANNEL = 255
V5 = "v5.channel.k8s.io"
BASE64 = ("v4.base64.channel.k8s.io", "base64.channel.k8s.io")
PROTOCOLS = (V5, "v4.channel.k8s.io", "channel.k8s.io", *BASE64, "")


class InWebSocket:
    """Channels in the messages of a WebSocket."""

    def __init__(self, socket: WebSocket, wanted: Wanted) -> None:
        self._socket = socket
        self._wanted = wanted.channels()
        self._has_status = socket.protocol.startswith(("v4.", "v5."))
        self._is_text = socket.protocol in BASE64

    async def send(self, channel: int, data: bytes) -> None:
        """As `Channels`."""
        if channel in self._wanted:
            await self._put(channel, data)

    async def _put(self, channel: int, data: bytes) -> None:
        if self._is_text:
            await self._socket.send(b"%d%b" % (channel, base64.b64encode(data)), text=True)
        else:
            await self._socket.send(bytes((channel,)) + data)

    async def incoming(self) -> AsyncIterator[tuple[int, bytes | None]]:
        """As `Channels`."""
        async for message in self._socket.messages():
            if not message:
                continue
            if self._is_text:
                yield _from_text(message)
            elif message[0] == CLOSE_CHANNEL and self._socket.protocol == V5:
                if len(message) == 2:
                    yield message[1], None
            else:
                yield message[0], message[1:]

    async def finish(self, status: Obj) -> None:
        """As `Channels`."""
        await self._put_end(status)
        await self._socket.close()

    async def _put_end(self, status: Obj) -> None:
        text = ending(status, has_status=self._has_status)
        if text:
            await self._put(ERROR, text)


def _from_text(message: bytes) -> tuple[int, bytes]:
    try:
        return message[0] - ord("0"), base64.b64decode(message[1:], validate=True)
    except binascii.Error as error:
        raise ConnectionError(f"a message that is not base64: {error}") from error
