"""A request that is sent once: only an answer, or the lack of one, is about the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from resilience.model.samples import Answer
from resilience.probes.prober import once
from resilience.probes.prober.asker import ANSWERS, Ask, Never, Reply, asking
from resilience.probes.prober.news import Part
from resilience.probes.prober.once import ask_once
from resilience.probes.prober.samples import SampleLog
from resilience.verbs.context import NotMet

GIVEN = {"timeout": 5.0}


class Played:
    """A prober that has answers, or trouble; it notes how long it was waited for."""

    reasons: Sequence[tuple[str, str]] = ()
    parts: Sequence[Part] = ()
    cost: Mapping[str, Any] = {}

    def __init__(self, *answers: Answer, trouble: str = "", waiting: str = "", where: str = ""
                 ) -> None:  # fmt: skip
        self.answers, self.trouble, self.waiting, self.where = answers, trouble, waiting, where
        self.waited = 0.0

    def __call__(
        self, configuration: Mapping[str, Any], log: SampleLog, changed: Callable[[], None]
    ) -> Played:
        log.begin(0.0, 1.0, ANSWERS)
        for seq, answer in enumerate(self.answers):
            sent = None if answer is Answer.UNSENT else 0
            log.add([seq, sent, 1000, ANSWERS.index(answer.name), 0, ""])
        return self

    def wait(self, seconds: float) -> bool:
        self.waited = seconds
        return True

    def stop(self) -> None:
        """Nothing is under way."""


def told(prober: Played) -> NotMet:
    with pytest.raises(NotMet) as caught:
        ask_once(GIVEN, "PING to Redis cache", prober)
    return caught.value


@pytest.mark.parametrize("answer", [each for each in Answer if each is not Answer.GOOD])
def test_only_a_request_that_never_left_is_no_failure_of_the_service(answer: Answer) -> None:
    found = told(Played(answer))
    assert found.unknown is (answer is Answer.UNSENT)
    assert answer.value in str(found)


@pytest.mark.parametrize(
    ("prober", "says"),
    [
        (Played(trouble="there is no package redis in the image python:3"), "there is no package"),
        (Played(waiting="the log of the prober's Pod p1 cannot be read: 0/3 nodes"), "0/3 nodes"),
        (Played(), "no answer was recorded"),
    ],
)
def test_a_prober_that_never_asked_is_no_failure_of_the_service(prober: Played, says: str) -> None:
    found = told(prober)
    assert found.unknown
    assert says in str(found)


def test_a_library_that_is_missing_beside_the_test_is_no_failure_of_the_service() -> None:
    def opened() -> Ask:
        raise Never("the package redis is not installed")

    with pytest.raises(NotMet, match="the package redis is not installed") as caught:
        ask_once(GIVEN, "PING to Redis cache", asking(opened))
    assert caught.value.unknown


def test_a_good_answer_is_one_sentence() -> None:
    assert ask_once(GIVEN, "PING", asking(lambda: lambda: Reply(Answer.GOOD))).startswith("PING")


@pytest.mark.parametrize(
    ("where", "starting"), [("", once.STARTING), ("node n-1", once.STARTING_IN_POD)]
)
def test_a_pod_may_take_as_long_as_its_image_takes(where: str, starting: float) -> None:
    prober = Played(Answer.GOOD, where=where)
    ask_once(GIVEN, "PING", prober)
    assert prober.waited == GIVEN["timeout"] + starting
