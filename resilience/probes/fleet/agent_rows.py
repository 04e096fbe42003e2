"""What the findings say about agents: what each node or zone did not see. Pure.

Several agents that were cut off together on several nodes of one zone, while no other agent in it
measured, are about that zone: one row instead of a row for each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from resilience.model.words import many, span
from resilience.probes.fleet.blindness import Blind, Sight
from resilience.probes.fleet.merging import AgentSamples


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One finding: `key` ends its name, `place` is where the service was not seen, `nodes` are
    those of its agents, `cut` those whose agents were cut off, `text` what they missed.
    `trouble` is what happened to their Pods, of interest where no action explains it."""

    key: str
    place: str
    nodes: Sequence[str]
    cut: Sequence[str]
    text: str
    trouble: str = ""

    def explained(self, acted: Collection[str]) -> bool:
        """Whether actions on these nodes are why. A cut is explained by its own node. What an agent
        did not measure is explained by any of its nodes: its replacement begins late because the
        node before was acted on."""
        own = any(node in acted for node in self.nodes)
        return own and all(node in acted for node in self.cut)


def place(agent: AgentSamples) -> str:
    """The agent's node, with its zone if it has one."""
    return f"{agent.node} (zone {agent.zone})" if agent.zone else agent.node


def rows(found: Sight, agents: Sequence[AgentSamples]) -> Iterator[Row]:
    """A row for each zone and each agent that was blind; an agent whose Pod was replaced in time
    was not blind. `agents` are all of them."""
    seeing = {agent.index for agent in found.judging} if found.seen else set()
    blind = [each for each in found.blind if each.cut or each.agent.index not in seeing]
    zones = sorted({each.agent.zone for each in blind if each.agent.zone})
    whole = {zone: mine for zone in zones if (mine := _of_zone(zone, blind, agents))}
    yield from (_zone_row(zone, mine) for zone, mine in whole.items())
    told = {id(each) for mine in whole.values() for each in mine}
    left = [replace(each, cut=()) if id(each) in told else each for each in blind]
    for number in sorted({each.agent.index for each in left}):
        mine = [each for each in left if each.agent.index == number]
        if text := "; ".join(_told(mine, found.length)):
            yield _agent_row(number, mine, text)


def _of_zone(zone: str, blind: Sequence[Blind], agents: Sequence[AgentSamples]) -> Sequence[Blind]:
    """The cuts of a zone, if they are the zone's: at one time at least, all its agents that
    measured were cut off, on several nodes."""
    mine = [each for each in blind if each.agent.zone == zone and each.cut]
    several = len({each.agent.node for each in mine}) > 1
    there = [agent for agent in agents if agent.zone == zone]
    starts = [since for each in mine for since, _, _ in each.cut]
    return mine if several and any(_dark(at, mine, there) for at in starts) else ()


def _dark(at: float, cuts: Sequence[Blind], there: Sequence[AgentSamples]) -> bool:
    """Whether all of them were cut off at that time, and nobody else measured."""
    together = all(any(since <= at < until for since, until, _ in each.cut) for each in cuts)
    measuring = [agent for agent in there if agent.samples and agent.start <= at < agent.until]
    return together and all(any(agent is each.agent for each in cuts) for agent in measuring)


def _zone_row(zone: str, mine: Sequence[Blind]) -> Row:
    nodes = sorted({each.agent.node for each in mine})
    agents = len({each.agent.index for each in mine})
    seconds = max(sum(until - since for since, until, _ in each.cut) for each in mine)
    number = sum(count for each in mine for _, _, count in each.cut)
    return Row(
        key=f"zone_{zone}", place=f"zone {zone}", nodes=nodes, cut=nodes,
        text=f"zone {zone} was cut off for {span(seconds)}: none of its {agents} agents, on "
             f"{', '.join(nodes)}, got an answer ({many(number, 'request')}) while the others were "
             f"answered well: look at the network of zone {zone}",
    )  # fmt: skip


def _agent_row(number: int, mine: Sequence[Blind], text: str) -> Row:
    places = sorted({place(each.agent) for each in mine})
    return Row(
        key=f"agent_{number + 1}", place=", ".join(places),
        nodes=sorted({each.agent.node for each in mine}),
        cut=sorted({each.agent.node for each in mine if each.cut}),
        text=text,
        trouble="; ".join(dict.fromkeys(each.agent.trouble for each in mine if each.agent.trouble)),
    )  # fmt: skip


def _told(mine: Sequence[Blind], length: float) -> Iterator[str]:
    """`length` of the window in seconds. The Pods of an agent measured one after the other:
    together they missed what none of them saw."""
    for each in mine:
        if each.cut:
            where = place(each.agent)
            yield f"the agent on {where} {_cut_off(each)}: look at the network of {where}"
    missing = sum(each.missing for each in mine) - (len(mine) - 1) * length
    if any(each.missing for each in mine) and missing > 0:
        places = ", then ".join(dict.fromkeys(place(each.agent) for each in mine))
        yield f"the agent on {places} measured nothing for {span(missing)}"


def _cut_off(blind: Blind) -> str:
    seconds = sum(until - since for since, until, _ in blind.cut)
    number = sum(count for _, _, count in blind.cut)
    return (f"was cut off for {span(seconds)} ({many(number, 'request')} without an answer) "
            "while the others were answered well")  # fmt: skip
