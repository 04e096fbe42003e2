"""Merges the samples of several agents into those of one prober at the whole rate. Pure.

Each agent sends at its share of the rate; together they fill a grid with a slot for each of them in
turn. All samples of an agent are moved to its slots by the same time, at most one of its own
intervals, because the clocks of nodes and the starts of agents differ. No sample is dropped,
counted twice or changed otherwise, so percentiles are those of all samples, without buckets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from resilience.model.samples import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSamples:
    """What one agent measured. `interval` is its own, `index` its number in the fleet."""

    index: int
    interval: float
    samples: Sequence[Sample]
    node: str = ""
    zone: str = ""
    trouble: str = ""

    @property
    def start(self) -> float:
        """When its first request was due."""
        return self.samples[0].intended

    @property
    def until(self) -> float:
        """When the request after its last one would have been due."""
        return self.samples[-1].intended + self.interval


@dataclass(frozen=True, slots=True)
class Merged:
    """In order of their slots. `moved` is the longest time by which an agent's samples moved."""

    samples: Sequence[Sample]
    interval: float
    moved: float


def merged(agents: Sequence[AgentSamples], *, trimmed: bool = True) -> Merged:
    """All agents have the same interval, and each has at least one sample. `trimmed`: only the span
    in which every slot is filled; otherwise all samples."""
    interval = agents[0].interval / len(agents)
    rows = [list(_placed(agents, place)) for place in _places(agents)]
    moved = max(abs(place.moved) for place in _places(agents))
    first = max(row[0].seq for row in rows) - len(agents) + 1
    last = min(row[-1].seq for row in rows) + len(agents) - 1
    kept = (each for row in rows for each in row if not trimmed or first <= each.seq <= last)
    ordered = sorted(kept, key=lambda sample: sample.seq)
    begin = ordered[0].seq if ordered else 0
    return Merged([replace(each, seq=each.seq - begin) for each in ordered], interval, moved)


@dataclass(frozen=True, slots=True)
class _Place:
    agent: AgentSamples
    slot: int
    moved: float


def _places(agents: Sequence[AgentSamples]) -> Sequence[_Place]:
    """The first slot of each agent: in the order in which they send within their interval."""
    whole = agents[0].interval
    base = min(agent.start for agent in agents)
    in_turn = sorted(agents, key=lambda agent: ((agent.start - base) % whole, agent.index))
    return [_place(agent, turn, base, len(agents)) for turn, agent in enumerate(in_turn)]


def _place(agent: AgentSamples, turn: int, base: float, count: int) -> _Place:
    within = turn * agent.interval / count
    rounds = round((agent.start - base - within) / agent.interval)
    moved = base + rounds * agent.interval + within - agent.start
    return _Place(agent, rounds * count + turn, moved)


def _placed(agents: Sequence[AgentSamples], place: _Place) -> Iterator[Sample]:
    for number, sample in enumerate(place.agent.samples):
        yield replace(
            sample, seq=place.slot + number * len(agents), intended=sample.intended + place.moved,
            sent=None if sample.sent is None else sample.sent + place.moved,
            ended=sample.ended + place.moved,
        )  # fmt: skip
