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

from resilience.language import windows
from resilience.language.shape.reading import Reading, child
from resilience.language.text.near import quoted
from resilience.model.scenario import (
    BASELINE,
    DEFAULT_BASELINE,
    DEFAULT_RATE,
    ONCE,
    Objective,
    Step,
)
from resilience.model.values import Duration, Rate

BEYOND_PERCENTILE = 10
"""Samples that must lie above a percentile before it can be judged."""

COMPARISON = 72
"""With fewer samples there is no upper bound of p95 (`resilience.probes.against_baseline`)."""

RULE_OF_THREE = 3
"""No failure among n requests proves a failure rate of at most 3/n, at 95%."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Impossible:
    promise: str
    needs: int


def check(
    probe: Step,
    node: Node,
    when: Sequence[Step],
    settle: Duration,
    reading: Reading,
    baseline: Duration | None = None,
) -> None:
    """Record objectives of a probe that cannot be judged."""
    if not windows.check(probe, node, when, reading) or probe.objective is None:
        return
    rate = probe.rate or DEFAULT_RATE
    for word in [word for word in probe.during if word not in ONCE] or [""]:
        steps, more = windows.span(word, when, baseline or DEFAULT_BASELINE) if word else (when, _0)
        after = _0 if word == BASELINE else settle
        longest = _longest(steps, Duration(more.exact + after.exact))
        _enough(probe.objective, node, rate, longest, _where(word), reading)
    if probe.objective.no_worse_than_baseline is not None:
        compares = Objective(no_worse_than_baseline=probe.objective.no_worse_than_baseline)
        steps, more = windows.span(BASELINE, when, baseline or DEFAULT_BASELINE)
        _enough(compares, node, rate, _longest(steps, more), _where(BASELINE), reading)
    _resolution(probe.objective, rate, node, reading)
    _budget(probe.objective, rate, node, reading)
    _no_recovery(probe, node, reading)


_0 = Duration.of(0)


def _where(word: str) -> str:
    return f"the window {quoted(word)}" if word else "`when` and `settle`"


def _enough(
    objective: Objective, node: Node, rate: Rate, longest: Duration, where: str, reading: Reading
) -> None:
    most = math.floor(longest.exact * rate.per_second)
    for promise in _promises(objective):
        if promise.needs > most:
            reading.wrong(
                node,
                f"{promise.promise} needs {promise.needs:,} samples, and at {rate} no more than "
                f"{most:,} fit into the {longest} that {where} may take at most",
                _remedy(promise.needs, longest),
            )


def _budget(objective: Objective, rate: Rate, node: Node, reading: Reading) -> None:
    """Failures between two requests are not seen: no failure in n proves at most 3/n."""
    budget = objective.error_budget
    if budget is None or budget.allowed * rate.per_second >= RULE_OF_THREE:
        return
    needed = math.ceil(RULE_OF_THREE / budget.allowed)
    reading.wrong(
        node,
        f"an error budget of {budget} allows {Duration.of(budget.allowed)} of failure, and "
        f"requests at {rate} can miss such a failure",
        f"a rate of at least {needed}/s, or a larger budget",
    )


def _no_recovery(probe: Step, node: Node, reading: Reading) -> None:
    """Report an objective about the fault for a probe that stops measuring before it."""
    if set(probe.during) - {*ONCE} == {BASELINE} and probe.objective is not None:
        for key in ("recovery", "error_budget", "no_worse_than_baseline"):
            if getattr(probe.objective, key) is not None:
                reading.wrong(
                    child(node, "during") or node,
                    f"`{key}` is about the fault, and `during` ends before it",
                    "`during: [baseline, fault, recovery]`",
                )


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
    if objective.no_worse_than_baseline is not None:
        yield _Impossible(promise="a comparison with the baseline", needs=COMPARISON)
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
