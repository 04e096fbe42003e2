"""What the findings say about agents: what each node or zone did not see. Pure.

Several agents that were cut off on several nodes of one zone, with no other agent in it, are about
that zone: one row instead of a row for each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from resilience.model.words import many, span
from resilience.probes.fleet.blindness import Blind, Sight
from resilience.probes.fleet.merging import AgentSamples


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One finding: `key` ends its name, `place` is where the service was not seen, `nodes` are
    those of its agents, `text` what they missed."""

    key: str
    place: str
    nodes: Sequence[str]
    text: str
    zone: bool = False

    def explained(self, acted: Collection[str]) -> bool:
        """Whether actions on these nodes are why: for a zone, on all of its nodes."""
        return (all if self.zone else any)(node in acted for node in self.nodes)


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
    left = [each for each in blind if each.agent.zone not in whole]
    for number in sorted({each.agent.index for each in left}):
        yield _agent_row(number, [each for each in left if each.agent.index == number])


def _of_zone(zone: str, blind: Sequence[Blind], agents: Sequence[AgentSamples]) -> Sequence[Blind]:
    """The cuts of a zone, if they are the zone's: all its agents had one, on several nodes, and at
    one time at least all of them together."""
    mine = [each for each in blind if each.agent.zone == zone and each.cut]
    cut = {each.agent.index for each in mine}
    several = len({each.agent.node for each in mine}) > 1
    all_of_them = cut == {agent.index for agent in agents if agent.zone == zone}
    return mine if several and all_of_them and _together(mine) else ()


def _together(cuts: Sequence[Blind]) -> bool:
    """Whether there is a moment at which all of them were cut off."""
    starts = [since for each in cuts for since, _, _ in each.cut]
    return any(
        all(any(since <= at < until for since, until, _ in each.cut) for each in cuts)
        for at in starts
    )


def _zone_row(zone: str, mine: Sequence[Blind]) -> Row:
    nodes = sorted({each.agent.node for each in mine})
    agents = len({each.agent.index for each in mine})
    seconds = max(sum(until - since for since, until, _ in each.cut) for each in mine)
    number = sum(count for each in mine for _, _, count in each.cut)
    return Row(
        key=f"zone_{zone}", place=f"zone {zone}", nodes=nodes, zone=True,
        text=f"zone {zone} was cut off for {span(seconds)}: none of its {agents} agents, on "
             f"{', '.join(nodes)}, got an answer ({many(number, 'request')}) while the others were "
             f"answered well: look at the network of zone {zone}",
    )  # fmt: skip


def _agent_row(number: int, mine: Sequence[Blind]) -> Row:
    places = sorted({place(each.agent) for each in mine})
    return Row(
        key=f"agent_{number + 1}", place=", ".join(places),
        nodes=sorted({each.agent.node for each in mine}),
        text="; ".join(_told(each) for each in mine),
    )  # fmt: skip


def _told(blind: Blind) -> str:
    agent = blind.agent
    where = f": look at the network of {place(agent)}" if blind.cut else ""
    return f"the agent on {place(agent)} {_missed(blind)}{where}" + (
        f" ({agent.trouble})" if agent.trouble else ""
    )


def _missed(blind: Blind) -> str:
    if blind.cut:
        seconds = sum(until - since for since, until, _ in blind.cut)
        number = sum(count for _, _, count in blind.cut)
        return (f"was cut off for {span(seconds)} ({many(number, 'request')} without an answer) "
                "while the others were answered well")  # fmt: skip
    return f"measured nothing for {span(blind.missing)}"
