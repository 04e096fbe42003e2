"""The fixture: a scenario's verbs as calls, with the same engine behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.errors import Unreachable
from resilience.cluster.interface import BUDGETS, DEPLOYMENTS, PODS, SERVICES
from resilience.engine.base.run_options import Options
from resilience.engine.journal.journal import Journal
from resilience.engine.python.fixture import NotHeld, Resilience, StepFailed, UndoIncomplete
from resilience.engine.python.measured import NotMeasured
from resilience.engine.python.python_calls import Misspoken
from resilience.engine.run.run import Run
from resilience.kube import readiness
from resilience.model.values import RunId
from resilience.model.verb import Unusable, Verb
from resilience.model.verdict import Outcome, Result
from resilience.verbs.catalogue import Verbs, catalogue
from resilience.verbs.context import Blocked, Refused
from tests.engine.fake_budgets import Disruptions
from tests.engine.helpers import World, a_test, world
from tests.engine.toyprobe import Script


class WithToy(Verbs):
    """The real catalogue and the scripted probe."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script

    def find(self, name: str) -> Verb | Unusable | None:
        return self._script.verb if name == "toy" else super().find(name)


def engine(here: World, script: Script | None = None) -> Resilience:
    run = Run.begin(
        a_test(), cluster=here.cluster,
        options=Options(run=RunId("r1"), namespace="shop", seed=3, directory=here.directory),
        clock=here.clock, journal=Journal([here.sink]), emit=here.entries.append,
        aborter=here.aborter)  # fmt: skip
    return Resilience(run, WithToy(script) if script else catalogue())


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world()
    made.directory = tmp_path
    return made


def test_calls_are_steps_and_everything_is_undone_at_the_end(here: World) -> None:
    here.deploy()
    with engine(here) as resilience:
        resilience.scale(workload="deployment/web", replicas=5)
        resilience.ready("deployment/web", within="10s")
        resilience.kill(pods="app=web", share="40%", grace="0s")
        assert len(resilience.victims) == 2
    here.clock.until(lambda: False, here.clock.now + 5)
    assert sum(readiness.serves(pod) for pod in here.pods()) == 3
    assert here.sink.finished is True


def test_a_call_is_told_what_a_scenario_would_be_told(here: World) -> None:
    with engine(here) as resilience:
        with pytest.raises(Misspoken, match=r"did you mean .?count"):
            resilience.kill(pods="app=web", cuont=1)
        with pytest.raises(Misspoken, match="above 0 and up to 100%"):
            resilience.kill(pods="app=web", share="0%")
        with pytest.raises(AttributeError, match="unknown verb `kil`"):
            resilience.kil(pods="app=web")


