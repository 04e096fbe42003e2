"""What the group tells its probes: when the last action had ended, and when to conclude."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.pods.kill import VERB as KILL
from resilience.checks.ready import VERB as READY
from resilience.kube.selectors import Selector
from resilience.model.cpu_waits import CpuWaits, Waited
from resilience.model.scenario import Step
from resilience.model.timeline import Entry
from resilience.model.values import Duration, Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.context import Concluding
from tests.engine.helpers import World, step
from tests.engine.toyprobe import Script, ToyProbe

KILLED = step(KILL, Phase.WHEN, pods=Selector.parse("app=web"), count=1)
READY_AGAIN = step(READY, Phase.WHEN, 1, target=Reference.parse("deployment/web"))


class Concluded(ToyProbe):
    """Notes when it is asked to conclude."""

    events: list[str] = []  # noqa: RUF012 - cleared by each test

    def stop(self) -> None:
        super().stop()
        self.events.append("stop")

    def conclude(self) -> None:
        self.events.append("conclude")


class Reading(Script):
    def _run(self, step: Step, context: Any) -> ToyProbe:
        return Concluded(step, context, self)


def test_a_window_says_when_the_last_action_had_ended_not_the_checks_after_it(
    here: World,
) -> None:
    script = Script()
    record = here.run(probes=[step(script.verb, Phase.WHILE)], when=[KILLED, READY_AGAIN])
    actions = [each for each in record.steps if each.verb == "kill"]
    [window] = script.windows
    assert window.over == actions[0].ended
    assert window.over is not None
    assert record.window is not None
    assert window.over < record.window.until


def test_a_window_says_how_long_the_pods_waited_for_a_cpu(here: World) -> None:
    waits = CpuWaits((Waited(since=0.0, until=9.0, waited=1.0, others=1.0),))
    script = Script()
    probes = [step(script.verb, Phase.WHILE)]
    here.run(probes=probes, when=[KILLED], cpu_waits=lambda: waits)
    assert [window.waits for window in script.windows] == [waits]


def test_a_probe_concludes_after_it_has_stopped_and_before_then(here: World) -> None:
    Concluded.events = []
    script = Reading()

    def then(entry: Entry) -> None:
        if entry.facts.get("phase") == "then" and entry.facts.get("state") == "started":
            Concluded.events.append("then")

    here.on_entry = then
    ready = step(READY, Phase.THEN, target=Reference.parse("deployment/web"))
    here.run(probes=[step(script.verb, Phase.WHILE)], when=[KILLED], then=[ready])
    assert Concluded.events == ["stop", "conclude", "then"]
    assert isinstance(script.probes[0], Concluding)
    assert not isinstance(ToyProbe, Concluding)


def test_an_aborted_run_concludes_nothing(here: World) -> None:
    Concluded.events = []
    script = Reading()

    def abort(entry: Entry) -> None:
        if entry.facts.get("verb") == "sleep" and entry.facts.get("state") == "started":
            here.aborter.abort("SIGTERM")

    here.on_entry = abort
    sleep = step(SLEEP, Phase.WHEN, 1, duration=Duration.of(10))
    here.run(probes=[step(script.verb, Phase.WHILE)], when=[KILLED, sleep])
    assert Concluded.events == ["stop"]


def test_a_probe_has_to_be_steady_within_its_own_time(here: World) -> None:
    """Whatever the default is, which other probes keep."""
    for within, expected in ((4.0, 4.0), (90.0, 90.0), (None, 30.0)):
        script, other = Script(), Script()
        script.unsteady = True
        here.entries.clear()
        record = here.run(
            probes=[step(other.verb, Phase.WHILE), step(script.verb, Phase.WHILE, within=within)],
            when=[KILLED],
        )
        started = [each.monotonic for each in here.entries if each.text == "toy started"]
        stopped = [each.monotonic for each in here.entries if each.text == "toy stopped"]
        assert record.outcome is Outcome.NOT_MEASURED
        assert stopped[0] - started[0] == pytest.approx(expected, abs=0.5)
