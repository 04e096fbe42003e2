"""The row of each step: it passes only where users reached it and what it lost was allowed."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.model.samples import Answer
from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration
from resilience.model.verdict import Finding, Reason, Result, Window
from resilience.probes.kinds.web.journey import VERB, Journey, Stop
from resilience.probes.kinds.web.journey_probe import JourneyProbe
from resilience.probes.prober.news import Part
from resilience.probes.prober.running import AgentProbe
from tests.probes.probing import step

P, F, N = Result.PASSED, Result.FAILED, Result.NOT_MEASURED
PROMISED = Objective(availability=Availability.parse("90%"))
SLOW = Objective(latency={95: Duration.of(1)})


class Travelled:
    """Journeys that have been made: so many asked for the page, so many of them lost."""

    def __init__(self, users: int, lost: int) -> None:
        answers = [Answer.STATUS] * lost + [Answer.GOOD] * (users - lost)
        self.parts = [Part(float(at), "look", answer, 0.1) for at, answer in enumerate(answers)]


def row(
    monkeypatch: pytest.MonkeyPatch, users: int, lost: int, own: list[Result], promised: Objective
) -> Finding:
    """The row of a step, where the journey's own findings are these."""
    probe = JourneyProbe.__new__(JourneyProbe)
    parameters = Journey(url="http://x", steps=(Stop(name="look", path="/"),))
    made: Any = probe
    made._step = step(parameters, verb=VERB, objective=promised)
    made._agent, made._stops = Travelled(users, lost), ["look"]
    findings = [Finding(name="own", subject="own", result=each) for each in own]
    monkeypatch.setattr(AgentProbe, "judge", lambda *_: findings)
    return probe.judge(Window(since=0.0, until=1e6))[-1]


@pytest.mark.parametrize(
    ("users", "lost", "own", "promised", "result"),
    [
        (0, 0, [P], PROMISED, N),
        (0, 0, [F], PROMISED, N),
        (0, 0, [], Objective(), N),
        (30, 30, [N], PROMISED, N),
        (30, 30, [P], SLOW, N),
        (30, 30, [], Objective(), N),
        (30, 30, [F], PROMISED, F),
        (30, 4, [N], PROMISED, N),
        (30, 4, [P, N], PROMISED, N),
        (30, 4, [F], PROMISED, F),
        (30, 4, [P], PROMISED, P),
        (30, 4, [P], SLOW, P),
        (10, 1, [F], PROMISED, P),
        (30, 3, [N], PROMISED, P),
        (30, 0, [F], PROMISED, P),
        (30, 0, [], Objective(), P),
    ],
)
def test_a_step_passes_only_by_what_was_measured(
    users: int, lost: int, own: list[Result], promised: Objective, result: Result,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    found = row(monkeypatch, users, lost, own, promised)
    assert found.result is result
    assert found.reason is (Reason.UNOBSERVED if result is N else None)
    assert found.measured.startswith(
        f"`look`: {lost} of {users} failed" if users else "`look`: no journey reached it"
    )
