"""The terminal's summary: short, names before numbers, and one piece of advice for many."""

from __future__ import annotations

from dataclasses import replace

from resilience.model.report import RunRecord
from resilience.model.samples import Answer
from resilience.model.scenario import Objective
from resilience.model.values import Availability
from resilience.model.verdict import Finding, Outcome, Result
from resilience.probes.judge import Observed, judge
from resilience.report import summary
from resilience.report.table import MOST_TOLD
from tests.report.made import INTERVAL, record, samples


def finding(name: str, measured: str, value: float | None = None) -> Finding:
    return Finding(name=name, result=Result.PASSED, promised="p", measured=measured, value=value)


def test_a_plans_promises_are_told_with_their_names_and_numbers_first() -> None:
    findings = [finding("control", "all were refused"), finding("rto", "2.83s", 2.83)]
    [line] = summary([replace(record(broken=False), findings=findings)])
    assert line.endswith("rto: 2.83s; control: all were refused")


def test_a_line_tells_as_much_as_fits_and_how_much_it_left_out() -> None:
    findings = [finding(f"stage{number}", "x" * 30) for number in range(9)]
    [line] = summary([replace(record(broken=False), findings=findings)])
    told = line[line.index("stage0") :]
    assert told.endswith("; and 6 more")
    assert len(told) <= MOST_TOLD + len("; and 6 more")


def busy(made: RunRecord) -> RunRecord:
    late = [
        replace(each, sent=None, ended=each.intended + 2, answer=Answer.UNSENT)
        for each in samples(False)
    ]
    observed = Observed(name="checkout", interval=INTERVAL, timeout=1.0, samples=late)
    assert made.window is not None
    objective = Objective(availability=Availability.parse("99%"))
    findings = judge(observed, objective, made.window)
    return replace(made, findings=findings, outcome=Outcome.NOT_MEASURED, message="")


def test_a_machine_that_was_too_busy_is_told_once_for_all_scenarios() -> None:
    late = busy(record(broken=False))
    *_, advice = summary([late, late, record(broken=False)])
    assert advice.startswith("this machine was too busy to measure 2 scenarios")
    assert sum("too busy" in line for line in summary([late, late])) == 1
    assert not any("too busy" in line for line in summary([record()]))


def test_not_measured_is_said_once_on_its_line() -> None:
    [line, _] = summary([busy(record(broken=False))])
    assert line.count("not measured") == 1
    assert "checkout.availability: between 0% and 100%, promised 99%" in line
