"""Judges as `judge` does, and excuses what waiting for a CPU explains. Pure.

Only missed objectives are affected: one that would have been met with the best case of every
request is not measured. The rule is in docs/explanation/judgement.md, "A service that waited for a
CPU".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median_low

from resilience.model.cpu_waits import CpuWaits
from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Objective
from resilience.model.verdict import Finding, Reason, Result, Window
from resilience.probes.judge import Observed, judge

FINE = 1e-6
"""Seconds; timestamps have this resolution."""


def judge_fairly(observed: Observed, objective: Objective, window: Window) -> list[Finding]:
    """One finding per objective, in the order of the fields."""
    plain, waits = judge(observed, objective, window), window.waits
    if not waits or all(finding.result is not Result.FAILED for finding in plain):
        return plain
    samples = at_best(observed.samples, waits, window.since)
    best = judge(replace(observed, samples=samples), objective, window)
    waited = waits.allowance(window.since, window.until)
    return [_excused(*pair, waited) for pair in zip(plain, best, strict=True)]


def at_best(samples: Sequence[Sample], waits: CpuWaits, since: float) -> list[Sample]:
    """Each request as it may have ended if no Pod had waited. What was planned before `since` stays
    as it is: a faster baseline would not favour the service."""
    usual = _usual(samples)
    return [
        sample if sample.intended < since else _best(sample, waits, usual) for sample in samples
    ]


def _usual(samples: Sequence[Sample]) -> float | None:
    """How long a good answer takes from its sending; None if there was none. Its own waiting is
    included: how much of it was waiting is not known."""
    took = [
        sample.ended - sample.sent
        for sample in samples
        if sample.sent is not None and sample.answer is Answer.GOOD
    ]
    return median_low(took) if took else None


def _best(sample: Sample, waits: CpuWaits, usual: float | None) -> Sample:
    if sample.sent is None or sample.answer not in (Answer.GOOD, Answer.TIMEOUT):
        return sample
    took = sample.ended - sample.sent
    allowance = min(took, waits.allowance(sample.sent, sample.ended))
    if sample.answer is Answer.TIMEOUT and not _explained(took, allowance, usual):
        return sample
    return replace(sample, ended=sample.ended - allowance, answer=Answer.GOOD)


def _explained(took: float, allowance: float, usual: float | None) -> bool:
    """Whether a request like the others can have taken that long only by waiting."""
    return usual is not None and usual + allowance + FINE >= took


def _excused(plain: Finding, best: Finding, waited: float) -> Finding:
    """The plain finding, unless it failed and the best case does not."""
    if plain.result is not Result.FAILED or best.result is Result.FAILED:
        return plain
    assert plain.evidence is not None
    return replace(
        plain,
        result=Result.NOT_MEASURED,
        reason=Reason.WAITED,
        value=None,
        low=_lowest(plain.low, best.low),
        high=_highest(plain.high, best.high),
        outages=best.outages,
        evidence=replace(plain.evidence, waited=waited),
    )


def _lowest(first: float | None, second: float | None) -> float | None:
    known = [value for value in (first, second) if value is not None]
    return min(known, default=None)


def _highest(first: float | None, second: float | None) -> float | None:
    """None stands for no bound."""
    return None if first is None or second is None else max(first, second)
