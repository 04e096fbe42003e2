"""Samples of several agents as one prober's: none is lost, changed, or moved by an interval."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from resilience.model.samples import Answer, Sample
from resilience.model.verdict import Window
from resilience.probes import measures
from resilience.probes.fleet.merging import AgentSamples, Merged, merged

INTERVAL = 0.3
ANSWERS = (Answer.GOOD, Answer.GOOD, Answer.TIMEOUT, Answer.REFUSED)


def seen(index: int, start: float, answers: list[Answer], took: float = 0.01) -> AgentSamples:
    """An agent that asked so often, from a moment on."""
    samples = []
    for seq, answer in enumerate(answers):
        at = start + seq * INTERVAL
        sent = None if answer is Answer.UNSENT else at + 0.001
        samples.append(Sample(seq=seq, intended=at, sent=sent, ended=at + took, answer=answer,
                              by=f"{index}/{seq}"))  # fmt: skip
    return AgentSamples(index=index, interval=INTERVAL, samples=samples)


@some.composite
def fleets(draw: some.DrawFn) -> list[AgentSamples]:
    count = draw(some.integers(1, 5))
    return [
        seen(index, draw(some.floats(1000, 1005, allow_nan=False)),
             Random(draw(some.integers(0, 999))).choices(ANSWERS, k=draw(some.integers(20, 40))))
        for index in range(count)
    ]  # fmt: skip


def of(whole: Merged) -> list[Sample]:
    return list(whole.samples)


@given(fleets())
def test_every_sample_is_there_once_with_its_own_answer_latency_and_lag(
    agents: list[AgentSamples],
) -> None:
    told = {each.by: each for agent in agents for each in agent.samples}
    found = merged(agents, trimmed=False)
    assert Counter(each.by for each in found.samples) == Counter(told.keys())
    for each in found.samples:
        before = told[each.by]
        assert each.answer is before.answer
        assert each.latency == pytest.approx(before.latency, abs=1e-9)
        assert each.lag == pytest.approx(before.lag, abs=1e-9)


@given(fleets())
def test_all_move_by_less_than_one_interval_of_an_agent(agents: list[AgentSamples]) -> None:
    told = {each.by: each for agent in agents for each in agent.samples}
    found = merged(agents, trimmed=False)
    worst = max(abs(each.intended - told[each.by].intended) for each in found.samples)
    assert worst == pytest.approx(found.moved, abs=1e-9)
    assert worst <= INTERVAL


@given(fleets())
def test_the_span_that_all_agents_cover_has_a_sample_in_every_slot(
    agents: list[AgentSamples],
) -> None:
    found = of(merged(agents))
    assert [each.seq for each in found] == list(range(len(found)))
    step = INTERVAL / len(agents)
    assert all(b.intended - a.intended == pytest.approx(step, abs=1e-6) for a, b in pairwise(found))
    first = max(agent.start for agent in agents)
    last = min(agent.samples[-1].intended for agent in agents)
    if last - first > 2 * INTERVAL:
        assert found[0].intended <= first + INTERVAL
        assert found[-1].intended >= last - INTERVAL


@given(fleets(), some.integers(1, 99))
def test_a_percentile_of_the_merged_is_that_of_all_samples(
    agents: list[AgentSamples], rank: int
) -> None:
    slowed = [replace(agent, samples=[replace(each, ended=each.ended + agent.index * 0.1)
                                      for each in agent.samples]) for agent in agents]  # fmt: skip
    found = measures.latencies(of(merged(slowed, trimmed=False)))
    own = sorted(measures.latencies([each for agent in slowed for each in agent.samples]))
    at = measures.rank(len(own), rank) - 1
    assert found[at] == pytest.approx(own[at], abs=1e-9)


@given(fleets())
def test_the_order_in_which_agents_are_named_does_not_matter(agents: list[AgentSamples]) -> None:
    other = sorted(agents, key=lambda agent: -agent.index)
    assert merged(agents) == merged(other)


def test_agents_that_take_turns_do_not_move_at_all() -> None:
    agents = [seen(index, 1000 + index * 0.1, [Answer.GOOD] * 10) for index in range(3)]
    found = merged(agents)
    assert found.moved == pytest.approx(0, abs=1e-9)
    assert found.interval == pytest.approx(0.1)
    assert [each.by for each in found.samples[:4]] == ["0/0", "1/0", "2/0", "0/1"]


def test_an_outage_for_all_agents_has_its_length() -> None:
    answers = [Answer.GOOD] * 30 + [Answer.REFUSED] * 10 + [Answer.GOOD] * 30
    agents = [seen(index, 1000 + index * 0.1, answers) for index in range(3)]
    found = merged(agents)
    inside = measures.within(found.samples, Window(since=1000, until=1030))
    [outage] = measures.outages(inside, found.interval, Fraction(1, 2))
    assert outage.length == pytest.approx(10 * INTERVAL, abs=2 * INTERVAL)
