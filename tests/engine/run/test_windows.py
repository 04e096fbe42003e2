"""The windows of a run: they share their edges, and each has its own findings."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.pods.kill import VERB as KILL
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.checks.ready import VERB as READY
from resilience.engine.run.windows import OF_A_WINDOW, OF_THE_BASELINE, OF_THE_RUN, Spans
from resilience.kube.selectors import Selector
from resilience.model.finding import Kind, Result
from resilience.model.place import Place
from resilience.model.scenario import WINDOWS, Objective, Step
from resilience.model.values import Availability, Duration, Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome, StepRecord, Window
from tests.engine.helpers import World, step
from tests.engine.toyprobe import Script

ALL = ("baseline", "fault", "recovery")
KILLED = step(KILL, Phase.WHEN, pods=Selector.parse("app=web"), count=1)
READY_AGAIN = step(READY, Phase.WHEN, 1, target=Reference.parse("deployment/web"))


def probe(*during: str, **objective: object) -> Step:
    aims = Objective(availability=Availability.parse("99%"), **objective)  # type: ignore[arg-type]
    return replace(step(Script().verb, Phase.WHILE), name="shop", during=during, objective=aims)


def acted(since: float, until: float | None, title: str = "kill", **more: str) -> StepRecord:
    return StepRecord(
        path="when[0]",
        phase="when",
        verb="kill",
        title=title,
        place=Place("x", 1, 1),
        started=since,
        ended=until,
        result=Result.PASSED,
        facts={"family": "action", **more},
    )


def spans(*records: StepRecord, gone: float = float("-inf"), calm: float | None = 0.0) -> Spans:
    return Spans(whole=Window(since=10.0, until=40.0), calm=calm, gone=gone, records=records)


def edges(found: Spans, *during: str, **objective: object) -> list[tuple[str, float, float]]:
    windows = found.of_step(probe(*during, **objective))
    return [(each.name, each.since, each.until) for each in windows]


def test_the_fault_ends_with_the_last_action_and_the_last_victim() -> None:
    expected = [("baseline", 0.0, 10.0), ("fault", 10.0, 20.0), ("recovery", 20.0, 40.0)]
    assert edges(spans(acted(10, 12), gone=20.0), *ALL) == expected
    assert edges(spans(acted(10, 20), gone=12.0), *ALL) == expected
    assert edges(spans(acted(10, 20), acted(20, 30, family="check")), *ALL) == expected
    assert edges(spans(acted(10, 20)), *reversed(ALL)) == expected, "in the order of time"


def test_a_fault_that_never_ends_leaves_no_recovery() -> None:
    found = edges(spans(acted(10, None)), *ALL)
    assert found[1:] == [("fault", 10.0, 40.0), ("recovery", 40.0, 40.0)]
    assert edges(spans(acted(10, 12), gone=99.0), *ALL)[1:] == found[1:]


@given(st.floats(0, 10), st.floats(10, 45), st.floats(0, 60))
def test_the_three_windows_leave_nothing_out_and_count_nothing_twice(
    calm: float, ended: float, gone: float
) -> None:
    found = edges(spans(acted(10, ended), gone=gone, calm=calm), *ALL)
    assert (found[0][1], found[-1][2]) == (calm, 40.0)
    assert all(first[2] == second[1] for first, second in pairwise(found))
    assert all(since <= until for _, since, until in found)


def test_without_during_there_is_one_window_in_which_everything_is_judged() -> None:
    [only] = spans(acted(10, 12)).of_step(probe(recovery=Duration.of(5)))
    assert (only.name, only.since, only.until, only.over) == ("", 10.0, 40.0, 12.0)
    assert all(only.judges(kind) for kind in Kind)


def test_recovery_is_about_the_whole_run_whatever_the_windows() -> None:
    *windows, whole = spans(acted(10, 12)).of_step(probe(*ALL, recovery=Duration.of(5)))
    assert [each.kinds for each in windows] == [OF_THE_BASELINE, OF_A_WINDOW, OF_A_WINDOW]
    assert (whole.name, whole.since, whole.until, whole.over) == ("", 10.0, 40.0, 12.0)
    assert whole.kinds == OF_THE_RUN == {Kind.RECOVERY, Kind.BUDGET}
    assert len(edges(spans(acted(10, 12)), *ALL)) == 3, "nothing to judge in it"


def test_a_step_is_a_window_among_others_and_alone_needs_no_name() -> None:
    found = spans(acted(10, 12), acted(15, 30, title="the second"))
    assert edges(found, "the second") == [("", 15.0, 40.0)]
    assert edges(found, "baseline", "the second")[1] == ("the second", 15.0, 40.0)
    [one] = found.of_step(probe("the second", recovery=Duration.of(5)))
    assert one.judges(Kind.RECOVERY)


def test_a_finding_is_named_after_its_window() -> None:
    window = Window(since=0, until=1, name="lose a node")
    assert window.called("shop", "p99") == "shop.lose_a_node.p99"
    assert Window(since=0, until=1).called("shop", "p99") == "shop.p99"


def test_a_run_measures_its_baseline_before_it_breaks_anything(here: World) -> None:
    script = Script()
    wanted = replace(step(script.verb, Phase.WHILE), name="shop", during=ALL)
    record = here.run(probes=[wanted], when=[KILLED, READY_AGAIN], baseline=10)
    calm, fault, recovery = script.windows
    killed = next(each for each in record.steps if each.verb == "kill")
    assert calm.length == pytest.approx(10, abs=0.1)
    assert calm.until == pytest.approx(killed.started)
    assert calm.until == fault.since
    assert fault.until == recovery.since
    assert record.window is not None
    assert recovery.until == record.window.until
    names = [f"shop.{word}.availability" for word in WINDOWS]
    assert [each.name for each in record.findings] == names
    assert record.outcome is Outcome.PASSED


def test_pods_that_leave_by_the_undo_do_not_prolong_the_fault(here: World) -> None:
    script = Script()
    wanted = replace(step(script.verb, Phase.WHILE), name="shop", during=ALL)
    more = step(SCALE, Phase.WHEN, workload=Reference.parse("deployment/web"), replicas=5)
    record = here.run(probes=[wanted], when=[more, READY_AGAIN], baseline=1, settle=5)
    assert record.outcome is Outcome.PASSED, record.message
    assert script.windows[-1].length == pytest.approx(5, abs=1)


def test_a_recovery_is_as_long_as_settle_says_however_long_the_victims_take(here: World) -> None:
    script = Script()
    here.controllers.stop_after = 20
    wanted = replace(step(script.verb, Phase.WHILE), name="shop", during=ALL)
    here.run(probes=[wanted], when=[KILLED], baseline=1, settle=7)
    _, fault, recovery = script.windows
    assert fault.length == pytest.approx(20, abs=1)
    assert recovery.length == pytest.approx(7, abs=1)


def test_what_is_waited_for_beyond_settle_is_told(here: World) -> None:
    here.controllers.stop_after = 20
    here.run(probes=[step(Script().verb, Phase.WHILE)], when=[KILLED], settle=1)
    texts = [entry.text for entry in here.entries]
    assert any("is gone; grace period " in text for text in texts)
    assert any("until 2s after the last victim left" in text for text in texts)


@pytest.mark.parametrize("word", WINDOWS)
def test_each_window_decides_by_itself(here: World, word: str) -> None:
    script = Script()
    script.bad = lambda at: any(
        each.name == word and each.since <= at < each.until for each in script.windows[-1:]
    )
    wanted = replace(step(script.verb, Phase.WHILE), name="shop", during=ALL)
    nap = step(SLEEP, Phase.WHEN, duration=Duration.of(3))
    record = here.run(probes=[wanted], when=[KILLED, nap], baseline=10)
    failed = [each.during for each in record.findings if each.result is Result.FAILED]
    assert failed == [word]
    assert record.outcome is Outcome.SERVICE_FAILED


def test_nothing_is_waited_for_without_a_baseline(here: World) -> None:
    here.run(probes=[step(Script().verb, Phase.WHILE)], when=[KILLED])
    assert not any(entry.facts.get("state") == "baseline" for entry in here.entries)


def test_an_abort_ends_the_baseline(here: World) -> None:
    from resilience.engine.base.abort import Why

    def stop(entry: object) -> None:
        if getattr(entry, "facts", {}).get("state") == "baseline":
            here.aborter.abort("Ctrl-C", Why.INTERRUPTED)

    here.on_entry = stop
    record = here.run(probes=[step(Script().verb, Phase.WHILE)], when=[KILLED], baseline=1e6)
    assert record.outcome is Outcome.INTERRUPTED
    assert not any(each.verb == "kill" for each in record.steps)
