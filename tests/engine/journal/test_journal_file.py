"""The journal's file on a disk: durable, whole lines, one writer, its folder and its modes."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from resilience.engine.journal import journal_file
from resilience.engine.journal.journal import NotRecorded
from resilience.engine.journal.journal_file import (
    JournalFile,
    create,
    left_behind,
    reopened,
    stories_left,
)
from resilience.model.values import RunId

RUN = RunId("r1")
END = {"op": "end", "left": 0}
UNDO = {"op": "undo", "id": "u1", "verb": "v", "path": "p", "data": {}, "text": "t"}
OTHER = {**UNDO, "id": "u2"}


def full(*_: Any, **__: Any) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@contextmanager
def opened(directory: Path) -> Iterator[JournalFile]:
    sink = create(directory, RUN)
    try:
        yield sink
    finally:
        os.close(sink._handle)


def lines(path: Path) -> list[Any]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def written(directory: Path, *found: Any, tail: str = "") -> Path:
    """A file whose writer is gone."""
    directory.mkdir(exist_ok=True)
    path = directory / "r1.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in found) + tail)
    return path


def test_a_line_is_one_row_of_json_with_its_keys_in_order(tmp_path: Path) -> None:
    with opened(tmp_path) as sink:
        sink.append({"op": "end", "left": 0})
        assert sink.path.read_text() == '{"left":0,"op":"end"}\n'


def test_a_line_and_its_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(handle).st_mode))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    with opened(tmp_path) as sink:
        assert synced == [True]
        sink.append(END)
        assert synced == [True, False]


def handles(below: Path) -> list[str]:
    """What this process has open there."""
    found = []
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the handle of this very look, or another thread's
            found.append(os.readlink(handle))
    return [name for name in found if name.startswith(str(below))]


def test_no_handle_of_the_folder_stays_open(tmp_path: Path) -> None:
    with opened(tmp_path) as sink:
        assert handles(tmp_path) == [str(sink.path)]
    assert handles(tmp_path) == []


@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_line_that_does_not_fit_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with opened(tmp_path) as sink:
        sink.append(UNDO)
        with monkeypatch.context() as here:
            here.setattr(os, step, full)
            with pytest.raises(NotRecorded, match=r"r1\.jsonl cannot be written: No space left"):
                sink.append(OTHER)
        sink.append(END)
        assert lines(sink.path) == [UNDO, END]


def test_a_write_in_pieces_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: write(handle, content[:3]))
    with opened(tmp_path) as sink:
        sink.append(UNDO)
        assert lines(sink.path) == [UNDO]


@pytest.mark.parametrize("finished", [True, False])
def test_a_finished_file_goes_and_another_stays_unlocked(tmp_path: Path, finished: bool) -> None:
    sink = create(tmp_path, RUN)
    sink.append(UNDO)
    sink.close(finished=finished)
    assert sink.path.exists() is not finished
    assert left_behind(tmp_path) == ([] if finished else [sink.path])
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(sink._handle)


def test_one_that_someone_removed_is_finished_all_the_same(tmp_path: Path) -> None:
    sink = create(tmp_path, RUN)
    sink.path.unlink()
    sink.close(finished=True)


def test_one_that_cannot_be_removed_is_reported_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = create(tmp_path, RUN)
    with monkeypatch.context() as here:
        here.setattr(Path, "unlink", full)
        with pytest.raises(NotRecorded):
            sink.close(finished=True)
    assert left_behind(tmp_path) == [sink.path]


# ----- the folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_other_users_may_not_read_the_journal(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with opened(tmp_path / "new") as sink:
            assert mode(sink.path) == 0o600
            assert mode(tmp_path / "new") == 0o700
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("folder", "ignored"), [(".resilience/journal", True), ("elsewhere/journal", False)]
)
def test_only_the_projects_own_folder_is_kept_out_of_git(
    tmp_path: Path, folder: str, ignored: bool
) -> None:
    with opened(tmp_path / folder):
        ignore = (tmp_path / folder).parent / ".gitignore"
        assert ignore.exists() is ignored
    if ignored:
        ignore.write_text("mine\n")
        with opened(tmp_path / folder):
            assert ignore.read_text() == "mine\n"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotRecorded, match="Not a directory"):
        create(tmp_path / "file" / "journal", RUN)


# ----- one writer


def test_a_file_that_is_written_is_not_left_behind_nor_taken_over(tmp_path: Path) -> None:
    with opened(tmp_path) as sink:
        sink.append(UNDO)
        assert left_behind(tmp_path) == []
        with reopened(sink.path) as taken:
            assert taken is None
        with pytest.raises(BlockingIOError):
            JournalFile(sink.path)
    assert left_behind(tmp_path) == [sink.path]


def test_a_file_that_was_finished_a_moment_ago_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, UNDO)
    flock = fcntl.flock

    def finish(handle: Any, how: int) -> None:
        path.unlink(missing_ok=True)
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", finish)
    with reopened(path) as taken:
        assert taken is None
    assert handles(tmp_path) == []


def test_a_file_that_cannot_be_read_is_nobodys_to_undo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, UNDO)

    def denied(*_: Any) -> Any:
        raise PermissionError("of another user")

    assert left_behind(tmp_path) == [path]
    monkeypatch.setattr(Path, "open", denied)
    assert left_behind(tmp_path) == []


def test_a_look_leaves_a_file_unlocked(tmp_path: Path) -> None:
    path = written(tmp_path, UNDO)
    assert left_behind(tmp_path) == [path]
    with reopened(path) as taken:
        assert taken is not None


def test_the_oldest_journal_left_behind_is_first(tmp_path: Path) -> None:
    for number, name in enumerate(("b", "a", "c")):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("")
        os.utime(path, (number, number))
    assert [path.stem for path in left_behind(tmp_path)] == ["b", "a", "c"]


# ----- taking over


def test_what_is_done_goes_to_the_same_file_which_goes_at_last(tmp_path: Path) -> None:
    path = written(tmp_path, UNDO, OTHER)
    with reopened(path) as taken:
        assert taken is not None
        story, journal = taken
        assert [undo.id for undo in story.pending] == ["u2", "u1"]
        journal.done("u2")
    assert [each["op"] for each in lines(path)] == ["undo", "undo", "done", "end"]
    with reopened(path) as taken:
        assert taken is not None
        taken[1].done("u1")
    assert not path.exists()


def test_a_torn_last_line_is_cut_off_before_anything_is_added(tmp_path: Path) -> None:
    path = written(tmp_path, UNDO, tail='{"op":"do')
    with reopened(path) as taken:
        assert taken is not None
        taken[1].failed("u1", "no")
    assert [each["op"] for each in lines(path)] == ["undo", "failed", "end"]


def test_a_file_without_a_torn_line_is_not_cut(tmp_path: Path) -> None:
    path = written(tmp_path, UNDO)
    before = path.read_bytes()
    with reopened(path) as taken:
        assert taken is not None
        assert path.read_bytes() == before


@pytest.mark.parametrize("forget", [True, False])
def test_a_damaged_file_goes_only_by_a_persons_word(tmp_path: Path, forget: bool) -> None:
    path = written(tmp_path, UNDO, [1])
    with reopened(path, forget=forget) as taken:
        assert taken is not None
        taken[1].done("u1")
    assert path.exists() is not forget
    if not forget:
        assert "end" not in path.read_text(), "nobody knows what it said"
        assert left_behind(tmp_path) == [path], "its lock is free again"


def test_files_that_other_workers_remove_meanwhile_are_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the listing of the folder, the look at a file and its reading."""
    sink = create(tmp_path, RunId("r1"))
    sink.close(finished=False)
    gone = tmp_path / "r0.jsonl"
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter([gone, sink.path]))
    assert left_behind(tmp_path) == [sink.path]
    monkeypatch.setattr(journal_file, "left_behind", lambda directory: [gone, sink.path])
    assert [path for path, _ in stories_left(tmp_path)] == [sink.path]
