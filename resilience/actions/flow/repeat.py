"""`repeat`: the same steps several times, a fixed number of times or for a fixed duration.

`every` is the time from start to start; after a round that takes longer, the next one starts at
once. `jitter` is the maximum random (seeded) delay of each start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.actions.flow import inner_steps
from resilience.model.scenario import Step
from resilience.model.values import Duration, Share
from resilience.model.verb import Complaint, Family, Phase, Verb, parameter
from resilience.verbs.context import FlowContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Parameters of `repeat`."""

    steps: tuple[Step, ...] = parameter("Steps of one round, one after another.", at_least=1)
    times: int | None = parameter(
        "The number of rounds.", default=None, example="5", at_least=1, one_of="how long"
    )
    for_: Duration | None = parameter(
        "Start no round after this time.", default=None, key="for", example="5m", one_of="how long"
    )
    every: Duration | None = parameter(
        "Time from the start of a round to the start of the next.", default=None, example="30s"
    )
    jitter: Share | Duration | None = parameter(
        "Random delay of each start (seeded), at most this much; a share is relative to `every`.",
        default=None,
        example="20%",
    )

    @property
    def latest(self) -> Duration:
        """The maximum delay of a start."""
        if isinstance(self.jitter, Share):
            return Duration(self.jitter.exact * (self.every or Duration.of(0)).exact)
        return self.jitter or Duration.of(0)


def _check(repeat: Repeat) -> Sequence[Complaint]:
    if repeat.times is None and repeat.for_ is None:
        return (
            Complaint(
                field="",
                message="neither `times` nor `for` is given",
                expected="times: N or for: DURATION",
            ),
        )
    if isinstance(repeat.jitter, Share) and repeat.every is None:
        expected = "every: `every: DURATION` as well, or a jitter such as 5s"
        message = f"{repeat.jitter} of `every`, which is missing"
        return (Complaint(field="jitter", message=message, expected=expected),)
    return ()


def run(repeat: Repeat, context: FlowContext) -> None:
    """Run one round after another; the first failing step ends the verb."""
    began, number = context.clock.monotonic(), 0
    every = repeat.every.seconds if repeat.every else 0.0
    while repeat.times is None or number < repeat.times:
        due = began + number * every + _jitter(repeat, context)
        context.clock.until(lambda: False, due)
        if repeat.for_ is not None and context.clock.monotonic() - began >= repeat.for_.seconds:
            return
        for step in repeat.steps:
            context.perform(inner_steps.round_of(step, number))
        number += 1


def _jitter(repeat: Repeat, context: FlowContext) -> float:
    return context.random.uniform(0, repeat.latest.seconds)


def _bounds(repeat: Repeat) -> tuple[Duration, Duration]:
    one = inner_steps.in_turn(repeat.steps)
    extra = repeat.latest.exact
    if repeat.for_ is not None:
        return Duration.of(0), Duration(repeat.for_.exact + one[1].exact + extra)
    times = repeat.times or 1
    gaps = (repeat.every or Duration.of(0)).exact * (times - 1)
    least, most = inner_steps.in_turn(repeat.steps, times)
    return max(least, Duration(gaps)), Duration(most.exact + gaps + extra * times)


def _describe(repeat: Repeat) -> str:
    often = f"{repeat.times} times" if repeat.times else f"for {repeat.for_}"
    every = f" every {repeat.every}" if repeat.every else ""
    return f"{', '.join(step.title for step in repeat.steps)}, {often}{every}"


def rehearse(repeat: Repeat, context: FlowContext) -> None:
    """One round: later rounds choose again among the Pods that exist then."""
    for step in repeat.steps:
        context.perform(inner_steps.round_of(step, 0))


VERB = Verb(
    name="repeat",
    family=Family.FLOW,
    summary="Run steps several times.",
    parameters=Repeat,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    check=_check,
    bounds=_bounds,
    example="repeat: {steps: [{kill: {pods: app=web}}], times: 3, every: 30s}",
)
