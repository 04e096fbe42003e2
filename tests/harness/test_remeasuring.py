"""One attempt or two, and which of them decides."""

from __future__ import annotations

from resilience.harness import remeasuring
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from resilience.verbs.context import Refused
from tests.engine.evidence.test_lateness import FAILED, LATE, PASSED, ended, finding


class Attempts:
    """Runs as they would end, one after the other."""

    def __init__(self, *outcomes: RunRecord | Exception) -> None:
        self.left = list(outcomes)
        self.records: list[RunRecord] = []
        self.said: list[str] = []

    def run(self, *, interrupted: bool = False) -> RunRecord:
        return remeasuring.run(self._next, self.records, self.said.append, lambda: interrupted)

    def _next(self) -> RunRecord:
        each = self.left.pop(0)
        if isinstance(each, Exception):
            raise each
        return each


def test_the_second_run_decides_and_both_are_kept_and_name_each_other() -> None:
    attempts = Attempts(ended(LATE), ended(finding(PASSED), outcome=Outcome.PASSED, run="b"))
    assert attempts.run().outcome is Outcome.PASSED
    first, second = attempts.records
    assert (first.run, first.again, first.outcome) == ("a", "b", Outcome.NOT_MEASURED)
    assert (second.run, second.before, second.again) == ("b", "a", "")
    assert "measured once more" in attempts.said[0]


def test_there_is_no_third_run() -> None:
    attempts = Attempts(ended(LATE), ended(LATE, run="b"), ended(LATE, run="c"))
    assert attempts.run().run == "b"
    assert len(attempts.left) == 1


def test_a_failure_is_never_repeated() -> None:
    attempts = Attempts(ended(LATE, finding(FAILED), outcome=Outcome.SERVICE_FAILED), ended())
    assert attempts.run().outcome is Outcome.SERVICE_FAILED
    assert len(attempts.records) == 1


def test_after_a_signal_nothing_is_repeated() -> None:
    attempts = Attempts(ended(LATE), ended(LATE, run="b"))
    assert attempts.run(interrupted=True).run == "a"
    assert len(attempts.left) == 1


def test_a_second_run_that_is_refused_leaves_the_first_as_it_was() -> None:
    attempts = Attempts(ended(LATE), Refused("the window is closed"))
    assert attempts.run().outcome is Outcome.NOT_MEASURED
    [only] = attempts.records
    assert only.again == ""
    assert "the window is closed" in attempts.said[-1]
