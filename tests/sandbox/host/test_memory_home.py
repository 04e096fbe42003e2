"""The part of a sandbox that lies in memory: made, fallen back from, removed, swept."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from resilience.sandbox.host import memory_home, processes
from tests.sandbox.running import Pods, sandbox


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /dev/shm."""
    monkeypatch.setattr(memory_home, "SHARED", tmp_path / "shm")
    monkeypatch.setattr(memory_home, "NEEDED", 0)
    (tmp_path / "shm").mkdir()
    return tmp_path / "shm" / f"resilience-{os.getuid()}"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    found = tmp_path / "sb-000001"
    found.mkdir()
    return found


def test_it_is_a_link_to_a_private_folder(shared: Path, directory: Path) -> None:
    memory_home.make(directory)
    place = (directory / "memory").resolve()
    assert place == shared / "sb-000001"
    assert [path.stat().st_mode & 0o777 for path in (shared, place)] == [0o700, 0o700]
    memory_home.remove(directory)
    assert not place.exists()


def test_without_such_memory_it_is_on_the_disk(
    directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory_home, "SHARED", tmp_path / "nothing")
    memory_home.make(directory)
    assert (directory / "memory").is_dir()
    assert not (directory / "memory").is_symlink()


def test_with_too_little_of_it_it_is_on_the_disk(
    shared: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_home, "NEEDED", 1 << 60)
    memory_home.make(directory)
    assert not (directory / "memory").is_symlink()


def test_a_folder_that_someone_else_prepared_is_not_used(shared: Path, directory: Path) -> None:
    shared.symlink_to(directory)
    memory_home.make(directory)
    assert not (directory / "memory").is_symlink()


def test_a_sweep_removes_old_leftovers_only(
    shared: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sb-known", "sb-young", "sb-dead", "sb-alive"):
        (shared / name).mkdir(parents=True)
        if name != "sb-young":
            os.utime(shared / name, (time.time() - 3600,) * 2)
    monkeypatch.setattr(processes, "marked", lambda name: [1] if name == "sb-alive" else [])
    assert memory_home.sweep({"sb-known"}) == ["sb-dead"]
    assert sorted(path.name for path in shared.iterdir()) == ["sb-alive", "sb-known", "sb-young"]


def test_a_sweep_passes_over_what_its_own_sandbox_removes_meanwhile(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_home, "_places", lambda: [shared / "sb-ending"])
    assert memory_home.sweep(()) == []


def test_tokens_lie_in_memory_and_go_with_their_pod(pods: Pods) -> None:
    read = "print(open('/var/run/secrets/kubernetes.io/serviceaccount/namespace').read())"
    pods.run("reader", f"{read}\nimport time; time.sleep(600)")
    uid = pods.until_ready("reader")["metadata"]["uid"]
    memory = (pods.sandbox.directory / "memory").resolve()
    token = list((memory / uid).rglob("..data/token"))
    assert len(token) == 1
    assert list((pods.sandbox.directory / "pods" / uid).rglob("token")) == []
    assert pods.logs("reader").strip() == pods.namespace
    pods.kubectl("delete", "pod", "reader", "--grace-period=0", "--force")
    pods.until_gone("reader")
    deadline = time.monotonic() + 60
    while (memory / uid).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (memory / uid).exists()


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_nothing_is_left_in_memory(end: str) -> None:
    with sandbox() as running:
        memory = (running.directory / "memory").resolve()
        assert memory.is_dir()
        if end == "killed":
            os.kill(running.ready["pid"], 9)
    deadline = time.monotonic() + 60
    while memory.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not memory.exists()
