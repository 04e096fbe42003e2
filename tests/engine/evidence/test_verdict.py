"""From findings to one outcome and one text: pure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience.engine.base.abort import Why
from resilience.engine.evidence import verdict
from resilience.model.finding import Evidence, Kind, Reason
from resilience.model.place import Place
from resilience.model.timeline import Entry, What
from resilience.model.verdict import Finding, Outage, Outcome, Result, StepRecord
from resilience.report import wording

PASSED, FAILED, NOT = Result.PASSED, Result.FAILED, Result.NOT_MEASURED


def finding(result: Result, *outages: Outage, name: str = "web.availability") -> Finding:
    return Finding(name=name, result=result, promised="99%", measured="40%", outages=outages)


def record(title: str, started: float, ended: float | None, family: str = "action") -> StepRecord:
    return StepRecord(
        path="when[0]",
        phase="when",
        verb="v",
        title=title,
        place=Place("x.yaml", 3, 5),
        started=started,
        ended=ended,
        result=PASSED,
        facts={"family": family},
    )


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        ((), Outcome.PASSED),
        ((PASSED, PASSED), Outcome.PASSED),
        ((PASSED, NOT), Outcome.NOT_MEASURED),
        ((NOT, FAILED, PASSED), Outcome.SERVICE_FAILED),
    ],
)
def test_a_measured_failure_says_more_than_one_that_was_not_measured(
    results: tuple[Result, ...], outcome: Outcome
) -> None:
    assert verdict.decide((), [finding(each) for each in results], None, ()) is outcome


def test_what_is_left_in_the_cluster_outranks_everything() -> None:
    outcome = verdict.decide([Outcome.SERVICE_FAILED], [finding(FAILED)], Why.INTERRUPTED, ["x"])
    assert outcome is Outcome.UNDO_INCOMPLETE


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (Outcome.HARNESS_ERROR, Outcome.HARNESS_ERROR),
        (Outcome.REFUSED, Outcome.REFUSED),
        (Outcome.BLOCKED, Outcome.BLOCKED),
    ],
)
def test_what_could_not_be_done_is_never_blamed_on_the_service(
    step: Outcome, outcome: Outcome
) -> None:
    assert verdict.decide([step], [finding(FAILED)], None, ()) is outcome


def test_a_sick_cluster_is_never_blamed_on_the_service() -> None:
    outcome = verdict.decide([Outcome.SERVICE_FAILED], [finding(FAILED)], Why.SICK, ())
    assert outcome is Outcome.NOT_MEASURED


@pytest.mark.parametrize(
    ("since", "until", "text"),
    [
        (11.0, 12.0, "during `kill`"),
        (14.0, 15.0, "after `kill`, while waiting for `ready`"),
        (25.0, 26.0, "after `kill`"),
        (1.0, 2.0, "before the first action"),
        (12.5, 14.0, "during `kill`, while waiting for `ready`"),
    ],
)
def test_an_outage_is_put_beside_the_action_that_was_running(
    since: float, until: float, text: str
) -> None:
    steps = [record("kill", 10, 13), record("ready", 13, 20, "check")]
    assert verdict.during(steps, since, until) == text


def test_a_broken_finding_tells_which_pods_and_events_were_involved_once() -> None:
    outage = Outage(since=12.0, until=14.0, resolution=0.02, lost=200)
    timeline = [
        Entry(
            monotonic=11.9,
            wall=0,
            what=What.WATCH,
            text="Pod shop/web-1 gone",
            facts={"deleted": True},
        ),
        *(
            Entry(
                monotonic=12.5 + n,
                wall=0,
                what=What.EVENT,
                text="Pod shop/web-2: Unhealthy: no",
                facts={"type": "Warning", "reason": "Unhealthy"},
            )
            for n in (0, 1)
        ),
        Entry(monotonic=30.0, wall=0, what=What.WATCH, text="Pod shop/web-9 gone", facts={}),
    ]
    first, second, fine = verdict.explain(
        [
            finding(FAILED, outage),
            finding(FAILED, outage, name="web.longest_outage"),
            finding(PASSED, outage),
        ],
        [record("kill", 10, 13)],
        timeline,
        10.0,
    )
    assert first.circumstances == (
        "from +2.00s to +4.00s, during `kill`",
        "  +1.90s Pod shop/web-1 gone",
        "  +2.50s Pod shop/web-2: Unhealthy: no (2 times)",
    )
    assert second.circumstances == ("from +2.00s to +4.00s, during `kill`",)
    assert fine.circumstances == ()


def test_a_message_says_expected_and_measured_and_where_it_is_written() -> None:
    text = verdict.message(Outcome.SERVICE_FAILED, [], [finding(FAILED)], [], "", [], 0.0)
    assert text.splitlines() == [
        "service failed: web.availability: 40%, expected 99%",
        "  web.availability: failed",
        "    expected  99%",
        "    measured  40%",
    ]


def test_a_pass_has_nothing_to_say() -> None:
    assert verdict.message(Outcome.PASSED, [], [finding(PASSED)], [], "", [], 0.0) == ""


@pytest.mark.parametrize("why", [None, *Why])
def test_what_an_interrupted_run_did_not_measure_has_no_other_reason(why: Why | None) -> None:
    """A higher rate would not have helped."""
    evidence = Evidence(window=1.0, interval=0.1, timeout=1.0, planned=10, failed=0, needed=100)
    few = Finding(name="web.availability", result=NOT, kind=Kind.AVAILABILITY, limit=0.99,
                  reason=Reason.TOO_FEW, evidence=evidence)  # fmt: skip
    missed = replace(few, result=FAILED, reason=None)
    seen = finding(NOT)
    found = verdict.stopped([few, missed, seen], why)
    assert found[1:] == [missed, seen]
    early = why in (Why.INTERRUPTED, Why.LOCK, Why.GONE)
    told = " ".join(wording.lines(found[0]))
    assert ("the run was stopped early" in told) is early
    assert ("raise `rate`" in told) is not early
