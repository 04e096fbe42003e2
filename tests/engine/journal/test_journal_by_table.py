"""What a journal refuses to hold, how trouble of its sinks counts, and what its lines add up to."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

import pytest

from resilience.cluster.errors import Unreachable
from resilience.engine.journal.journal import (
    LARGEST_UNDO,
    Journal,
    NotRecorded,
    State,
    Undo,
    fold,
)
from resilience.engine.journal.undo_context import Undoing
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed
from tests.engine.fakes import FakeClock, FakeCluster
from tests.engine.helpers import MemorySink


class Failing(MemorySink):
    """A sink that refuses operations, or its end, with an error."""

    def __init__(self, error: Exception, *ops: str) -> None:
        super().__init__()
        self.error, self.ops = error, ops

    def append(self, line: Mapping[str, Any]) -> None:
        if line["op"] in self.ops:
            raise self.error
        super().append(line)

    def close(self, *, finished: bool) -> None:
        if "close" in self.ops:
            raise self.error
        super().close(finished=finished)


def full(where: str = "/j", text: str | None = "No space left on device") -> NotRecorded:
    return NotRecorded(where, OSError(errno.ENOSPC, text) if text else OSError("odd"))


AWAY = Unreachable("away")


# ----- Secrets


def field(*path: str, kind: str = "Secret") -> Any:
    return {"resource": {"kind": kind}, "fields": [{"path": list(path)}]}


SECRET = {"kind": "Secret"}


@pytest.mark.parametrize(
    "data",
    [
        {"prior": {**SECRET, "data": {"a": "x"}}},
        {"prior": {**SECRET, "stringData": {"a": "x"}}},
        {"prior": {**SECRET, "data": {}, "stringData": {"a": "x"}}},
        {"prior": [1, {**SECRET, "data": {"a": "x"}}]},
        {"prior": ({**SECRET, "data": {"a": "x"}},)},
        {"deep": {"deeper": [{"x": [{**SECRET, "data": {"a": "x"}}]}]}},
        field("data", "key"),
        field("stringData", "key"),
        {"resource": {"kind": "Secret"}, "fields": [{"path": ["type"]}, {"path": ["data", "k"]}]},
    ],
)
def test_a_secrets_data_is_never_recorded(data: Any) -> None:
    sink = MemorySink()
    journal = Journal([sink])
    with pytest.raises(ActionFailed, match="would require a Secret's data"):
        journal.record("v", "p", data, "put it back")
    assert sink.lines == []
    known = journal.record("v", "p", {}, "put it back")
    with pytest.raises(ActionFailed, match=r"undoing this \(put it back\)"):
        journal.amend(known, data)
    assert [line["op"] for line in sink.lines] == ["undo"]


@pytest.mark.parametrize(
    "data",
    [
        {"prior": SECRET},
        {"prior": {**SECRET, "data": {}, "stringData": None}},
        {"prior": {"kind": "ConfigMap", "data": {"a": "x"}}},
        {"kind": "changed", "data": {"a": "x"}},
        field("metadata", "labels"),
        field("spec", "data"),
        field("data", "key", kind="ConfigMap"),
        {"resource": {"kind": "Secret"}, "fields": None},
        {"resource": {"kind": "Secret"}},
        {"resource": "Secret", "fields": []},
        {"prior": ["data", "stringData", None, 7]},
    ],
)
def test_a_record_without_secrets_is_accepted(data: Any) -> None:
    assert Journal([MemorySink()]).record("v", "p", data, "put it back") == "u1"


def test_an_undo_of_exactly_the_largest_size_fits() -> None:
    journal = Journal([MemorySink()])
    fits = "x" * (LARGEST_UNDO - len('{"a": ""}'))
    journal.record("v", "p", {"a": fits}, "t")
    with pytest.raises(ActionFailed, match="a record of 1,000,001 bytes"):
        journal.record("v", "p", {"a": fits + "x"}, "t")


# ----- trouble


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (full(), "the journal /j cannot be written: No space left on device"),
        (full(text=None), "the journal /j cannot be written: odd"),
    ],
)
def test_a_disk_that_is_full_is_said_with_what_to_do(error: NotRecorded, told: str) -> None:
    assert error.what == told
    assert str(error) == (
        f"{told}. No change is made without a record: free disk space, or set another folder with "
        "--resilience-journal"
    )


@pytest.mark.parametrize("error", [full(), AWAY])
def test_a_change_that_one_sink_does_not_hold_is_forgotten_by_the_others(error: Exception) -> None:
    first, last = MemorySink(), MemorySink()
    journal = Journal([first, Failing(error, "undo"), last])
    with pytest.raises(type(error)):
        journal.record("v", "p", {}, "put it back")
    assert journal.pending() == []
    assert [line["op"] for line in first.lines] == ["undo", "forget"]
    assert fold(first.lines).pending == ()


@pytest.mark.parametrize("error", [full("/a"), AWAY])
def test_a_sink_that_fails_keeps_no_other_from_its_line(error: Exception) -> None:
    last = MemorySink()
    journal = Journal([Failing(error, "done", "end", "close"), last])
    journal.done(journal.record("v", "p", {}, "put it back"))
    journal.close()
    assert [line["op"] for line in last.lines] == ["undo", "done", "end"]
    assert last.finished is True
    assert journal.trouble == (error.what if isinstance(error, NotRecorded) else "")


@pytest.mark.parametrize("ops", [("end",), ("close",)])
def test_a_journal_reports_the_first_sink_that_fails(ops: tuple[str, ...]) -> None:
    sinks = [Failing(full("/a"), "done"), Failing(full("/b"), *ops)]
    journal = Journal(sinks)
    journal.done(journal.record("v", "p", {}, "t"))
    journal.close()
    assert journal.trouble == "the journal /a cannot be written: No space left on device"
    alone = Journal([Failing(full("/b"), *ops)])
    alone.close()
    assert alone.trouble == "the journal /b cannot be written: No space left on device"


@pytest.mark.parametrize(
    ("settle", "left"),
    [
        (["done", "done"], 0),
        (["done", "failed"], 1),
        (["keep", "done"], 1),
        (["keep", "failed"], 2),
    ],
)
def test_a_journal_ends_with_what_is_left(settle: list[str], left: int) -> None:
    sink = MemorySink()
    journal = Journal([sink])
    for how in settle:
        identity = journal.record("v", "p", {}, "t")
        if how == "done":
            journal.done(identity)
        else:
            getattr(journal, how)(identity, "why")
    journal.close()
    assert sink.lines[-1] == {"op": "end", "left": left}
    assert sink.finished is (left == 0)


def test_a_text_is_written_only_where_there_is_one() -> None:
    sink = MemorySink()
    journal = Journal([sink])
    one, two = (journal.record("v", "p", {}, "t") for _ in range(2))
    journal.failed(one, "why")
    journal.done(two)
    assert sink.lines[-2:] == [
        {"op": "failed", "id": "u1", "text": "why"}, {"op": "done", "id": "u2"},
    ]  # fmt: skip


# ----- the story


def line(op: str, identity: str = "u1", **more: Any) -> dict[str, Any]:
    return {"op": op, "id": identity, **more}


def undo(identity: str = "u1", **more: Any) -> dict[str, Any]:
    return line("undo", identity, verb="v", data={"n": 1}, text="t", **more)


@pytest.mark.parametrize(
    ("lines", "state", "failure"),
    [
        ([undo()], State.OPEN, ""),
        ([undo(), line("done")], State.DONE, ""),
        ([undo(), line("failed", text="why")], State.FAILED, "why"),
        ([undo(), line("kept", text="why")], State.KEPT, "why"),
        ([undo(), line("forget")], State.FORGOTTEN, ""),
        ([undo(), line("a later operation")], State.OPEN, ""),
        ([undo(), line("done", "u2")], State.OPEN, ""),
        ([line("done"), undo()], State.OPEN, ""),
    ],
)
def test_each_operation_turns_its_own_undo(lines: Any, state: State, failure: str) -> None:
    [found] = fold(lines).undos
    assert (found.state, found.failure) == (state, failure)


def test_the_story_tells_what_is_left_newest_first() -> None:
    lines = [
        {"op": "begin", "run": "r1"},
        undo("u1"),
        undo("u2"),
        undo("u3"),
        undo("u4"),
        line("kept", "u2"),
        line("kept", "u4"),
        line("failed", "u1"),
        line("amend", "u3", data={"n": 2}),
    ]
    story = fold(lines)
    assert [each.id for each in story.kept] == ["u4", "u2"]
    assert [each.id for each in story.pending] == ["u3", "u1"]
    assert story.undos[2].data == {"n": 2}
    assert (story.ended, story.broken, story.begin["run"]) == (False, "", "r1")
    assert fold([*lines, {"op": "end"}]).ended is True
    assert fold([]).ended is False


def test_a_person_takes_up_or_leaves_what_was_kept() -> None:
    journal = Journal([MemorySink()])
    ids = [journal.record("v", "p", {}, f"{n}") for n in range(3)]
    journal.keep(ids[0], "why")
    journal.keep(ids[2], "why")
    assert [each.id for each in journal.kept()] == ["u3", "u1"]
    journal.reopen()
    assert journal.kept() == []
    assert [each.id for each in journal.pending()] == ["u3", "u2", "u1"]
    journal.keep(ids[0], "why")
    journal.accept()
    assert [each.id for each in journal.pending()] == ["u3", "u2"]


@pytest.mark.parametrize("state", State)
def test_what_is_open_or_failed_is_pending(state: State) -> None:
    found = Undo(id="u", verb="v", path="p", data={}, text="t", state=state)
    assert found.pending is (state in (State.OPEN, State.FAILED))


@pytest.mark.parametrize("force", [True, False])
def test_an_object_with_changes_of_others_is_kept_unless_a_person_overrules(force: bool) -> None:
    clock = FakeClock()
    context = Undoing(cluster=FakeCluster(clock), run=RunId("r"), clock=clock, deadline=1.0,
                      force=force)  # fmt: skip
    context.keep("u1")
    assert context.kept("u1") is not force
    assert context.kept("u2") is False
