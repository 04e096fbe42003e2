"""Processes that the machine refuses: they wait, the sandbox says so, and they start later."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resilience.sandbox.host import health as health_module
from resilience.sandbox.host.health import Health
from resilience.sandbox.inside.launch import Launch, Network
from resilience.sandbox.kubelet.base.zygote_client import ZygoteClient
from resilience.sandbox.zygote import child, zygote_main
from resilience.sandbox.zygote.zygote_main import Zygote

_FORK = os.fork
NETWORK = Network(address="127.0.0.1", loopback="127.0.0.1", namespace="n", dns_socket="")


def launch(name: str) -> Launch:
    return Launch(id=name, image="python", argv=(name,), environment={}, cwd="/", hostname="h",
                  network=NETWORK)  # fmt: skip


@contextmanager
def zygote(refusals: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A zygote whose machine refuses its first forks; its containers end with 7 at once."""
    ours, theirs = socket.socketpair()
    pid = _FORK()
    if pid == 0:
        ours.close()
        left = [refusals]

        def fork() -> int:
            if left[0] > 0:
                left[0] -= 1
                raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
            return _FORK()

        monkeypatch.setattr(os, "fork", fork)
        monkeypatch.setattr(zygote_main, "RETRY", 0.05)
        monkeypatch.setattr(child, "become", lambda *_: os._exit(7))
        try:
            Zygote(theirs).serve()
        finally:
            os._exit(0)
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        os.waitpid(pid, 0)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(health_module, "CHECK", 0.02)
    return tmp_path / "sick-kubelet"


async def ended(codes: dict[str, int], *names: str) -> None:
    while set(codes) < set(names):
        await asyncio.sleep(0.005)


def start(client: ZygoteClient, name: str, codes: dict[str, int]) -> None:
    read, write = os.pipe()
    client.start(launch(name), (write, write), lambda code: codes.__setitem__(name, code))
    os.close(read)
    os.close(write)


def test_a_process_that_is_refused_starts_later(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(stream: socket.socket) -> None:
        client = ZygoteClient(stream, Health(file, "kubelet"))
        codes: dict[str, int] = {}
        start(client, "one", codes)
        start(client, "two", codes)
        while not file.is_symlink():
            await asyncio.sleep(0.005)
        said = os.readlink(file)
        assert said.startswith("the sandbox's kubelet cannot start processes: Resource temp")
        await ended(codes, "one", "two")
        assert codes == {"one": 7, "two": 7}
        while file.is_symlink():
            await asyncio.sleep(0.005)
        asyncio.get_running_loop().remove_reader(stream.fileno())

    with zygote(5, monkeypatch) as stream:
        asyncio.run(asyncio.wait_for(body(stream), 20))


def test_a_process_that_is_ended_while_it_waits_never_starts(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(stream: socket.socket) -> None:
        client = ZygoteClient(stream, Health(file, "kubelet"))
        codes: dict[str, int] = {}
        start(client, "one", codes)
        while not file.is_symlink():
            await asyncio.sleep(0.005)
        client.signal("one", signal.SIGKILL)
        await ended(codes, "one")
        assert codes == {"one": 137}
        asyncio.get_running_loop().remove_reader(stream.fileno())

    with zygote(10_000, monkeypatch) as stream:
        asyncio.run(asyncio.wait_for(body(stream), 20))
