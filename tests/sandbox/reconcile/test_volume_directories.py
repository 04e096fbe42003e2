"""Real directories: whole or absent, in order, true to what they copy."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from resilience.sandbox.reconcile import volume_directories
from resilience.sandbox.reconcile.volume_directories import HostDirectories, copy_tree, is_plain


async def copied(places: HostDirectories, source: str, target: str, needed: bool = True) -> str:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    places.copy(source, target, ended.set_result, needed=needed)
    return await asyncio.wait_for(ended, 20)


def fill(place: Path) -> None:
    (place / "sub").mkdir(parents=True)
    (place / "sub" / "file").write_bytes(b"x" * 3_000_000)
    (place / "run").write_text("#!/bin/sh")
    (place / "run").chmod(0o751)
    (place / "link").symlink_to("sub/file")
    (place / "dangling").symlink_to("/nowhere")
    os.utime(place / "run", (1, 2))


def test_a_copy_has_contents_modes_times_and_links(tmp_path: Path) -> None:
    fill(tmp_path / "volumes" / "pvc")

    async def scenario() -> str:
        here = HostDirectories(tmp_path, asyncio.get_running_loop())
        try:
            return await copied(here, "volumes/pvc", "snapshots/one")
        finally:
            here.close()

    assert asyncio.run(scenario()) == ""
    made = tmp_path / "snapshots" / "one"
    assert (made / "sub" / "file").read_bytes() == b"x" * 3_000_000
    assert (made / "run").stat().st_mode & 0o777 == 0o751
    assert (made / "run").stat().st_mtime == 2
    assert os.readlink(made / "link") == "sub/file"
    assert os.readlink(made / "dangling") == "/nowhere"
    assert [entry.name for entry in made.parent.iterdir()] == ["one"]


def test_sockets_and_pipes_are_left_out(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.mkdir()
    target.mkdir()
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "s"))
        copy_tree(source, target, lambda: False)
    assert list(target.iterdir()) == []


def test_an_absent_source_is_empty_only_where_that_is_allowed(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str]:
        here = HostDirectories(tmp_path, asyncio.get_running_loop())
        refused = await copied(here, "volumes/none", "snapshots/a")
        allowed = await copied(here, "volumes/none", "snapshots/b", needed=False)
        here.close()
        return refused, allowed

    assert asyncio.run(scenario()) == ("volumes/none is not there", "")
    assert not (tmp_path / "snapshots" / "a").exists()
    assert list((tmp_path / "snapshots" / "b").iterdir()) == []


def test_a_copy_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "volumes" / "pvc").mkdir(parents=True)
    (tmp_path / "snapshots").write_text("a file is in the way")

    async def scenario() -> str:
        here = HostDirectories(tmp_path, asyncio.get_running_loop())
        try:
            return await copied(here, "volumes/pvc", "snapshots/one")
        finally:
            here.close()

    assert asyncio.run(scenario()) == "File exists: snapshots"


def test_a_removal_waits_for_the_copy_that_reads_it(tmp_path: Path) -> None:
    fill(tmp_path / "snapshots" / "one")

    async def scenario() -> str:
        here = HostDirectories(tmp_path, asyncio.get_running_loop())
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        here.copy("snapshots/one", "volumes/new", ended.set_result)
        here.remove("snapshots/one")
        result = await asyncio.wait_for(ended, 20)
        await copied(here, "volumes/new", "snapshots/later")  # the removal has run before it
        here.close()
        return result

    assert asyncio.run(scenario()) == ""
    assert (tmp_path / "volumes" / "new" / "sub" / "file").stat().st_size == 3_000_000
    assert not (tmp_path / "snapshots" / "one").exists()


def test_the_loop_runs_on_while_a_directory_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "volumes" / "pvc")
    gate = threading.Event()

    def held(source: Path, target: Path, stopped: Callable[[], bool]) -> None:
        assert gate.wait(20)
        copy_tree(source, target, stopped)

    monkeypatch.setattr(volume_directories, "copy_tree", held)

    async def scenario() -> str:
        here = HostDirectories(tmp_path, asyncio.get_running_loop())
        # Only a loop that runs on opens the gate, and until then nothing shows under the name.
        asyncio.get_running_loop().call_later(0.05, gate.set)
        ended = asyncio.create_task(copied(here, "volumes/pvc", "snapshots/one"))
        await asyncio.sleep(0)
        assert not here.exists("snapshots/one")
        result = await ended
        assert here.exists("snapshots/one")
        here.close()
        return result

    assert asyncio.run(scenario()) == ""


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", ".one.partial", "a\0b"])
def test_names_that_leave_their_folder_are_not_plain(name: str) -> None:
    assert not is_plain(name)
