"""One UDP port of one Service: each client keeps its endpoint until it is silent for a minute."""

from __future__ import annotations

import asyncio
import socket

from resilience.sandbox.dataplane.forwarding_table import Forward, Listen, Permits, source_of
from resilience.sandbox.dataplane.listening import Listening
from resilience.sandbox.host.health import Health
from resilience.sandbox.host.ports import published

IDLE = 60.0
LARGEST = 65535
AT_ONCE = 64


class _Flow:
    """One client's datagrams to one endpoint, and the answers back."""

    def __init__(self, owner: UdpForwarder, client: tuple[str, int], upstream: socket.socket):
        self._owner = owner
        self._client = client
        self.upstream = upstream
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(upstream.fileno(), self._answer)
        self._timer = self._loop.call_later(IDLE, self.close)

    def send(self, data: bytes) -> None:
        """To the endpoint."""
        self._timer.cancel()
        self._timer = self._loop.call_later(IDLE, self.close)
        try:
            self.upstream.send(data)
        except OSError:
            self.close()  # nothing listens there; another backend is chosen for the next datagram

    def _answer(self) -> None:
        try:
            self._owner.answer(self.upstream.recv(LARGEST), self._client)
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def close(self) -> None:
        """Forget the flow."""
        if self.upstream.fileno() >= 0:
            self._timer.cancel()
            self._loop.remove_reader(self.upstream.fileno())
            self.upstream.close()
            self._owner.flows.pop(self._client, None)


class UdpForwarder(Listening):
    """Bound to `where` as long as `forward` has endpoints."""

    kind = socket.SOCK_DGRAM

    def __init__(
        self,
        where: Listen,
        shift: int,
        permits: Permits = lambda *_: True,
        health: Health | None = None,
    ) -> None:
        super().__init__(where, shift, permits, health)
        self.flows: dict[tuple[str, int], _Flow] = {}

    def update(self, forward: Forward) -> None:
        """New endpoints; flows to those that left are dropped, as kube-proxy clears conntrack."""
        if set(self.forward.endpoints) - set(forward.endpoints):
            self._forget()
        super().update(forward)

    def stop(self) -> None:
        """Close: from now on a datagram is answered by "port unreachable"."""
        self._forget()
        super().stop()

    def _forget(self) -> None:
        for flow in list(self.flows.values()):
            flow.close()

    def _readable(self) -> None:
        assert self._socket is not None
        for _ in range(AT_ONCE):
            try:
                data, client = self._socket.recvfrom(LARGEST)
            except BlockingIOError:
                return
            flow = self.flows.get(client) or self._begin(client)
            if flow is not None:
                flow.send(data)

    def _begin(self, client: tuple[str, int]) -> _Flow | None:
        address, port = self._chooser.choose(self.forward, client[0])
        kept = source_of(client[0], self._address[0])
        if not self._permits(kept or client[0], address, port, "UDP"):
            return None
        upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if address.startswith("127.") and kept is not None:
            upstream.bind((kept, 0))
        upstream.connect((address, published(port, self._shift)))
        flow = self.flows[client] = _Flow(self, client, upstream)
        return flow

    def answer(self, data: bytes, client: tuple[str, int]) -> None:
        """Back to the client, from the Service's address."""
        if self._socket is not None:
            try:
                self._socket.sendto(data, client)
            except OSError:
                pass  # the client is gone, so the datagram is lost
