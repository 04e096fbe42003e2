"""What is told first about a run that did not pass is what decided it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome, Result
from resilience.report import cause, summary
from tests.report.made import record

WRONG = "node node-9 does not exist; existing nodes: node-1"


def unmeasured(outcome: Outcome, message: str = "") -> RunRecord:
    """A run in which one step failed, and in which nothing was measured for that reason."""
    made = record()
    steps = list(made.steps)
    steps[4] = replace(steps[4], result=Result.FAILED, message=f"{WRONG}\nmore")
    findings = [replace(each, result=Result.NOT_MEASURED) for each in made.findings]
    return replace(
        made,
        outcome=outcome,
        message=message or f"{outcome.value}:\n  ...",
        steps=steps,
        findings=findings,
    )


@pytest.mark.parametrize("outcome", [Outcome.HARNESS_ERROR, Outcome.REFUSED, Outcome.BLOCKED])
def test_a_step_that_could_not_be_done_is_told_before_what_was_not_measured(
    outcome: Outcome,
) -> None:
    made = unmeasured(outcome)
    assert cause(made) == f"drain the node that runs app=checkout: {WRONG}"
    assert summary([made], 500)[1].text.endswith(f"drain the node that runs app=checkout: {WRONG}")


def test_what_was_interrupted_says_by_whom() -> None:
    made = unmeasured(Outcome.INTERRUPTED, "interrupted: Ctrl-C\n  checkout.availability ...")
    assert cause(replace(made, reason="Ctrl-C")) == "Ctrl-C"


def test_a_broken_promise_is_told_before_one_that_was_not_measured() -> None:
    made = record()
    first = replace(made.findings[0], result=Result.NOT_MEASURED)
    why = cause(replace(made, findings=[first, *made.findings[1:]]))
    assert why.startswith("checkout.longest_outage")


def test_what_is_left_in_the_cluster_is_told_before_all_else() -> None:
    made = unmeasured(Outcome.UNDO_INCOMPLETE)
    assert str(cause(made)).startswith("left in the cluster: Namespace shop")
