"""The exit code says what kind of failure it was, and never hides a worse one."""

from __future__ import annotations

import pytest

from resilience.harness.exits import code
from resilience.model.verdict import Outcome


@pytest.mark.parametrize(
    ("given", "outcomes", "others", "expected"),
    [
        (0, [Outcome.PASSED], False, 0),
        (1, [Outcome.SERVICE_FAILED], False, 1),
        (1, [Outcome.NOT_MEASURED, Outcome.PASSED], False, 21),
        (1, [Outcome.HARNESS_ERROR], False, 22),
        (1, [Outcome.REFUSED], False, 23),
        (1, [Outcome.BLOCKED], False, 24),
        (1, [Outcome.INTERRUPTED], False, 25),
        (1, [Outcome.INTERRUPTED, Outcome.SERVICE_FAILED], False, 1),
        (1, [Outcome.BLOCKED, Outcome.NOT_MEASURED], False, 21),
        (1, [Outcome.REFUSED, Outcome.SERVICE_FAILED], False, 1),
        (1, [Outcome.REFUSED], True, 1),
        (2, [Outcome.INTERRUPTED], False, 2),
        (143, [Outcome.INTERRUPTED], False, 143),
        (1, [Outcome.UNDO_INCOMPLETE, Outcome.SERVICE_FAILED], True, 20),
        (2, [Outcome.UNDO_INCOMPLETE], False, 20),
        (0, [Outcome.SERVICE_FAILED], False, 1),
        (0, [Outcome.PASSED, Outcome.NOT_MEASURED], False, 21),
        (0, [], False, 0),
        (5, [], False, 5),
    ],
)
def test_the_worst_outcome_decides_the_exit_code(
    given: int, outcomes: list[Outcome], others: bool, expected: int
) -> None:
    assert code(given, outcomes, others) == expected
