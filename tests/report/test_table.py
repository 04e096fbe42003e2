"""The terminal's summary: short, names before numbers, and one piece of advice for many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience.model.report import RunRecord
from resilience.model.samples import Answer
from resilience.model.scenario import Objective
from resilience.model.values import Availability
from resilience.model.verdict import Finding, Outcome, Reason, Result
from resilience.probes.agent import privilege
from resilience.probes.judge import Observed, judge
from resilience.report import summary
from tests.report.made import INTERVAL, record, samples


def finding(name: str, measured: str, value: float | None = None) -> Finding:
    return Finding(name=name, result=Result.PASSED, promised="p", measured=measured, value=value)


def text(*records: RunRecord, width: int = 500) -> list[str]:
    """Everything, a line per line, without wrapping unless told."""
    return [line.text for line in summary(list(records), width)]


def test_a_plans_promises_are_listed_with_their_names_and_numbers_first() -> None:
    findings = [finding("control", "all were refused"), finding("rto", "2.83s", 2.83)]
    _, numbers = text(replace(record(broken=False), findings=findings))
    assert numbers.strip() == "rto: 2.83s; control: all were refused"


def test_every_number_of_a_pass_is_there_and_fits_the_terminal() -> None:
    findings = [finding(f"stage{number}", "x" * 30) for number in range(9)]
    lines = text(replace(record(broken=False), findings=findings), width=80)
    assert max(len(line) for line in lines) <= 80
    assert sum(line.count("stage") for line in lines) == 9


def test_a_very_narrow_terminal_breaks_its_own_lines() -> None:
    assert len(text(record(broken=False), width=44)) == 2


def test_a_line_has_the_colour_of_its_outcome() -> None:
    tones = [line.tone for line in summary([record(broken=False), record()]) if line.tone]
    assert tones == ["good", "bad"]


def test_cases_of_a_matrix_are_told_apart_by_their_values() -> None:
    made = record(broken=False)
    cases = [
        replace(made, scenario=replace(made.scenario, matrix={"share": share, "grace": "0s"}))
        for share in ("33%", "50%")
    ]
    joined = "\n".join(text(*cases))
    assert "[share=33%,grace=0s]" in joined
    assert "[share=50%,grace=0s]" in joined


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
    *_, advice = text(late, late, record(broken=False))
    assert advice.startswith("This host was too busy to measure 2 scenarios")
    assert sum("too busy" in line for line in text(late, late)) == 1
    (finding,) = late.findings
    assert finding.evidence is not None
    apart = replace(finding, evidence=replace(finding.evidence, where="node n-2"))
    *_, advice = text(late, replace(late, findings=[apart]))
    assert advice.startswith("Node n-2 and this host were too busy to measure 2 scenarios")
    assert not any("too busy" in line for line in text(record()))


IN_TARGET = "lower `rate`, or set `real_time_prober = true` in the target."
NOT_GRANTED = (
    "or lower `rate`. `real_time_prober` was not granted: the kernel there gives Pods no real time "
    "(RT_GROUP_SCHED)."
)


@pytest.mark.parametrize(("where", "prober", "told"), [
    ("node n-2", {"priority": privilege.NORMAL}, IN_TARGET),
    ("node n-2", {"priority": "nice -10"}, NOT_GRANTED),
    ("node n-2", {"priority": privilege.REAL_TIME}, "or lower `rate`."),
    ("node n-2", {}, "or lower `rate`."),
    ("nodes", {"agents": [{"priority": privilege.REAL_TIME}, {"priority": "normal"}]}, IN_TARGET),
    ("", {"priority": privilege.NORMAL}, "or lower `rate`."),
])  # fmt: skip
def test_the_advice_knows_the_priority_of_a_late_prober_in_a_pod(
    where: str, prober: dict[str, object], told: str
) -> None:
    late = busy(record(broken=False))
    (finding,) = late.findings
    assert finding.evidence is not None
    apart = replace(finding, evidence=replace(finding.evidence, where=where))
    probes = [replace(each, facts={**each.facts, "prober": prober}) for each in late.probes]
    *_, advice = text(replace(late, findings=[apart], probes=probes))
    assert advice.endswith(told)


def test_pods_that_waited_for_a_cpu_are_the_same_advice() -> None:
    late = busy(record(broken=False))
    waited = [replace(each, reason=Reason.WAITED) for each in late.findings]
    *_, advice = text(replace(late, findings=waited))
    assert advice.startswith("This host was too busy to measure 1 scenario")


def test_a_run_that_was_measured_once_more_gives_no_advice() -> None:
    late = replace(busy(record(broken=False)), again="other")
    lines = text(late, record(broken=False))
    assert not any("too busy" in line for line in lines)
    assert any(line.endswith("measured once more") for line in lines)


def test_not_measured_is_said_once_on_its_line() -> None:
    outcome, numbers, _ = text(busy(record(broken=False)))
    assert f"{outcome} {numbers}".count("not measured") == 1
    assert "checkout.availability: between 0% and 100%, expected 99%" in numbers
