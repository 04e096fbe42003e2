"""Common to forwarders of TCP and UDP: an address that is held while endpoints exist.

An address in use is tried again until it is free: the Service that had it before may still be
closing, or a program of the user may hold it. After `stop` nothing is opened any more. If the
process has no descriptor left, incoming traffic waits for a moment and `health` reports it. Each
protocol handles incoming traffic itself.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from abc import ABC, abstractmethod
from typing import ClassVar

from resilience.sandbox.dataplane.choice import Chooser
from resilience.sandbox.dataplane.forwarding_table import Forward, Listen, Permits
from resilience.sandbox.host.health import Health
from resilience.sandbox.host.ports import published

REBIND = 0.05
PAUSE = 0.2


class Listening(ABC):
    """Base of a forwarder for one Service port."""

    kind: ClassVar[socket.SocketKind]

    def __init__(
        self,
        where: Listen,
        shift: int,
        permits: Permits = lambda *_: True,
        health: Health | None = None,
    ) -> None:
        self.forward = Forward("", ())
        self._permits = permits
        self._health = health or Health()
        self._address = (where.address, published(where.port, shift))
        self._shift = shift
        self._loop = asyncio.get_running_loop()
        self._chooser = Chooser()
        self._socket: socket.socket | None = None
        self._rebind: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None

    def update(self, forward: Forward) -> None:
        """New endpoints."""
        self.forward = forward
        if not forward.endpoints:
            self.stop()
        elif self._socket is None and self._rebind is None:
            self._open()

    def stop(self) -> None:
        """The Service port is gone, or has no endpoints."""
        if self._rebind is not None:
            self._rebind.cancel()
            self._rebind = None
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _open(self) -> None:
        self._rebind = None
        try:
            made = socket.socket(socket.AF_INET, self.kind | socket.SOCK_NONBLOCK)
        except OSError as error:
            if not self._health.suffers(error):
                raise
            self._rebind = self._loop.call_later(PAUSE, self._open)
            return
        try:
            self._bind(made)
        except OSError as error:
            made.close()
            if error.errno != errno.EADDRINUSE:
                raise
            self._rebind = self._loop.call_later(REBIND, self._open)
            return
        self._socket = made
        self._loop.add_reader(made.fileno(), self._take)

    def _take(self) -> None:
        """Accept incoming traffic; pause when no descriptor is left."""
        assert self._socket is not None
        try:
            self._readable()
        except OSError as error:
            if not self._health.suffers(error):
                raise
            self._loop.remove_reader(self._socket.fileno())
            self._pause = self._loop.call_later(PAUSE, self._again)

    def _again(self) -> None:
        self._pause = None
        if self._socket is not None:
            self._loop.add_reader(self._socket.fileno(), self._take)

    def _bind(self, made: socket.socket) -> None:
        made.bind(self._address)

    @abstractmethod
    def _readable(self) -> None:
        """Traffic arrived."""
