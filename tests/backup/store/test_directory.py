"""A store in a directory that several processes use at the same time."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resilience.backup.format.errors import StoreError, StoreRefused, Undeletable, Withheld
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


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EIO])
def test_a_file_that_cannot_be_read_is_withheld_and_the_others_are_given(
    store: DirectoryStore, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.open

    def opened(path: Path, *given: Any, **named: Any) -> Any:
        if path.parent.name == "a":
            raise OSError(number, "not for you")
        return whole(path, *given, **named)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(Withheld, match="a/1 cannot be read: not for you"):
        store.read("a/1")
    with pytest.raises(Withheld):
        list(store.stream("a/1"))
    assert store.read("b/1") == b"data"


@pytest.mark.parametrize("what", ["_children", "_status"])
def test_a_directory_that_cannot_be_listed_is_named(
    store: DirectoryStore, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = getattr(directory, what)

    def closed(path: Path) -> Any:
        if path.name in ("a", "1"):
            raise PermissionError(errno.EACCES, "not for you", str(path))
        return whole(path)

    monkeypatch.setattr(directory, what, closed)
    with pytest.raises(StoreRefused, match=f"{store.url}: .*not for you"):
        list(store.list())


def test_a_file_that_may_not_be_deleted_is_retained(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attribute of the file system forbids it (chattr +a)."""

    def refused(path: Path, *, missing_ok: bool) -> None:
        raise PermissionError(errno.EPERM, "not permitted", str(path))

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(Undeletable, match="a/1: not permitted"):
        store.delete("a/1")
