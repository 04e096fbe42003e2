"""Objectives that no run could meet or miss, found before anything is touched.

An objective needs a number of samples (model.values.Availability.samples_needed; ten beyond a
percentile), and its window is at most as long as the deadlines of the steps in it. Only certain
problems are reported here: a window that *may* be too short is reported after the run, as "not
measured".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from yaml.nodes import Node

from resilience.language.shape.reading import Reading, child
from resilience.language.text.near import listed, nearest, quoted
from resilience.model.scenario import DEFAULT_RATE, Objective, Step
from resilience.model.values import Duration, Rate

BEYOND_PERCENTILE = 10
"""Samples that must lie above a percentile before it can be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Impossible:
    promise: str
    needs: int


def check(
    probe: Step, node: Node, when: Sequence[Step], settle: Duration, reading: Reading
) -> None:
    """Record objectives of a probe that cannot be judged."""
    if probe.objective is None:
        return
    span = _span(probe, node, when, reading)
    if span is None:
        return
    rate = probe.rate or DEFAULT_RATE
    longest = _longest(span, settle)
    most = math.floor(longest.exact * rate.per_second)
    for promise in _promises(probe.objective):
        if promise.needs > most:
            reading.wrong(
                node,
                f"{promise.promise} needs {promise.needs:,} samples, and at {rate} no more than "
                f"{most:,} fit into the {longest} that `when` and `settle` may take at most",
                _remedy(promise.needs, longest),
            )
    _resolution(probe.objective, rate, node, reading)


def _span(probe: Step, node: Node, when: Sequence[Step], reading: Reading) -> Sequence[Step] | None:
    """The steps in which the objective is judged."""
    if probe.during is None:
        return when
    found = [step for step in when if step.name == probe.during]
    if len(found) == 1:
        return found
    names = sorted({step.name for step in when if step.name})
    message = f"{len(found) or 'no'} steps" if found else "no step"
    reading.wrong(
        child(node, "during") or node,
        f"{message} under `when:` has the name {quoted(probe.during)}",
        listed(quoted(name) for name in names) or "the `name:` of a step there",
        nearest(probe.during, names),
    )
    return None


def _longest(span: Sequence[Step], settle: Duration) -> Duration:
    """No step lasts longer than its deadline, or than its own duration."""
    total = settle.exact
    for step in span:
        bounds = step.verb.bounds(step.parameters)
        total += min(step.within, bounds[1]).exact if bounds else step.within.exact
    return Duration(total)


def _promises(objective: Objective) -> Iterator[_Impossible]:
    if objective.availability is not None:
        yield _Impossible(
            promise=f"availability of {objective.availability}",
            needs=objective.availability.samples_needed,
        )
    for percentile in objective.latency:
        part = Fraction(str(percentile)) / 100
        yield _Impossible(
            promise=f"p{percentile:g}", needs=math.ceil(BEYOND_PERCENTILE / (1 - part))
        )


def _remedy(needs: int, longest: Duration) -> str:
    rate = math.ceil(needs / longest.exact) if longest.exact else needs
    return f"a rate of at least {rate}/s, a longer `when`, or a lower objective"


def _resolution(objective: Objective, rate: Rate, node: Node, reading: Reading) -> None:
    """An outage shorter than the gap between two requests is invisible."""
    outage = objective.longest_outage
    if outage is None or not outage.exact or outage.exact * rate.per_second >= 1:
        return
    needed = math.ceil(1 / outage.exact)
    reading.wrong(
        node,
        f"at {rate} an outage of {outage} falls between two requests",
        f"a rate of at least {needed}/s",
    )
