"""exec and attach over SPDY streams: one stream for each channel, opened by the client.

Each stream's `streamtype` header names its channel. The command starts when all requested streams
are open (k8s.io/cri-streaming, `remotecommand`); a client that opens fewer is disconnected after
half a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.base.channels import (
    ERROR,
    RESIZE,
    STDERR,
    STDIN,
    STDOUT,
    Wanted,
    ending,
)
from resilience.sandbox.kubelet.streams import spdy
from resilience.sandbox.kubelet.streams.carrier import Carrier

PROTOCOLS = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
"""The last is v1 (k8s.io/apimachinery, `SupportedStreamingProtocols`)."""
NAMES = {"stdin": STDIN, "stdout": STDOUT, "stderr": STDERR, "error": ERROR, "resize": RESIZE}
CREATION = 30.0
_WITHOUT_SIZE = PROTOCOLS[2:]


class InSpdy:
    """Channels on streams of one connection."""

    def __init__(self, carrier: Carrier, protocol: str) -> None:
        self._carrier = carrier
        self._has_status = protocol == PROTOCOLS[0]
        self._codec = spdy.Codec()
        self._streams: dict[int, int] = {}
        self._early: list[tuple[int, bytes | None]] = []
        self._frames = self._read()

    async def open(self, expected: frozenset[int]) -> None:
        """Wait for the streams of these channels; ConnectionError when they do not arrive."""
        missing = set(expected)
        try:
            async with asyncio.timeout(CREATION):
                while missing:
                    frame = await anext(self._frames)
                    if frame.kind == spdy.SYN_STREAM:
                        missing.discard(await self._welcome(frame))
                    else:
                        self._early += self._meaning(frame)
        except (TimeoutError, StopAsyncIteration) as error:
            raise ConnectionError(f"streams {sorted(missing)} were not opened") from error

    async def _welcome(self, frame: spdy.Frame) -> int:
        channel = NAMES.get(frame.headers.get("streamtype", ""), -1)
        self._streams[channel] = frame.stream
        await self._carrier.send(self._codec.reply(frame.stream))
        return channel

    async def _read(self) -> AsyncIterator[spdy.Frame]:
        """Frames until the client disconnects; pings are answered on the way."""
        async for data in self._carrier.messages():
            try:
                for frame in self._codec.feed(data):
                    if frame.kind == spdy.PING:
                        await self._carrier.send(spdy.pong(frame))
                    elif frame.kind != spdy.GOAWAY:
                        yield frame
            except ValueError as error:
                raise ConnectionError(f"not SPDY: {error}") from error

    def _meaning(self, frame: spdy.Frame) -> list[tuple[int, bytes | None]]:
        channel = next((c for c, stream in self._streams.items() if stream == frame.stream), None)
        if channel is None:
            return []
        ends = frame.final or frame.kind == spdy.RST_STREAM
        said: list[tuple[int, bytes | None]] = []
        if frame.kind == 0 and frame.data:
            said.append((channel, frame.data))
        return [*said, (channel, None)] if ends else said

    async def send(self, channel: int, data: bytes) -> None:
        """As `Channels`."""
        stream = self._streams.get(channel)
        if stream is not None:
            await self._carrier.send(spdy.data(stream, data))

    async def incoming(self) -> AsyncIterator[tuple[int, bytes | None]]:
        """As `Channels`."""
        for said in self._early:
            yield said
        async for frame in self._frames:
            for said in self._meaning(frame):
                yield said

    async def finish(self, status: Obj) -> None:
        """As `Channels`."""
        text = ending(status, has_status=self._has_status)
        await self.send(ERROR, text)
        for _, stream in sorted(self._streams.items()):
            await self._carrier.send(spdy.data(stream, b"", final=True))
        await self._carrier.close()


async def open_streams(carrier: Carrier, protocol: str, wanted: Wanted) -> InSpdy:
    """The channels of one client, once it has opened their streams."""
    found = InSpdy(carrier, protocol)
    expected = wanted.channels() | {ERROR}
    await found.open(expected - {RESIZE} if protocol in _WITHOUT_SIZE else expected)
    return found