def test_dollar_signs_of_a_test_are_text(here: World) -> None:
    (here.directory / "${x}.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    )
    with engine(here) as resilience:
        resilience.apply("${x}.yaml")
        assert ("ConfigMap", "shop", "a") in here.cluster.dump()
    assert ("ConfigMap", "shop", "a") not in here.cluster.dump()


def test_an_action_that_hits_nobody_raises_and_a_check_that_does_not_hold_asserts(
    here: World,
) -> None:
    here.deploy()
    with engine(here) as resilience:
        with pytest.raises(StepFailed, match="matches app=none"):
            resilience.kill(pods="app=none")
        with pytest.raises(NotHeld, match="does not exist"):
            resilience.ready("deployment/none", within="1s")


def test_what_cannot_be_undone_fails_the_test(here: World) -> None:
    here.deploy()

    def change_of_mind() -> None:
        with engine(here) as resilience:
            resilience.scale(workload="deployment/web", replicas=1)
            here.cluster.patch = _refuse  # type: ignore[method-assign]

    with pytest.raises(UndoIncomplete, match="scale deployment/web back to 3"):
        change_of_mind()


def _refuse(*_: object, **__: object) -> dict[str, object]:
    from resilience.cluster.errors import Forbidden

    raise Forbidden(403, "no right to patch")


def test_a_probe_gives_numbers_of_the_time_since_the_first_action(here: World) -> None:
    here.deploy()
    start: list[float] = []
    script = Script(lambda at: start[0] <= at < start[0] + 1)
    with engine(here, script) as resilience:
        with resilience.probe.toy(settle="3s") as toy:
            here.clock.wait(20)
            start.append(here.clock.now)
            resilience.kill(pods="app=web", count=1)
            with pytest.raises(NotMeasured, match="has not ended"):
                _ = toy.availability
        window = script.windows[0]
        assert window.since == pytest.approx(start[0])
        assert toy.availability == pytest.approx(1 - 1 / window.length, abs=0.01)
        with pytest.raises(NotMeasured, match="p75 was not measured"):
            toy.latency(75)
    assert script.probes[0].stopped


@pytest.mark.parametrize(
    ("restarts", "counted"), [([1.0], 0), ([3.0], 1), ([8.0], 1), ([1.0, 3.0, 8.0], 2)]
)
def test_without_an_action_restarts_count_from_the_first_measured_block(
    here: World, restarts: list[float], counted: int
) -> None:
    here.deploy()
    name = here.pods()[0]["metadata"]["name"]

    def restarted(pod: Any) -> None:
        status = pod["status"].setdefault("containerStatuses", [{"name": "web", "restartCount": 0}])
        status[0]["restartCount"] += 1

    with engine(here, Script()) as resilience:
        resilience.ready("deployment/web")
        for after in restarts:
            here.clock.after(after, lambda: here.cluster.change(PODS, "shop", name, restarted))
        here.clock.wait(2)
        for _ in range(2):
            with resilience.probe.toy(settle="1s"):
                here.clock.wait(4)
        here.cluster.change(PODS, "shop", name, restarted)
        with pytest.raises(AssertionError, match=f"observed {counted + 1} restarts? of 3"):
            resilience.restarts(pods="app=web", at_most=counted)


def test_a_probe_whose_with_was_forgotten_does_not_pass(here: World) -> None:
    here.deploy()
    with pytest.raises(NotMeasured, match="`toy` was never entered") as caught:
        with engine(here, Script()) as resilience:
            resilience.probe.toy(rate="100/s")
    assert "with resilience.probe" in str(caught.value)
    assert here.sink.finished is True


def test_a_probe_that_does_not_exist_is_told_with_those_that_do(here: World) -> None:
    with engine(here) as resilience:
        with pytest.raises(AttributeError, match=r"no probe `htp`; there are: .*http, .*tcp"):
            resilience.probe.htp(service="web")


def test_an_objective_that_is_given_is_held_when_the_block_ends(here: World) -> None:
    here.deploy()
    script = Script(lambda at: True)
    with engine(here, script) as resilience, pytest.raises(NotHeld, match=r"toy\.availability"):
        with resilience.probe.toy(objective={"availability": "99%"}):
            resilience.kill(pods="app=web", count=1)


def test_a_probe_is_stopped_when_its_block_raises(here: World) -> None:
    script = Script()
    with engine(here, script) as resilience, pytest.raises(ZeroDivisionError):
        with resilience.probe.toy():
            raise ZeroDivisionError
    assert script.probes[0].stopped


def _guarded(here: World) -> None:
    """Three Pods, of which the budget wants two."""
    Disruptions(here.cluster)
    here.deploy()
    body = {"metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}}  # fmt: skip
    here.cluster.put(BUDGETS, body)
    here.clock.until(lambda: False, here.clock.now + 1)


def test_a_budget_around_a_block_is_a_promise_without_an_objective(here: World) -> None:
    _guarded(here)
    with (
        engine(here) as resilience,
        pytest.raises(NotHeld, match=r"budget shop/web had 1 healthy of 2 needed"),
    ):
        _kill_two_under_a_budget(resilience)


def _kill_two_under_a_budget(resilience: Resilience) -> None:
    with resilience.probe.budget(selector="app=web"):
        resilience.kill(pods="app=web", count=2)
        resilience.ready("deployment/web", within="10s")


def test_a_budget_that_was_kept_around_a_block_says_what_was_left(here: World) -> None:
    _guarded(here)
    with engine(here) as resilience, resilience.probe.budget() as budget:
        resilience.kill(pods="app=web", count=1)
        resilience.ready("deployment/web", within="10s")
    [finding] = budget.findings
    assert finding.value == 0.0


def _watching_web(here: World, killed: str) -> None:
    with engine(here) as resilience:
        with resilience.probe.kubernetes(count={"pods": "app=web", "at_least": 1}):
            resilience.kill(pods=f"app={killed}", count=1)


def test_a_promise_that_nothing_in_the_block_could_break_is_not_held(here: World) -> None:
    here.deploy()
    here.deploy("db")
    _watching_web(here, "web")
    with pytest.raises(NotHeld, match="no Pod app=web was harmed or changed, but shop/db-") as seen:
        _watching_web(here, "db")
    assert seen.value.outcome is Outcome.NOT_MEASURED


def test_a_number_of_a_service_that_nothing_touched_is_none(here: World) -> None:
    for name in ("web", "db"):
        here.deploy(name)
        body = {"metadata": {"name": name, "namespace": "shop"},
                "spec": {"selector": {"app": name}}}  # fmt: skip
        here.cluster.put(SERVICES, body)
    with engine(here, Script()) as resilience:
        with resilience.probe.toy(service="web") as toy:
            resilience.kill(pods="app=db", count=1)
        with pytest.raises(NotMeasured, match="no Pod behind the Service shop/web"):
            _ = toy.availability
        with resilience.probe.toy(service="web") as calm:
            here.clock.wait(5)
        assert calm.availability == 1.0


def test_what_a_test_changed_before_may_have_been_expected_to_create_what_is_missing(
    here: World,
) -> None:
    here.deploy()
    with engine(here) as resilience:
        resilience.scale(workload="deployment/web", replicas=4)
        with pytest.raises(NotHeld, match="deployment/made does not exist") as seen:
            resilience.ready("deployment/made", within="1s")
    assert seen.value.outcome is Outcome.SERVICE_FAILED


def test_a_probe_that_is_called_as_a_step_is_told_how_to_write_it(here: World) -> None:
    with engine(here) as ours, pytest.raises(AttributeError, match=r"resilience\.probe\.http"):
        ours.http(url="http://127.0.0.1/")


def test_a_check_that_fails_before_the_first_action_says_nothing_about_the_service(
    here: World,
) -> None:
    here.deploy()
    with engine(here) as resilience:
        with pytest.raises(NotHeld) as before:
            resilience.ready("deployment/none", within="1s")
        resilience.kill(pods="app=web", count=1)
        here.cluster.remove(DEPLOYMENTS, "shop", "web")
        with pytest.raises(NotHeld) as after:
            resilience.ready("deployment/web", within="1s")
    assert before.value.outcome is Outcome.NOT_MEASURED
    assert after.value.outcome is Outcome.SERVICE_FAILED


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (AssertionError("assert 3 < 2"), Outcome.SERVICE_FAILED),
        (OSError("refused"), Outcome.SERVICE_FAILED),
        (NotMeasured("no number"), Outcome.NOT_MEASURED),
        (Unreachable("away"), Outcome.HARNESS_ERROR),
        (Refused("closed"), Outcome.REFUSED),
        (Blocked("a budget"), Outcome.BLOCKED),
        (KeyboardInterrupt(), Outcome.INTERRUPTED),
    ],
)
def test_what_a_test_raises_is_its_outcome(
    here: World, error: BaseException, outcome: Outcome
) -> None:
    ours = engine(here)
    with pytest.raises(type(error)), ours:
        raise error
    record = ours.record()
    assert record.outcome is outcome
    assert str(error) in record.message


def test_a_promise_that_a_test_expects_to_be_broken_is_a_fact_and_no_verdict(here: World) -> None:
    here.deploy()
    ours = engine(here, Script(lambda at: True))
    with ours, pytest.raises(NotHeld):
        with ours.probe.toy(objective={"availability": "99%"}):
            ours.kill(pods="app=web", count=1)
    record = ours.record()
    assert record.outcome is Outcome.PASSED
    assert [finding.result for finding in record.findings] == [Result.FAILED]
    assert record.window is not None
    assert [probe.name for probe in record.probes] == ["toy"]


def test_the_place_of_a_step_is_the_line_that_calls(here: World) -> None:
    here.deploy()
    with engine(here) as resilience:
        resilience.scale(workload="deployment/web", replicas=5)
    [step] = resilience.record().steps
    assert step.place.file.endswith("test_fixture.py")
    line = Path(__file__).read_text().splitlines()[step.place.line - 1]
    assert "resilience.scale(" in line
