"""Port-forward: connections from the client to ports of a Pod.

kubectl uses SPDY streams (`tunnel`), in a WebSocket or on the bare connection. The older way
(k8s.io/cri-streaming, `portforward`) names the ports in the query; in the WebSocket's messages
channels 2i carry data and 2i+1 errors, each opened by its port number. A failed connection is
reported on the error channel, and the other ports continue.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import struct

from resilience.sandbox.host.ports import published
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kubelet.base.httpd import KubeletRequest
from resilience.sandbox.kubelet.pod.pod import Pod
from resilience.sandbox.kubelet.streams import carrier, websocket
from resilience.sandbox.kubelet.streams.tunnel import PROTOCOL, Tunnel
from resilience.sandbox.kubelet.streams.websocket import WebSocket

SPDY_PROTOCOL = "portforward.k8s.io"
BASE64 = "v4.base64.channel.k8s.io"
OLDER = ("v4.channel.k8s.io", BASE64, "")
PIECE = 32768


async def serve(pod: Pod, request: KubeletRequest) -> None:
    """Carry connections to ports of the Pod until the client disconnects; ApiError for a bad
    request."""
    if carrier.is_spdy(request):
        plain, _ = carrier.accept(request, (SPDY_PROTOCOL,))
        await Tunnel(pod, plain).serve()
    elif PROTOCOL in request.headers.get("sec-websocket-protocol", ""):
        await Tunnel(pod, websocket.accept(request, (PROTOCOL,))).serve()
    else:
        ports = _ports(request)
        await Older(pod, websocket.accept(request, OLDER)).serve(ports)


def _ports(request: KubeletRequest) -> list[int]:
    words = [word for text in request.query.get("ports", []) for word in text.split(",") if word]
    if not words:
        raise ApiError(400, "BadRequest", 'query parameter "ports" is required')
    for word in words:
        if not (word.isdigit() and 0 < int(word) < 65536):
            raise ApiError(400, "BadRequest", f"invalid port {word!r}")
    return [int(word) for word in words]


class Older:
    """One client; a connection for each port it names, opened at once."""

    def __init__(self, pod: Pod, socket: WebSocket) -> None:
        self._pod = pod
        self._socket = socket
        self._is_text = socket.protocol == BASE64
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._made: dict[int, asyncio.Event] = {}

    async def serve(self, ports: list[int]) -> None:
        """Carry until the client disconnects or every connection has ended."""
        for index, port in enumerate(ports):
            for channel in (2 * index, 2 * index + 1):
                await self._put(channel, struct.pack("<H", port))
            self._made[2 * index] = asyncio.Event()
        tasks = [
            asyncio.ensure_future(self._carry(2 * index, port)) for index, port in enumerate(ports)
        ]
        try:
            async for message in self._socket.messages():
                await self._pass(message)
        except ConnectionError:
            pass  # gone, or it violates the protocol: closing is all there is to do
        finally:
            for task in tasks:
                task.cancel()
            for writer in self._writers.values():
                writer.close()

    async def _put(self, channel: int, data: bytes) -> None:
        if self._is_text:
            await self._socket.send(b"%d%b" % (channel, base64.b64encode(data)), text=True)
        else:
            await self._socket.send(bytes((channel,)) + data)

    async def _pass(self, message: bytes) -> None:
        """Data from the client; data that arrives before the connection is established waits for
        it."""
        channel, data = self._read(message)
        made = self._made.get(channel)
        if made is None:
            return
        await made.wait()
        writer = self._writers.get(channel)
        if writer is not None and not writer.is_closing():
            writer.write(data)
            await writer.drain()

    def _read(self, message: bytes) -> tuple[int, bytes]:
        if not message:
            return -1, b""
        if not self._is_text:
            return message[0], message[1:]
        try:
            return message[0] - ord("0"), base64.b64decode(message[1:], validate=True)
        except binascii.Error as error:
            raise ConnectionError(f"a message that is not base64: {error}") from error

    async def _carry(self, channel: int, port: int) -> None:
        address = (self._pod.address, published(port, self._pod.network.shift))
        try:
            reader, self._writers[channel] = await asyncio.open_connection(*address)
            self._made[channel].set()
            while data := await reader.read(PIECE):
                await self._put(channel, data)
        except OSError as error:
            text = f"error forwarding port {port} to pod {self._pod.uid}: {error.strerror}"
            await self._put(channel + 1, text.encode())
        await self._end(channel)

    async def _end(self, channel: int) -> None:
        """One connection has ended; the last one ends the client's."""
        self._made.pop(channel).set()
        writer = self._writers.pop(channel, None)
        if writer is not None:
            writer.close()
        if not self._made:
            await self._socket.close()
