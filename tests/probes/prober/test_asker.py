"""Questions asked from this process: on schedule, each answered once, late ones never lost."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from resilience.model.samples import Answer
from resilience.probes.prober.asker import Ask, Asker, Never, Reply
from resilience.probes.prober.samples import SampleLog

PATIENCE = 60.0


def asked(open_: Callable[[], Ask], rate: float = 100, timeout: float = 0.5, limit: int = 40) -> (
    tuple[Asker, SampleLog]
):  # fmt: skip
    log = SampleLog()
    asker = Asker(open_, {"rate": rate, "timeout": timeout, "limit": limit}, log, lambda: None)
    assert asker.wait(PATIENCE)
    asker.stop()
    return asker, log


def good() -> Reply:
    return Reply(Answer.GOOD, by="db-0")


def test_questions_leave_on_schedule_while_the_service_hangs() -> None:
    def slow() -> Reply:
        time.sleep(0.2)
        return good()

    _, log = asked(lambda: slow)
    assert len(log) == 40
    assert [round((s.intended - log.start) * 100) for s in log] == list(range(40))
    assert all(sample.latency >= 0.2 for sample in log if sample.answer is Answer.GOOD)


def test_a_question_without_an_answer_is_a_timeout_and_holds_nobody_up() -> None:
    def hangs() -> Reply:
        time.sleep(2)
        return good()

    began = time.monotonic()
    _, log = asked(lambda: hangs, timeout=0.1, limit=8)
    assert time.monotonic() - began < PATIENCE
    assert {sample.answer for sample in log} <= {Answer.TIMEOUT, Answer.UNSENT}
    assert Answer.TIMEOUT in {sample.answer for sample in log}


def test_what_cannot_be_asked_at_all_ends_the_prober_with_its_reason() -> None:
    def never() -> Ask:
        raise Never("the package redis is not installed")

    asker, log = asked(never)
    assert asker.trouble == "the package redis is not installed"
    assert {sample.answer for sample in log} == {Answer.UNSENT}


def test_a_reason_is_told_once() -> None:
    asker, log = asked(lambda: lambda: Reply(Answer.WRONG, "answered '2'"), limit=5)
    assert asker.reasons == [("WRONG", "answered '2'")]
    assert {sample.answer for sample in log} == {Answer.WRONG}


def test_each_sample_keeps_which_pod_answered() -> None:
    _, log = asked(lambda: good, limit=3)
    assert {sample.by for sample in log} == {"db-0"}


def test_a_question_that_could_not_be_sent_says_nothing_about_its_moment() -> None:
    _, log = asked(lambda: lambda: Reply(Answer.UNSENT, "the API server does not answer"), limit=5)
    assert [(sample.answer, sample.sent) for sample in log] == [(Answer.UNSENT, None)] * 5


def test_askers_of_several_pods_take_turns_within_their_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)  # a multiple of the interval
    begun: dict[str, float] = {}
    for number in ("0", "2"):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", number)
        log = SampleLog()
        before = time.monotonic()
        given = {"rate": 0.1, "timeout": 0.5, "limit": 1, "turns": 4}
        asker = Asker(lambda: good, given, log, lambda: None)
        begun[number] = log.start - before
        asker.stop()
    assert 0 <= begun["0"] < 5  # at once
    assert 5 <= begun["2"] < 10  # half of the ten seconds later
