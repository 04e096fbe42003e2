"""A store in a directory that several processes use at the same time."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resilience.backup.format.errors import StoreError, StoreRefused
from resilience.backup.store import directory
from resilience.backup.store.directory import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    made = DirectoryStore(tmp_path / "store")
    for key in ("a/1", "a/2", "b/1"):
        made.put(key, b"data")
    return made


def vanishing(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Files of these names are deleted just after they were listed."""
    original = directory._status

    def status(path: Path) -> os.stat_result | None:
        if path.name in names:
            path.unlink()
        return original(path)

    monkeypatch.setattr(directory, "_status", status)


def test_a_listing_leaves_out_what_is_deleted_meanwhile(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    vanishing(monkeypatch, "2")
    assert [each.key for each in store.list()] == ["a/1", "b/1"]


def test_a_sweep_passes_over_what_is_deleted_meanwhile(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".unfinished-1", ".unfinished-2"):
        (store.root / "a" / name).write_bytes(b"half")
    vanishing(monkeypatch, ".unfinished-1")
    assert store.sweep(datetime.now(UTC) + timedelta(hours=1)) == 1


def test_a_directory_that_is_deleted_meanwhile_has_no_files(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = store.root / "gone"
    gone.mkdir()
    original = directory._children

    def children(folder: Path) -> object:
        if folder == gone:
            folder.rmdir()
        return original(folder)

    monkeypatch.setattr(directory, "_children", children)
    assert [each.key for each in store.list()] == ["a/1", "a/2", "b/1"]


def test_a_file_is_written_though_its_directory_is_deleted_meanwhile(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, left = os.open, [2]

    def opened(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT and left[0]:
            left[0] -= 1
            Path(path).parent.rmdir()
        return original(path, flags, mode)

    monkeypatch.setattr(os, "open", opened)
    store.put("c/1", b"data")
    assert store.read("c/1") == b"data"
    assert left == [0]


def test_uploads_and_deletions_of_several_threads_do_not_disturb_one_another(
    store: DirectoryStore,
) -> None:
    def work(number: int) -> None:
        for _ in range(50):
            store.put(f"same/{number}", b"data")
            assert any(each.key == f"same/{number}" for each in store.list("same/"))
            store.delete(f"same/{number}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))  # raises what a thread raised
    assert [each.key for each in store.list("same/")] == []


@pytest.mark.parametrize("answer", ["EPERM", "ENOSYS", "EOPNOTSUPP", "EMLINK"])
def test_a_file_system_without_hard_links_is_named_and_keeps_nothing(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = getattr(errno, answer)

    def link(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    store = DirectoryStore(tmp_path)
    with pytest.raises(
        StoreRefused, match=r"the file system has no hard links .*; use a directory on"
    ):
        store.put("backups/a/x", b"1")
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_another_failure_to_name_a_file_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(StoreError, match="backups/a/x: Input/output error"):
        DirectoryStore(tmp_path).put("backups/a/x", b"1")
