"""The zygote's loop: forks what the kubelet requests, signals it, reports how it ended.

Signals go through here and not from the kubelet, because only the parent can be sure that a process
id still means the same process. Whatever a container leaves behind when its main process ends is
killed here as well, as the kernel does with a PID namespace.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.host import linux, processes
from resilience.sandbox.host.sandbox_config import SandboxConfig
from resilience.sandbox.inside import pid1, rootfs
from resilience.sandbox.inside.launch import Launch
from resilience.sandbox.zygote import child, message_channel

RETRY = 0.5
"""Seconds until a process is tried again that the machine refused."""


def run(requests: socket.socket, config: SandboxConfig) -> None:
    """Serve until the kubelet's end of `requests` is closed."""
    linux.adopt_orphans()
    Zygote(requests).serve()


@dataclass(frozen=True, slots=True)
class _Process:
    id: str
    within: str


class Zygote:
    """The processes of all containers; a single thread, so that each fork is safe."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._running: dict[int, _Process] = {}
        self._pids: dict[str, int] = {}
        self._outgoing = bytearray()
        self._waiting: list[tuple[Launch, list[int]]] = []

    def serve(self) -> None:
        """Handle requests and exits until the kubelet is gone."""
        wake, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            behind = [self._requests] if self._outgoing else []
            watched: list[socket.socket | int] = [self._requests, wake]
            rest = RETRY if self._waiting else None
            readable, writable, _ = select.select(watched, behind, [], rest)
            if writable:
                self._flush()
            if wake in readable:
                os.read(wake, 4096)
                self._collect()
            if self._requests in readable:
                received = message_channel.receive(self._requests)
                if received is None:
                    return
                self._handle(*received)
            if self._waiting:
                self._start_waiting()

    def _handle(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if message["op"] == "start":
            self._start(Launch.load(message["launch"]), descriptors)
        elif message["op"] == "signal":
            self._signal(message["id"], signal.Signals(message["number"]))

    def _start(self, launch: Launch, descriptors: list[int]) -> None:
        if self._waiting or not self._forked(launch, descriptors):
            self._waiting.append((launch, descriptors))

    def _start_waiting(self) -> None:
        """Start what has had to wait, in order, until the machine refuses again."""
        while self._waiting and self._forked(*self._waiting[0]):
            self._waiting.pop(0)
        if not self._waiting:
            self._say({"event": "fed"})

    def _forked(self, launch: Launch, descriptors: list[int]) -> bool:
        """Whether the machine let a process start: reaching its limits is not an error."""
        parent = os.getpid()
        claim = None
        try:
            claim = rootfs.claim(launch)
            pid = os.fork()
        except OSError as error:
            if claim is not None:
                os.close(claim)
            if not self._waiting:
                self._say({"event": "starved", "why": error.strerror})
            return False
        if pid == 0:
            child.become(launch, descriptors, parent, claim)
        for descriptor in descriptors if claim is None else [*descriptors, claim]:
            os.close(descriptor)
        self._running[pid] = _Process(launch.id, launch.within)
        self._pids[launch.id] = pid
        self._say({"event": "started", "id": launch.id, "pid": pid})
        return True

    def _signal(self, name: str, number: signal.Signals) -> None:
        pid = self._pids.get(name)
        if pid is None:
            self._give_up(name, number)
            return
        if number in (signal.SIGSTOP, signal.SIGCONT):
            # A frozen container: the freezer stops every process of it, not only the first.
            for each in [pid, *processes.descendants(pid)]:
                processes.kill(each, number)
        elif pid1.would_feel(pid, number):
            processes.kill(pid, number)

    def _give_up(self, name: str, number: signal.Signals) -> None:
        """A signal that ends what is still waiting to be started."""
        if number not in (signal.SIGTERM, signal.SIGKILL):
            return
        for waiting in [each for each in self._waiting if each[0].id == name]:
            self._waiting.remove(waiting)
            for descriptor in waiting[1]:
                os.close(descriptor)
            self._say({"event": "exited", "id": name, "code": 128 + number})

    def _collect(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ended = self._running.pop(pid, None)
            if ended is not None:
                self._end(ended, status)

    def _end(self, ended: _Process, status: int) -> None:
        del self._pids[ended.id]
        self._kill_leftovers(ended.id)
        code = os.waitstatus_to_exitcode(status)
        # As a container runtime reports it: 128 + signal number.
        self._say({"event": "exited", "id": ended.id, "code": code if code >= 0 else 128 - code})

    def _kill_leftovers(self, container: str) -> None:
        """Kill the execs of `container` and the orphans that this process adopted when it ended.

        A running container's own orphans go to its main process (see `child`), so an unknown child
        of the zygote has lost its container.
        """
        left = [pid for pid, process in self._running.items() if process.within == container]
        left += [pid for pid in processes.children(os.getpid()) if pid not in self._running]
        for pid in left:
            for each in [pid, *processes.descendants(pid)]:
                processes.kill(each)

    def _say(self, event: dict[str, Any]) -> None:
        # Never block here: the kubelet may itself be blocked in sending to this process.
        self._outgoing += message_channel.encode(event)
        self._flush()

    def _flush(self) -> None:
        try:
            del self._outgoing[: self._requests.send(self._outgoing, socket.MSG_DONTWAIT)]
        except BlockingIOError:
            pass  # `serve` tries again when there is room
        except ConnectionError:
            self._outgoing.clear()  # the kubelet is gone; the next receive ends the loop
