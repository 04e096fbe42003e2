"""Whose fault it is that agents were cut off: their node's, or their zone's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience.model.samples import Answer
from resilience.model.verdict import Window
from resilience.probes.fleet.agent_rows import Row, rows
from resilience.probes.fleet.blindness import sight
from resilience.probes.fleet.merging import AgentSamples
from tests.probes.fleet.test_merging import INTERVAL, seen

LENGTH = 60
WINDOW = Window(since=1000.0, until=1000 + LENGTH * INTERVAL)


def agent(index: int, zone: str, node: str = "", cut: int | None = None) -> AgentSamples:
    """`cut` is the request from which on 15 of them got no answer."""
    answers = [Answer.GOOD] * LENGTH
    if cut is not None:
        answers[cut : cut + 15] = [Answer.TIMEOUT] * 15
    return replace(seen(index, 1000.0, answers), node=node or f"node-{index}", zone=zone)


def told(*agents: AgentSamples) -> list[Row]:
    return list(rows(sight(agents, WINDOW), agents))


OTHERS = (agent(0, "a"), agent(1, "a"), agent(2, "c"))


def test_a_zone_whose_agents_were_all_cut_off_together_is_one_row() -> None:
    [row] = told(*OTHERS, agent(3, "b", cut=20), agent(4, "b", cut=25))
    assert (row.key, row.place, row.nodes) == ("zone_b", "zone b", ["node-3", "node-4"])
    assert row.text == (
        "zone b was cut off for 4.5s: none of its 2 agents, on node-3, node-4, got an answer "
        "(30 requests) while the others were answered well: look at the network of zone b"
    )


@pytest.mark.parametrize(
    "agents",
    [
        pytest.param(
            (agent(3, "b", cut=20), agent(4, "b", cut=20), agent(5, "b")), id="one of them saw it"
        ),
        pytest.param((agent(3, "b", cut=5), agent(4, "b", cut=30)), id="one after the other"),
        pytest.param((agent(3, "b", "node-3", 20), agent(4, "b", "node-3", 20)), id="one node"),
        pytest.param((agent(3, "", cut=20), agent(4, "", cut=20)), id="no zone"),
        pytest.param((agent(3, "b", cut=20), agent(4, "d", cut=20)), id="two zones"),
    ],
)
def test_what_is_not_the_whole_zones_is_about_nodes(agents: tuple[AgentSamples, ...]) -> None:
    found = told(*OTHERS, *agents)
    assert found
    assert all(row.key.startswith("agent_") for row in found)


def lost(index: int, zone: str, until: int) -> AgentSamples:
    """An agent that measured nothing from that request on."""
    whole = agent(index, zone)
    return replace(whole, samples=whole.samples[:until])


def test_an_agent_that_was_lost_before_does_not_keep_a_zone_from_being_cut_off() -> None:
    zone, own = told(*OTHERS, agent(3, "b", cut=30), agent(4, "b", cut=30), lost(5, "b", 20))
    assert (zone.key, zone.nodes) == ("zone_b", ["node-3", "node-4"])
    assert (own.key, own.text) == (
        "agent_6", "the agent on node-5 (zone b) measured nothing for 12s"
    )  # fmt: skip


def test_an_agent_that_was_lost_later_saw_what_the_others_of_its_zone_did_not() -> None:
    found = told(*OTHERS, agent(3, "b", cut=30), agent(4, "b", cut=30), lost(5, "b", 40))
    assert [row.key for row in found] == ["agent_4", "agent_5", "agent_6"]


def test_an_agent_that_began_later_does_not_keep_a_zone_from_being_cut_off() -> None:
    whole = agent(5, "b")
    began = replace(whole, samples=whole.samples[40:])
    rows = told(*OTHERS, agent(3, "b", cut=20), agent(4, "b", cut=20), began)
    assert [row.key for row in rows] == ["zone_b", "agent_6"]


def test_what_an_agent_of_a_zone_that_was_cut_off_did_not_measure_is_told_too() -> None:
    third = agent(4, "b", cut=20)
    ended = replace(third, samples=third.samples[:40])
    zone, own = told(*OTHERS, agent(3, "b", cut=20), ended)
    assert (zone.key, own.key) == ("zone_b", "agent_5")
    assert own.text == "the agent on node-4 (zone b) measured nothing for 6s"
    assert own.cut == []


def test_an_agent_of_a_zone_names_both() -> None:
    [row] = told(*OTHERS, agent(3, "b", cut=20), agent(4, "b"))
    assert row.place == "node-3 (zone b)"
    assert row.text == (
        "the agent on node-3 (zone b) was cut off for 4.5s (15 requests without an answer) while "
        "the others were answered well: look at the network of node-3 (zone b)"
    )


def part(node: str, first: int, until: int) -> AgentSamples:
    """A Pod of agent 2 that measured from one request to another."""
    samples = seen(1, 1000.0 + first * INTERVAL, [Answer.GOOD] * (until - first))
    return replace(samples, node=node, zone="", trouble="someone else stopped the prober")


def test_pods_of_one_agent_missed_what_none_of_them_saw() -> None:
    [row] = told(agent(0, ""), part("node-1", 0, 20), part("node-3", 40, LENGTH))
    assert row.text == "the agent on node-1, then node-3 measured nothing for 6s"
    assert (row.trouble, row.cut) == ("someone else stopped the prober", [])


def test_an_agent_of_which_one_pod_saw_everything_was_not_blind() -> None:
    both = (part("node-1", 0, LENGTH), part("node-3", 40, LENGTH))
    assert told(agent(0, ""), *both) == []
    cut = replace(agent(1, "", "node-3", cut=20))
    [row] = told(agent(0, ""), agent(2, ""), both[0], cut)
    assert (row.key, row.cut) == ("agent_2", ["node-3"])


def test_agents_that_were_all_blind_in_turn_have_a_row_each() -> None:
    found = told(agent(0, "", cut=5), agent(1, "", cut=40))
    assert [row.key for row in found] == ["agent_1", "agent_2"]


def test_pods_that_followed_each_other_at_once_missed_nothing() -> None:
    assert told(agent(0, ""), part("node-1", 0, 30), part("node-3", 30, LENGTH)) == []


def test_the_trouble_of_each_pod_is_told_once() -> None:
    first, second = part("node-1", 0, 20), part("node-3", 40, LENGTH)
    [row] = told(agent(0, ""), replace(first, trouble=""), second)
    assert row.trouble == "someone else stopped the prober"


@pytest.mark.parametrize(
    ("cut", "acted", "explained"),
    [([], {"n1"}, True), (["n1", "n2"], {"n1"}, False), (["n1", "n2"], {"n1", "n2"}, True),
     (["n2"], {"n1"}, False), (["n1"], {"n1"}, True), ([], {}, False), ([], {"n3"}, False)],
)  # fmt: skip
def test_an_action_explains_cuts_on_its_nodes_and_what_a_replacement_did_not_measure(
    cut: list[str], acted: set[str], explained: bool
) -> None:
    row = Row(key="k", place="p", nodes=["n1", "n2"], cut=cut, text="t")
    assert row.explained(acted) is explained
