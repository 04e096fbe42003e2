"""Undoing on virtual time: order, patience, what each failure becomes, and who may interrupt."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from resilience.cluster.errors import (
    ApiError,
    Conflict,
    Forbidden,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.engine.base.abort import Abandoned, Aborter
from resilience.engine.base.timeline import Timeline
from resilience.engine.journal.journal import Journal, Undo, fold
from resilience.engine.journal.undo import RETRY_EVERY, Putback, shielded
from resilience.model.timeline import Entry, What
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, ChangedSince
from tests.engine.fakes import FakeClock, FakeCluster
from tests.engine.helpers import MemorySink

WITHIN = 30.0


class Here:
    """A journal with three undos of one verb, and that verb."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sink = MemorySink()
        self.journal = Journal([self.sink])
        self.entries: list[Entry] = []
        self.undone: list[int] = []
        self.answers: list[BaseException | None] = []
        self.contexts: list[Any] = []
        for number in range(3):
            self.journal.record("v", f"when[{number}]", {"n": number}, f"undo {number}")

    def undo(self, data: Any, context: Any) -> None:
        self.contexts.append(context)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.undone.append(data["n"])

    def putback(self, **more: Any) -> Putback:
        verb: Any = type("Verb", (), {"undo": staticmethod(self.undo)})()
        return Putback(
            cluster=FakeCluster(self.clock), run=RunId("r1"), clock=self.clock,
            journal=self.journal, timeline=Timeline(self.clock, self.entries.append),
            within=WITHIN, **{"verbs": {"v": verb}, **more},
        )  # fmt: skip

    def all(self, *answers: BaseException | None, **more: Any) -> list[str]:
        self.answers = list(answers)
        return self.putback(**more).all()

    def facts(self) -> list[tuple[str, Any]]:
        return [(entry.text, dict(entry.facts)) for entry in self.entries]


@pytest.fixture
def here() -> Here:
    return Here()


def test_the_newest_is_undone_first_and_each_is_told(here: Here) -> None:
    assert here.all() == []
    assert here.undone == [2, 1, 0]
    assert fold(here.sink.lines).pending == ()
    assert {entry.what for entry in here.entries} == {What.UNDO}
    assert here.facts()[0] == (
        "undone: undo 2", {"path": "when[2]", "state": "done", "id": "u3"},
    )  # fmt: skip


def test_a_refusal_that_goes_wrong_stops_no_other_undo(here: Here) -> None:
    def refuses(undo: Undo) -> str:
        known: dict[str, str] = {}
        return known[undo.id] if undo.id == "u2" else ""

    [left] = here.all(refuses=refuses)
    assert left.startswith("undo 1: its record is invalid")
    assert here.undone == [2, 0]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ActionFailed("no way"), "no way"),
        (
            Forbidden(401, "no user"),
            "no user",
        ),  # a refusal by a rule is tried again: test_undo_order
        (TimeoutError("too late"), "too late"),
        (KeyError("uid"), "its record is invalid"),
        (TypeError("odd"), "its record is invalid"),
        (RuntimeError("bug"), "the undo of `v`"),
    ],
)
def test_a_failure_stops_no_other_and_stays_pending(
    here: Here, error: Exception, told: str
) -> None:
    [left] = here.all(error)
    assert left.startswith("undo 2: ")
    assert told in left
    assert here.undone == [1, 0]
    [pending] = here.journal.pending()
    assert (pending.id, pending.failure) == ("u3", left.removeprefix("undo 2: "))
    text, facts = here.facts()[0]
    assert text == f"not undone: {left}"
    assert facts == {"path": "when[2]", "state": "failed", "id": "u3", "text": pending.failure}


def test_what_others_changed_is_kept_and_told_so(here: Here) -> None:
    assert here.all(ChangedSince("theirs now")) == ["undo 2: theirs now"]
    assert [each.id for each in here.journal.kept()] == ["u3"]
    assert here.facts()[0] == (
        "left unchanged: undo 2: theirs now",
        {"path": "when[2]", "state": "failed", "id": "u3", "text": "theirs now", "kept": True},
    )  # fmt: skip


