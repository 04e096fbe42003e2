"""Which agents saw the service throughout a window, and what the others missed. Pure.

An agent is blind where it measured only a part of the window, or where it was cut off: a silence of
ten requests in a row or more, while most of what other agents measured at that time was answered.
Agents that measured nothing then, because their nodes were lost or their requests late, are no
witnesses. The rules and their proofs are in docs/explanation/judgement.md, "Several agents".
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, groupby

from resilience.model.samples import Answer, Sample
from resilience.model.verdict import Window
from resilience.probes import measures, moments
from resilience.probes.fleet.merging import AgentSamples
from resilience.probes.moments import Moment, State

SILENCE = frozenset({Answer.TIMEOUT, Answer.UNREACHABLE, Answer.NAME})
"""What a network that is cut looks like: nothing came back."""

IN_A_ROW = measures.STEADY_RUN

WITNESS = Fraction(9, 10)
"""The share of good answers from which on an agent was certainly connected."""

EVIDENCE = WITNESS * IN_A_ROW
"""The fewest good answers of others that contradict a silence."""

Span = tuple[float, float, int]
"""[since, until) in monotonic seconds, and the number of requests that got no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """What one agent did not see. `missing` is in seconds, `cut` are the spans in which it was cut
    off."""

    agent: AgentSamples
    missing: float = 0.0
    cut: Sequence[Span] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The agents that judge a window of that `length` in seconds, and the others. `seen`: the
    agents that judge saw the whole window."""

    judging: Sequence[AgentSamples]
    blind: Sequence[Blind]
    seen: bool
    length: float


class _Known:
    """What one Pod of an agent knows about a window."""

    def __init__(self, agent: AgentSamples, window: Window) -> None:
        self.agent = agent
        self.seen = moments.seen(agent.samples, agent.interval, window)
        self._times = [each.sample.intended for each in self.seen.moments]
        states = [each.state for each in self.seen.moments]
        self._known = [0, *accumulate(state.known for state in states)]
        self._good = [0, *accumulate(state is State.GOOD for state in states)]

    def during(self, since: float, until: float) -> tuple[int, int]:
        """How many moments it knew then, and how many of them were good."""
        first, last = bisect_left(self._times, since), bisect_left(self._times, until)
        return self._known[last] - self._known[first], self._good[last] - self._good[first]


def sight(agents: Sequence[AgentSamples], window: Window, *, kept: bool = False) -> Sight:
    """`kept`: connections are kept, so that a connection to a dead Pod looks like a cut, and no cut
    is reported. If every agent was blind for a time, all are judged by what they saw."""
    known = [_Known(each, window) for each in agents]
    found = [_blindness(each, known, kept=kept) for each in known]
    blind = [each for each in found if each.missing or each.cut]
    seeing = [each.agent for each in found if not (each.missing or each.cut)]
    there = [each for each in found if measures.within(each.agent.samples, window)]
    judging = seeing or [_without(each) for each in there]
    return Sight(judging=judging, blind=blind, seen=bool(seeing), length=window.length)


def _blindness(own: _Known, everyone: Sequence[_Known], *, kept: bool) -> Blind:
    others = [each for each in everyone if each.agent.index != own.agent.index]
    missing = own.seen.missing * own.agent.interval
    silences = () if kept else _silences(own.seen.moments, own.agent.interval)
    cut = tuple(each for each in silences if _contradicted(each, others))
    return Blind(agent=own.agent, missing=missing, cut=cut)


def _silences(found: Sequence[Moment], interval: float) -> Iterator[Span]:
    """An unknown moment ends no silence, but is not counted."""
    known = [each for each in found if each.state.known]
    for silent, run in groupby(known, key=lambda each: each.answer in SILENCE):
        span = list(run)
        if silent and len(span) >= IN_A_ROW:
            yield span[0].sample.intended, span[-1].sample.intended + interval, len(span)


def _contradicted(silence: Span, others: Sequence[_Known]) -> bool:
    """Whether connected witnesses knew most of what was known meanwhile. The Pods of one agent are
    one witness."""
    since, until, _ = silence
    known: Counter[int] = Counter()
    good: Counter[int] = Counter()
    for each in others:
        knew, well = each.during(since, until)
        known[each.agent.index] += knew
        good[each.agent.index] += well
    connected = [index for index, count in known.items() if good[index] >= WITNESS * count]
    enough = sum(good[index] for index in connected) >= EVIDENCE
    return enough and sum(known[index] for index in connected) * 2 > known.total()


def _without(blind: Blind) -> AgentSamples:
    """The agent, without its requests that got no answer because it was cut off."""
    samples = [
        replace(each, sent=None, answer=Answer.UNSENT)
        if each.answer in SILENCE and _inside(each, blind)
        else each
        for each in blind.agent.samples
    ]
    return replace(blind.agent, samples=samples)


def _inside(sample: Sample, blind: Blind) -> bool:
    """Whether it is evidence for a moment of a cut: one that was late, for the moment nearest to
    its sending."""
    interval, at = blind.agent.interval, sample.intended
    if sample.sent is not None and sample.lag > moments.reach(interval):
        at = sample.sent + interval / 2
    return any(since <= at < until for since, until, _ in blind.cut)
