"""A command in a container whose own files are still being made waits for them."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resilience.sandbox.host.health import Health
from resilience.sandbox.inside import rootfs
from resilience.sandbox.inside.launch import Launch, Network
from resilience.sandbox.kubelet.base.zygote_client import ZygoteClient
from resilience.sandbox.zygote.zygote_main import Zygote

NETWORK = Network(address="127.0.0.1", loopback="127.0.0.1", namespace="n", dns_socket="")
MAIN_ENDED = 3
COMMAND_ENDED = 4


def main_process(root: Path) -> Launch:
    program = f"import os, sys; os.path.exists('/work/made') or sys.exit({MAIN_ENDED})"
    program += "\nimport signal; signal.pause()"
    return Launch(
        id="main", image="python", argv=("python", "-c", program), environment={}, cwd="/work",
        hostname="h", network=NETWORK, root=str(root / "0.root"),
    )  # fmt: skip


def command(beside: Launch) -> Launch:
    program = f"import os, sys; sys.exit({COMMAND_ENDED} if os.path.exists('/work/made') else 5)"
    return dataclasses.replace(beside, id="command", within="main", argv=("python", "-c", program))


@contextmanager
def zygote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, full: bool = False
           ) -> Iterator[socket.socket]:  # fmt: skip
    """A zygote whose containers make their files once a command has begun to wait for them; or
    whose disk is full."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    make, wait = rootfs.make, rootfs.wait_until_made

    def late(launch: Launch) -> None:
        gate.read_bytes()
        if full:
            raise OSError("No space left on device")
        make(launch)
        (Path(launch.root) / "work/made").touch()

    def waiting(launch: Launch) -> None:
        [lock] = Path(launch.root).parent.glob("*.lock")
        with lock.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        gate.write_bytes(b"")
        wait(launch)

    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        monkeypatch.setattr(rootfs, "make", late)
        monkeypatch.setattr(rootfs, "wait_until_made", waiting)
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


async def _both(stream: socket.socket, tmp_path: Path, until: set[str]) -> dict[str, int]:
    """The exit codes of a container and of a command that is started right after it."""
    client = ZygoteClient(stream, Health(tmp_path / "sick"))
    codes: dict[str, int] = {}
    ended = asyncio.Event()
    main = main_process(tmp_path / "containers")
    with open(os.devnull, "w") as nowhere:
        for launch in (main, command(main)):

            def note(code: int, name: str = launch.id) -> None:
                codes[name] = code
                if until <= set(codes):
                    ended.set()

            client.start(launch, (nowhere.fileno(), nowhere.fileno()), note)
        await asyncio.wait_for(ended.wait(), 30)
    return codes


def test_a_command_waits_for_the_files_of_its_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zygote(tmp_path, monkeypatch) as stream:
        assert asyncio.run(_both(stream, tmp_path, {"command"})) == {"command": COMMAND_ENDED}


def test_a_command_does_not_wait_for_a_container_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zygote(tmp_path, monkeypatch, full=True) as stream:
        codes = asyncio.run(_both(stream, tmp_path, {"main", "command"}))
    assert codes["main"] == 1
    assert codes["command"] in (1, 128 + signal.SIGKILL)