def test_what_is_refused_is_not_tried(here: Here) -> None:
    def refuses(undo: Undo) -> str:
        return "beyond its locks" if undo.id == "u3" else ""

    assert here.all(refuses=refuses) == ["undo 2: beyond its locks"]
    assert here.undone == [1, 0]


@pytest.mark.parametrize("verbs", [{}, {"v": type("Verb", (), {"undo": None})()}])
def test_a_verb_that_is_missing_or_has_no_undo_is_named(here: Here, verbs: Any) -> None:
    left = here.all(verbs=verbs)
    assert left == [f"undo {n}: the verb `v` is not installed here" for n in (2, 1, 0)]


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (Unreachable("away"), RETRY_EVERY),
        (ServerTrouble(503, "away"), RETRY_EVERY),
        (ServerTrouble(503, "away", retry_after=7.0), 7.0),
        (Throttled(429, "slow down", retry_after=0.2), RETRY_EVERY),
        (Throttled(429, "slow down", retry_after=4.0), 4.0),
        (Conflict(409, "changed"), RETRY_EVERY),
    ],
)
def test_what_passes_is_tried_again_after_its_time(
    here: Here, error: ApiError, pause: float
) -> None:
    assert here.all(error) == []
    assert here.undone == [2, 1, 0]
    assert here.clock.now - 100.0 == pytest.approx(pause)


def test_the_patience_is_for_each_undo(here: Here) -> None:
    left = here.all(*[Unreachable("away")] * 500)
    assert left == ["undo 2: away", "undo 1: away", "undo 0: away"]
    waited = here.clock.now - 100.0
    assert waited == pytest.approx(3 * WITHIN)
    deadlines = sorted({context.deadline for context in here.contexts})
    assert deadlines == pytest.approx([100.0 + turn * WITHIN for turn in (1, 2, 3)])


def test_a_try_that_falls_on_the_deadline_is_made(here: Here) -> None:
    here.answers = [Unreachable("away")] * int(WITHIN / RETRY_EVERY)
    assert here.putback().all() == []
    assert here.clock.now - 100.0 == pytest.approx(WITHIN)


def test_the_undo_gets_the_runs_means(here: Here) -> None:
    others = {"uid-1"}
    here.all(force=True, others=others)
    context = here.contexts[0]
    assert (context.run, context.force, context.others) == (RunId("r1"), True, others)
    assert context.others is others


# ----- out of reach of exceptions of the main thread


def test_work_is_done_on_another_thread_and_awaited() -> None:
    seen: list[Any] = []

    def work() -> None:
        thread = threading.current_thread()
        seen.append((thread.name, thread.daemon))

    shielded(work, Aborter())
    assert seen == [("resilience-undo", True)]


def test_an_abandoned_undo_ends_the_wait() -> None:
    def work() -> None:
        raise Abandoned("enough")

    aborter = Aborter()
    shielded(work, aborter)
    assert aborter.cause is None


def test_an_exception_in_the_waiting_thread_is_kept_and_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aborter, go = Aborter(), threading.Event()
    interrupted = [KeyboardInterrupt("Ctrl-C")]
    wait = threading.Event.wait

    def waiting(self: threading.Event, timeout: float | None = None) -> bool:
        if interrupted and threading.current_thread() is threading.main_thread() and timeout:
            go.set()
            raise interrupted.pop()
        return wait(self, timeout)

    finished: list[int] = []

    def work() -> None:
        assert wait(go, 10.0)
        finished.append(1)

    monkeypatch.setattr(threading.Event, "wait", waiting)
    shielded(work, aborter)
    assert finished == [1]
    assert isinstance(aborter.cause, KeyboardInterrupt)
