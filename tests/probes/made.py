"""Samples written as text: `+` good, `-` refused, `t` timed out, `u` unsent, `s` wrong status."""

from __future__ import annotations

from resilience.model.samples import Answer, Sample

_ANSWERS = {
    "+": Answer.GOOD,
    "-": Answer.REFUSED,
    "t": Answer.TIMEOUT,
    "u": Answer.UNSENT,
    "s": Answer.STATUS,
}


def at(
    intended: float, sign: str, *, took: float = 0.001, lag: float = 0.0, seq: int = 0
) -> Sample:
    """One sample; `took` counts from when it was sent."""
    answer = _ANSWERS[sign]
    status = {"+": 200, "s": 503}.get(sign, 0)
    unsent = answer is Answer.UNSENT
    return Sample(
        seq=seq,
        intended=intended,
        sent=None if unsent else intended + lag,
        ended=intended + lag + (0.0 if unsent else took),
        answer=answer,
        status=status,
        by="pod-a" if answer is Answer.GOOD else "",
    )


def made(pattern: str, interval: float = 0.01, *, took: float = 0.001) -> list[Sample]:
    """One sample per sign, `interval` apart, from 0."""
    return [at(i * interval, sign, took=took, seq=i) for i, sign in enumerate(pattern)]
