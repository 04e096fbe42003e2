"""One TCP port of one Service: a listener while endpoints exist.

Without endpoints there is no listener, so a connection is refused as with kube-proxy. If an
endpoint refuses, the client gets a reset instead: the listener has accepted by then. Upstream
connections use the client's own address, as kube-proxy preserves it.
"""

from __future__ import annotations

import asyncio
import errno
import socket

from resilience.sandbox.dataplane.forwarding_table import Endpoint, Listen, Permits, source_of
from resilience.sandbox.dataplane.listening import Listening
from resilience.sandbox.dataplane.splice import Side, join, reset_socket
from resilience.sandbox.host.health import Health
from resilience.sandbox.host.ports import published

BACKLOG = 1024
ACCEPTED_AT_ONCE = 64
IP_BIND_ADDRESS_NO_PORT = 24
CONNECT_TIMEOUT = 30.0


class TcpForwarder(Listening):
    """Listens on `where` as long as `forward` has endpoints; established connections stay."""

    kind = socket.SOCK_STREAM

    def __init__(
        self,
        where: Listen,
        shift: int,
        permits: Permits = lambda *_: True,
        health: Health | None = None,
    ) -> None:
        super().__init__(where, shift, permits, health)
        self._tasks: set[asyncio.Task[None]] = set()
        self.open_sides: set[Side] = set()
        """Both ends of every connection that is carried now."""

    @property
    def busy(self) -> bool:
        """Whether a connection is being made or carried."""
        return bool(self._tasks or self.open_sides)

    def _bind(self, made: socket.socket) -> None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        super()._bind(made)
        made.listen(BACKLOG)

    def _readable(self) -> None:
        assert self._socket is not None
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                client, peer = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            client.setblocking(False)
            endpoint = self._chooser.choose(self.forward, peer[0])
            task = self._loop.create_task(self._join(client, peer[0], endpoint))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _join(self, client: socket.socket, source: str, endpoint: Endpoint) -> None:
        kept = source_of(source, self._address[0])
        if not self._permits(kept or source, endpoint[0], endpoint[1], "TCP"):
            # With an enforced policy packets vanish: no answer, then a timeout.
            await asyncio.sleep(CONNECT_TIMEOUT)
            reset_socket(client)
            return
        try:
            upstream = await self._connect(kept, endpoint)
        except (OSError, TimeoutError) as error:
            if isinstance(error, OSError):
                self._health.suffers(error)
            reset_socket(client)
            return
        near, far = Side(self.open_sides), Side(self.open_sides)
        near.other, far.other = far, near
        await self._loop.create_connection(lambda: far, sock=upstream)
        await self._loop.connect_accepted_socket(lambda: near, client)
        join(near, far)

    async def _connect(self, source: str | None, endpoint: Endpoint) -> socket.socket:
        address = (endpoint[0], published(endpoint[1], self._shift))
        upstream = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            if endpoint[0].startswith("127.") and source is not None:
                upstream.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                upstream.bind((source, 0))
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not _connect_now(upstream, address):
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._loop.sock_connect(upstream, address)
        except BaseException:
            upstream.close()
            raise
        return upstream


def _connect_now(upstream: socket.socket, address: Endpoint) -> bool:
    """Whether the connection is established at once, as on loopback while the backlog has room.

    The first call only reports that it began; the handshake is over by the second. That saves a
    turn of the event loop for every connection.
    """
    if upstream.connect_ex(address) in (errno.EINPROGRESS, 0):
        return upstream.connect_ex(address) in (0, errno.EISCONN)
    return False
