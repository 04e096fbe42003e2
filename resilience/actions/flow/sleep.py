"""`sleep`: lets time pass. To wait for a condition, use a check under `when` instead."""

from __future__ import annotations

from dataclasses import dataclass

from resilience.model.values import Duration
from resilience.model.verb import Family, Phase, Verb, parameter
from resilience.verbs.context import FlowContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """Parameters of `sleep`."""

    duration: Duration = parameter("How long.", example="10s")


def run(sleep: Sleep, context: FlowContext) -> None:
    """Block for this time; an abort ends the wait."""
    context.clock.wait(sleep.duration.seconds)


VERB = Verb(
    name="sleep",
    family=Family.FLOW,
    summary="Wait for a fixed time.",
    parameters=Sleep,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=lambda sleep: f"sleep {sleep.duration}",
    shorthand="duration",
    bounds=lambda sleep: (sleep.duration, sleep.duration),
    example="sleep: 10s",
)
