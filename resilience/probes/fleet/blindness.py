"""Which agents saw the service throughout a window, and what the others missed. Pure.

An agent is blind where it measured only a part of the window, or where it was cut off: ten requests
in a row got no answer of any kind, while more than half of the other agents were answered well, at
least nine times in ten. A service that fails one request in ten, for everyone alike, is silent ten
times in a row once in 10^10: such silence concerns the agent's node. A refusal, a reset or a wrong
answer shows that the agent was connected, so it never counts as cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby

from resilience.model.samples import Answer, Sample
from resilience.model.verdict import Window
from resilience.probes import measures, moments
from resilience.probes.fleet.merging import AgentSamples

SILENCE = frozenset({Answer.TIMEOUT, Answer.UNREACHABLE, Answer.NAME})
"""What a network that is cut looks like: nothing came back."""

IN_A_ROW = measures.STEADY_RUN

WITNESS = Fraction(9, 10)
"""The share of good answers from which on an agent was certainly connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """What one agent did not see. `missing` is in seconds, `cut` are the spans in which it was cut
    off: (since, until, requests)."""

    agent: AgentSamples
    missing: float = 0.0
    cut: Sequence[tuple[float, float, int]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The agents that judge a window of that `length` in seconds, and the others. `seen`: the
    agents that judge saw the whole window."""

    judging: Sequence[AgentSamples]
    blind: Sequence[Blind]
    seen: bool
    length: float


def sight(agents: Sequence[AgentSamples], window: Window, *, kept: bool = False) -> Sight:
    """`kept`: connections are kept, so that a connection to a dead Pod looks like a cut, and no cut
    is reported. If every agent was blind for a time, all are judged by what they saw."""
    found = [_blindness(agent, agents, window, kept=kept) for agent in agents]
    blind = [each for each in found if each.missing or each.cut]
    seeing = [each.agent for each in found if not (each.missing or each.cut)]
    there = [each for each in found if measures.within(each.agent.samples, window)]
    judging = seeing or [_without(each) for each in there]
    return Sight(judging=judging, blind=blind, seen=bool(seeing), length=window.length)


def _blindness(
    agent: AgentSamples, agents: Sequence[AgentSamples], window: Window, *, kept: bool
) -> Blind:
    others = [each for each in agents if each.index != agent.index]
    missing = moments.seen(agent.samples, agent.interval, window).missing * agent.interval
    inside = measures.within(agent.samples, window)
    cut = () if kept else tuple(_cuts(inside, agent.interval, others))
    return Blind(agent=agent, missing=missing, cut=cut)


def _cuts(
    samples: Sequence[Sample], interval: float, others: Sequence[AgentSamples]
) -> Iterator[tuple[float, float, int]]:
    for silent, run in groupby(samples, key=lambda sample: sample.answer in SILENCE):
        span = list(run)
        since, until = span[0].intended, span[-1].intended + interval
        if silent and len(span) >= IN_A_ROW and _witnessed(since, until, others):
            yield since, until, len(span)


def _witnessed(since: float, until: float, others: Sequence[AgentSamples]) -> bool:
    """Whether more than half of the others were answered well. An agent may have had several Pods,
    one after the other."""
    window = Window(since=since, until=until)
    tallies = [measures.tally(measures.within(each.samples, window)) for each in others]
    good = {each.index for each, tally in zip(others, tallies, strict=True)
            if tally.availability >= WITNESS}  # fmt: skip
    return len(good) * 2 > len({each.index for each in others})


def _without(blind: Blind) -> AgentSamples:
    """The agent, without its samples from the spans in which it was cut off."""
    samples = [
        replace(each, sent=None, answer=Answer.UNSENT)
        if any(since <= each.intended < until for since, until, _ in blind.cut)
        else each
        for each in blind.agent.samples
    ]
    return replace(blind.agent, samples=samples)
