"""Port-forward for kubectl: SPDY/3.1, inside a WebSocket or on the bare connection.

For each connection the client opens two streams with the same `requestid`: `streamtype` error, then
data, both with the `port`. The data stream is the connection; a text on the error stream says why
it failed. Both end with it.
"""

from __future__ import annotations

import asyncio

from resilience.sandbox.host.ports import published
from resilience.sandbox.kubelet.pod.pod import Pod
from resilience.sandbox.kubelet.streams import spdy
from resilience.sandbox.kubelet.streams.carrier import Carrier

PROTOCOL = "SPDY/3.1+portforward.k8s.io"
PIECE = 32768


class Tunnel:
    """One kubectl; any number of connections."""

    def __init__(self, pod: Pod, carrier: Carrier) -> None:
        self._pod = pod
        self._carrier = carrier
        self._codec = spdy.Codec()
        self._errors: dict[str, int] = {}
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._waiting: dict[int, list[spdy.Frame]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Carry until the client disconnects."""
        try:
            async for message in self._carrier.messages():
                for frame in self._codec.feed(message):
                    await self._handle(frame)
        except (ValueError, ConnectionError):
            pass  # not SPDY, or gone: closing is all there is to do
        finally:
            for task in self._tasks.values():
                task.cancel()
            for writer in self._writers.values():
                writer.close()
            await self._carrier.close()

    async def _handle(self, frame: spdy.Frame) -> None:
        if frame.kind == spdy.SYN_STREAM:
            await self._carrier.send(self._codec.reply(frame.stream))
            self._open(frame)
        elif frame.kind == spdy.PING:
            await self._carrier.send(spdy.pong(frame))
        elif frame.kind == spdy.RST_STREAM and frame.stream in self._writers:
            self._writers.pop(frame.stream).close()
        elif frame.kind == 0:
            await self._pass(frame)

    def _open(self, frame: spdy.Frame) -> None:
        headers = frame.headers
        request = headers.get("requestid", "")
        if headers.get("streamtype") == "error":
            self._errors[request] = frame.stream
            return
        self._waiting[frame.stream] = []
        port, error = int(headers.get("port", "0")), self._errors.pop(request, 0)
        task = asyncio.get_running_loop().create_task(self._carry(frame.stream, error, port))
        self._tasks[frame.stream] = task

    async def _pass(self, frame: spdy.Frame) -> None:
        """Data from the client; data that arrives before the connection is established waits for
        it."""
        if frame.stream in self._waiting:
            self._waiting[frame.stream].append(frame)
        writer = self._writers.get(frame.stream)
        if writer is not None and not writer.is_closing():
            try:
                writer.write(frame.data)
                if frame.final:
                    writer.write_eof()
                await writer.drain()
            except ConnectionError:
                writer.close()

    async def _carry(self, stream: int, error: int, port: int) -> None:
        try:
            await self._connect_and_copy(stream, port)
        except OSError as problem:
            text = f"error forwarding port {port} to pod {self._pod.uid}: {problem.strerror}"
            await self._carrier.send(spdy.data(error, text.encode()))
        await self._carrier.send(spdy.data(stream, b"", final=True))
        await self._carrier.send(spdy.data(error, b"", final=True))
        self._waiting.pop(stream, None)
        writer = self._writers.pop(stream, None)
        if writer is not None:
            writer.close()
        self._tasks.pop(stream, None)

    async def _connect_and_copy(self, stream: int, port: int) -> None:
        address = (self._pod.address, published(port, self._pod.network.shift))
        reader, self._writers[stream] = await asyncio.open_connection(*address)
        for frame in self._waiting.pop(stream):
            await self._pass(frame)
        while piece := await reader.read(PIECE):
            await self._carrier.send(spdy.data(stream, piece))
