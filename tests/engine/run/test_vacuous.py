"""A pass in which nothing was broken, or nothing that the probe could have seen, is none."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import pytest

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.pods.kill import VERB as KILL
from resilience.checks.ready import VERB as READY
from resilience.cluster.interface import CONFIGMAPS, SERVICES
from resilience.kube.selectors import Selector
from resilience.model.report import RunRecord
from resilience.model.scenario import Step
from resilience.model.values import Duration, Rate, Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import World, step, world
from tests.engine.toyprobe import Script

APP = Selector.parse("app=web")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfService:
    """Parameters of a probe of a Service."""

    service: str = ""
    namespace: str = ""
    depends_on: Selector | None = None


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    made.deploy("db", 1)
    for name in ("web", "db"):
        body = {
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"selector": {"app": name}},
        }
        made.cluster.put(SERVICES, body)
    return made


def probe(service: str = "", during: str = "", **more: Any) -> Step:
    verb = dataclasses.replace(Script().verb, measures=True)
    return dataclasses.replace(
        step(verb, Phase.WHILE),
        parameters=OfService(service=service, **more),
        during=(during,) if during else (),
        rate=Rate.parse("10/s"),
    )


def kill(app: str = "web", index: int = 0, **more: Any) -> Step:
    return step(KILL, Phase.WHEN, index, pods=Selector.parse(f"app={app}"), count=1, **more)


def run(here: World, *when: Step, probes: tuple[Step, ...] = ()) -> RunRecord:
    then = step(READY, Phase.THEN, target=Reference.parse("deployment/web"), within=30.0)
    return here.run(when=when, probes=probes, then=[then])


def test_an_action_that_may_fail_and_is_the_only_one_proves_nothing(here: World) -> None:
    record = run(here, kill("none", optional=True))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no action took effect, so nothing was broken" in record.message
    assert "matches app=none" in record.message


def test_beside_one_that_took_effect_it_may_fail(here: World) -> None:
    record = run(here, kill("none", optional=True), kill(index=1))
    assert record.outcome is Outcome.PASSED, record.message


def test_a_probe_of_a_service_whose_pods_were_never_touched_is_not_measured(here: World) -> None:
    record = run(here, kill("db"), probes=(probe("web"),))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no Pod behind the Service shop/web (app=web) was harmed or changed" in record.message
    assert "shop/db-" in record.message
    assert "depends_on: LABELS" in record.message


@pytest.mark.parametrize(
    "probed",
    [
        probe("web"),
        probe("db", depends_on=APP),
        probe("none"),
        probe(""),
    ],
    ids=["its own Pods", "Pods it depends on", "an unknown Service", "no Service"],
)
def test_a_probe_that_may_have_seen_harm_is_judged(here: World, probed: Step) -> None:
    record = run(here, kill(), probes=(probed,))
    assert record.outcome is Outcome.PASSED, record.message


def test_a_span_that_was_over_before_the_first_fault_is_not_measured(here: World) -> None:
    calm = step(SLEEP, Phase.WHEN, 0, name="calm", duration=Duration.of(1.0))
    record = run(here, calm, kill(index=1), probes=(probe("web", during="calm"),))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "`during: calm` ended before the first fault" in record.message
    record = run(here, kill(), probes=(probe("web", during=kill().title),))
    assert record.outcome is Outcome.PASSED, record.message


def test_an_apply_that_changes_nothing_breaks_nothing(here: World, tmp_path: Any) -> None:
    here.cluster.put(
        CONFIGMAPS, {"metadata": {"name": "a", "namespace": "shop"}, "data": {"colour": "red"}}
    )
    file = tmp_path / "a.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: red}\n")
    record = run(here, step(APPLY, Phase.WHEN, file=file))
    assert record.outcome is not Outcome.PASSED
    assert "changed nothing" in record.message
    given = step(APPLY, Phase.GIVEN, file=file)
    record = here.run(given=[given], when=[kill()])
    assert record.outcome is Outcome.PASSED, record.message
