"""Samples grouped into equal spans of time, few enough to draw and store. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from resilience.model.samples import Answer, Sample
from resilience.report.shape import SeriesJson

MOST_SPANS = 240
LEAST_SAMPLES = 5
"""Average number of samples in a span; with fewer, noise would show."""

_WIDTHS = (
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    1800.0,
    3600.0,
)


def width(seconds: float, rate: float) -> float:
    """A round width for spans."""
    least = max(seconds / MOST_SPANS, LEAST_SAMPLES / rate)
    return next((each for each in _WIDTHS if each >= least), least)


def series(samples: Sequence[Sample], rate: float, zero: float) -> SeriesJson:
    """Group samples by intended time; `zero` is the time shown as 0."""
    if not samples:
        return SeriesJson(since=0.0, width=1.0, planned=[], good=[], median=[], worst=[])
    first = samples[0].intended
    step = width(samples[-1].intended - first, rate)
    spans: list[list[Sample]] = []
    for sample in samples:
        at = int((sample.intended - first) / step + 1e-9)
        while len(spans) <= at:
            spans.append([])
        spans[at].append(sample)
    slow = [[s.latency for s in span if s.answer in (Answer.GOOD, Answer.TIMEOUT)]
            for span in spans]  # fmt: skip
    return SeriesJson(
        since=round(first - zero, 6),
        width=step,
        planned=[len(span) for span in spans],
        good=[sum(sample.answer is Answer.GOOD for sample in span) for span in spans],
        median=[round(median(each), 6) if each else None for each in slow],
        worst=[round(max(each), 6) if each else None for each in slow],
    )
