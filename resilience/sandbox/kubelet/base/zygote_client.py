"""The kubelet's side of the zygote: start a process, signal it, learn how it ended."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable

from resilience.sandbox.host.health import Health
from resilience.sandbox.inside.launch import Launch
from resilience.sandbox.zygote import message_channel

OnExit = Callable[[int], None]


class ZygoteGone(Exception):
    """The zygote ended, and with it every Pod: the kubelet has nothing left to do."""


class ZygoteClient:
    """One per kubelet. Callbacks run on the event loop, in the order of the events."""

    def __init__(self, stream: socket.socket, health: Health) -> None:
        self._stream = stream
        self._health = health
        self._on_exit: dict[str, OnExit] = {}
        self.pids: dict[str, int] = {}
        """Process ids by launch id, for reading /proc only: signals go through the zygote."""
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(stream.fileno(), self._receive)

    def start(self, launch: Launch, descriptors: tuple[int, ...], on_exit: OnExit) -> None:
        """Start a process with these as stdout, stderr and maybe stdin; `on_exit(code)` once."""
        self._on_exit[launch.id] = on_exit
        self._send({"op": "start", "launch": launch.dump()}, descriptors)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Signal the process `name`, by the rules of process 1; does nothing if it has ended."""
        if name in self._on_exit:
            self._send({"op": "signal", "id": name, "number": int(number)})

    def _send(self, message: dict[str, object], descriptors: tuple[int, ...] = ()) -> None:
        try:
            message_channel.send(self._stream, message, descriptors)
        except ConnectionError:
            self._lost()

    def _receive(self) -> None:
        received = message_channel.receive(self._stream)
        if received is None:
            self._lost()
            return
        event, _ = received
        if event["event"] == "started":
            self.pids[event["id"]] = event["pid"]
        elif event["event"] == "starved":
            self._health.hold(f"cannot start processes: {event['why']}")
        elif event["event"] == "fed":
            self._health.release()
        else:
            self.pids.pop(event["id"], None)
            self._on_exit.pop(event["id"])(event["code"])

    def _lost(self) -> None:
        asyncio.get_running_loop().remove_reader(self._stream.fileno())
        if not self.gone.done():
            self.gone.set_exception(ZygoteGone())
