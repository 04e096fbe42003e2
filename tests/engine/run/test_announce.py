"""Who looks into a namespace learns that a run acts there, and that it has ended."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.pods.kill import VERB as KILL
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import EVENTS, Object
from resilience.engine.run.announce import MOST
from resilience.kube.selectors import Selector
from resilience.model.masks import MASKS
from resilience.model.scenario import Step
from resilience.model.values import Duration
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.fakes import FakeCluster
from tests.engine.helpers import World, step, world


@pytest.fixture(name="here")
def fixture_here() -> World:
    made = world()
    made.deploy()
    return made


def kill() -> Step:
    return step(KILL, Phase.WHEN, pods=Selector.parse("app=web"), count=1)


def events(here: World) -> list[Object]:
    return here.cluster.find(EVENTS, "shop")


def test_a_run_is_announced_before_it_acts_and_its_end_after_the_undo(here: World) -> None:
    seen: list[int] = []
    here.on_entry = lambda entry: seen.append(len(events(here))) if "victim" in str(
        entry.what.value) else None  # fmt: skip
    assert here.run(when=[kill()]).outcome is Outcome.PASSED
    assert seen[0] == 1, "it was announced before anyone was harmed"
    first, last = events(here)
    assert (first["reason"], last["reason"]) == ("ResilienceRun", "ResilienceRunEnded")
    assert first["message"] == "run r1: case begins to act"
    assert last["message"] == "run r1: ended, everything is undone"
    assert first["involvedObject"]["namespace"] == "shop"


@pytest.mark.parametrize("before", ["", "x" * (MOST - len("run r1: ") - 5)])
def test_an_event_holds_no_value_of_the_environment(here: World, before: str) -> None:
    """It is in the cluster for all to read; a cut leaves no part of the value either."""
    MASKS.clear()
    MASKS.take("TOKEN", "s3cr3t-4711")
    try:
        here.run(when=[kill()], title=f"{before}pay with s3cr3t-4711")
    finally:
        MASKS.clear()
    message = events(here)[0]["message"]
    assert "s3cr" not in message
    assert len(message) <= MOST + 2
    assert before or message == "run r1: pay with *** begins to act"


def test_a_run_that_never_acts_announces_nothing(here: World) -> None:
    here.run(when=[step(SLEEP, Phase.WHEN, duration=Duration.of(1))])
    assert events(here) == []


def test_a_sandbox_that_ends_with_this_process_gets_none(here: World) -> None:
    here.run(when=[kill()], ephemeral=True)
    assert events(here) == []


def test_a_run_does_without_where_it_may_not_create_events(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = FakeCluster.create

    def refuse(self: FakeCluster, resource: Any, body: Any, *rest: Any, **more: Any) -> Any:
        if resource == EVENTS:
            raise Forbidden(403, "events is forbidden")
        return create(self, resource, body, *rest, **more)

    monkeypatch.setattr(FakeCluster, "create", refuse)
    record = here.run(when=[kill()])
    assert record.outcome is Outcome.PASSED
    assert any("no Event was written to shop" in entry.text for entry in record.timeline)
