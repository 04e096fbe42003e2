"""Limits of the machine: a part that meets one is sick, says why, and recovers."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from resilience.sandbox.host import health as health_module
from resilience.sandbox.host.health import EXHAUSTED, Health, killed_by_the_kernel


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(health_module, "CHECK", 0.01)
    return tmp_path / "sick-kubelet"


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 20))


async def until(file: Path, there: bool) -> None:
    while file.is_symlink() is not there:
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("number", sorted(EXHAUSTED))
def test_a_limit_is_told_until_there_is_room(file: Path, number: int) -> None:
    async def body() -> None:
        health = Health(file, "kubelet")
        assert health.suffers(OSError(number, os.strerror(number)))
        assert os.readlink(file) == f"the sandbox's kubelet cannot continue: {os.strerror(number)}"
        await until(file, False)

    run(body())


@pytest.mark.parametrize("error", [OSError(errno.ECONNREFUSED, "x"), ValueError("y"), None])
def test_other_errors_are_no_sickness(file: Path, error: BaseException | None) -> None:
    health = Health(file, "kubelet")
    assert not health.suffers(error)
    assert not file.is_symlink()


def test_what_is_held_lasts_until_it_is_released(file: Path) -> None:
    async def body() -> None:
        health = Health(file, "kubelet")
        health.hold("cannot start processes: none are left")
        await asyncio.sleep(0.1)
        assert file.is_symlink()
        health.release()
        await until(file, False)

    run(body())


def test_without_room_it_stays_sick(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        health = Health(file, "kubelet")
        monkeypatch.setattr(health_module, "has_room", lambda file: False)
        health.tell("cannot continue")
        await asyncio.sleep(0.1)
        assert file.is_symlink()
        monkeypatch.setattr(health_module, "has_room", lambda file: True)
        await until(file, False)

    run(body())


def test_a_loop_tells_what_its_servers_meet(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        Health(file, "API server").attend(loop)
        full = OSError(errno.EMFILE, "Too many open files")
        loop.call_exception_handler({"message": "socket.accept() failed", "exception": full})
        assert "API server cannot continue: Too many open files" in os.readlink(file)

    run(body())


def test_a_process_that_the_kernel_killed_is_noticed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = tmp_path / "vmstat"
    counters.write_text("pgfault 5\noom_kill 3\n")
    monkeypatch.setattr(health_module, "_VMSTAT", counters)
    health = Health()
    assert not health.lost_memory()
    counters.write_text("pgfault 6\noom_kill 4\n")
    assert [health.lost_memory(), health.lost_memory()] == [True, False]
    counters.unlink()
    assert killed_by_the_kernel() == 0
