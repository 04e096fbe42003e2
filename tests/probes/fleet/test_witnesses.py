"""Cuts, as the rules of docs/explanation/judgement.md say them: against a brute force over every
span, and what must hold for every fleet, whatever agents it lost."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as some

from resilience.model.samples import Answer
from resilience.probes.fleet.blindness import IN_A_ROW, SILENCE, sight
from resilience.probes.fleet.merging import AgentSamples
from tests.probes.fleet.test_blindness import LENGTH, WINDOW, G, R, T, anything, spoilt
from tests.probes.fleet.test_merging import INTERVAL, seen


def parts(seed: int, index: int) -> list[AgentSamples]:
    """The Pods of an agent, one after the other, each for a part of the time."""
    chance = Random(seed)
    answers, found = anything(seed), list[AgentSamples]()
    at = chance.choice((0, 0, 0, chance.randrange(LENGTH)))
    while at < LENGTH and len(found) < 3:
        until = chance.choice((LENGTH, chance.randint(at + 1, LENGTH)))
        whole = seen(index, 1000.0, answers)
        found.append(replace(whole, samples=whole.samples[at:until]))
        at = until + chance.choice((0, 1, 12))
    return found


def fleet_of(seeds: list[int]) -> list[AgentSamples]:
    return [each for index, seed in enumerate(seeds) for each in parts(seed, index)]


def slots(agent: AgentSamples) -> dict[int, Answer]:
    """What it got, by the number of the moment."""
    return {round((each.intended - 1000.0) / INTERVAL): each.answer for each in agent.samples}


def by_brute_force(agents: list[AgentSamples]) -> set[tuple[int, int, int]]:
    """Each cut as (number of the Pod, first moment, last moment), as the rules are written: every
    span is tried."""
    told = [slots(each) for each in agents]
    return {
        (pod, first, last)
        for pod, own in enumerate(told)
        for first in range(LENGTH)
        for last in range(first + 9, LENGTH)
        if all(own.get(at) in SILENCE for at in range(first, last + 1))
        and own.get(first - 1) not in SILENCE
        and own.get(last + 1) not in SILENCE
        and outvoted(range(first, last + 1), {
            index: [heard[at] for other, heard in zip(agents, told, strict=True)
                    if other.index == index for at in range(first, last + 1) if at in heard]
            for index in {each.index for each in agents} - {agents[pod].index}})
    }  # fmt: skip


def outvoted(span: range, witnesses: dict[int, list[Answer]]) -> bool:
    connected = [knew for knew in witnesses.values() if knew.count(G) * 10 >= len(knew) * 9]
    votes = sum(map(len, connected))
    against = sum(map(len, witnesses.values())) - votes
    return len(span) >= IN_A_ROW and votes > against and sum(k.count(G) for k in connected) >= 9


def cuts(agents: list[AgentSamples]) -> set[tuple[int, int, int]]:
    return {(number, round((since - 1000.0) / INTERVAL), round((until - 1000.0) / INTERVAL) - 1)
            for number, agent in enumerate(agents) for each in sight(agents, WINDOW).blind
            if each.agent is agent for since, until, _ in each.cut}  # fmt: skip


seeds = some.lists(some.integers(0, 1 << 16), min_size=1, max_size=5)


@given(seeds)
def test_cuts_are_those_of_the_rules_as_they_are_written(seeds: list[int]) -> None:
    agents = fleet_of(seeds)
    assert cuts(agents) == by_brute_force(agents)


@given(seeds, some.integers(1, 4))
def test_agents_that_measured_nothing_in_a_silence_change_nothing(
    seeds: list[int], lost: int
) -> None:
    agents = fleet_of(seeds)
    more = [seen(10 + number, 1000.0, []) for number in range(lost)]
    assert cuts([*agents, *more]) == cuts(agents)


@given(seeds, some.integers(0, LENGTH - 10), some.integers(10, LENGTH))
def test_an_outage_for_everyone_is_no_cut_whoever_is_lost(
    seeds: list[int], first: int, length: int
) -> None:
    """Each agent is well but for the outage, and measures as long as its Pods do."""
    down = spoilt(T, first, length)[:LENGTH]
    agents = [replace(pod, samples=[replace(each, answer=down[at]) for at, each in zip(
        slots(pod), pod.samples, strict=True)]) for pod in fleet_of(seeds)]  # fmt: skip
    assert cuts(agents) == set()


@given(seeds, some.integers(0, 1 << 16))
def test_a_worse_answer_of_a_witness_makes_no_silence_a_cut(seeds: list[int], seed: int) -> None:
    agents = fleet_of(seeds)
    chance = Random(seed)
    worse = [replace(pod, samples=[
        replace(each, answer=R) if each.answer is G and chance.random() < 0.2 else each
        for each in pod.samples]) for pod in agents]  # fmt: skip
    assert cuts(worse) <= cuts(agents)
