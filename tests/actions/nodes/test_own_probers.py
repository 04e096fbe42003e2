"""Probers on nodes that are emptied or stopped: a single one keeps its node, one of several does
not while another is ready elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from resilience.actions.nodes.cordon import VERB as CORDON
from resilience.actions.nodes.drain import VERB as DRAIN
from resilience.actions.nodes.node_choice import NodeQuery
from resilience.actions.nodes.node_down import VERB as NODE_DOWN
from resilience.actions.nodes.taint import VERB as TAINT
from resilience.cluster.interface import NODES, PODS, Object
from resilience.engine.base.run_guard import RunGuard
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.timeline import What
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.actions.nodes.test_machines import Power, two_zones
from tests.actions.nodes.test_zone import node
from tests.engine.helpers import World, step


def prober(name: str, on: str, *, agent_of: str = "", run: str = "r1", ready: bool = True,
           ending: bool = False, phase: str = "Running") -> Object:  # fmt: skip
    labels = {objects.MANAGED_BY: objects.OURS, "resilience/run": run}
    labels |= {"resilience/prober": agent_of} if agent_of else {}
    owner = {"kind": "Job", "name": agent_of, "uid": "job", "controller": True}
    found: Object = {
        "metadata": {"name": name, "namespace": "shop", "labels": labels,
                     "ownerReferences": [owner] if agent_of else []},
        "spec": {"nodeName": on, "containers": []},
        "status": {"phase": phase, "conditions": [
            {"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"restartCount": 0}]},
    }  # fmt: skip
    if ending:
        found["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x"]}
    return found


@pytest.fixture
def here() -> World:
    made = two_zones()
    power = Power(made)
    for name in ("node-1", "node-2"):
        power.write(name, "True", "boot-1")
    return made


BOTH = NodeQuery(labels=Selector.parse("!gpu"), count="all")


def empties(target: Any = "node-1") -> list[Step]:
    """Each verb that empties or stops nodes."""
    return [
        step(DRAIN, Phase.WHEN, node=target, bare=True, overflow=True),
        step(NODE_DOWN, Phase.WHEN, node=target, within=120.0),
        step(TAINT, Phase.WHEN, node=target, taint="out=now:NoExecute", bare=True),
    ]


VERBS = pytest.mark.parametrize("at", [0, 1, 2], ids=["drain", "node_down", "taint"])


@VERBS
@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"on": "node-1"}, id="on the same node"),
        pytest.param({"ready": False}, id="not ready"),
        pytest.param({"ending": True}, id="ending"),
        pytest.param({"phase": "Failed"}, id="ended"),
        pytest.param({"agent_of": "p2"}, id="another prober's"),
        pytest.param({"agent_of": ""}, id="a single prober"),
    ],
)
def test_an_agent_is_kept_unless_another_is_ready_elsewhere(
    here: World, at: int, other: dict[str, Any]
) -> None:
    here.cluster.put(PODS, prober("p1-0", "node-1", agent_of="p1"))
    here.cluster.put(PODS, prober("p1-1", **({"on": "node-2", "agent_of": "p1"} | other)))
    record = here.run(when=[empties()[at]])
    assert record.outcome is Outcome.REFUSED, record.message
    assert "shop/p1-0" in record.message
    assert "no other agent of the same prober is ready elsewhere" in record.message
    assert not any(each["spec"].get("unschedulable") for each in here.cluster.find(NODES))


@VERBS
def test_an_agent_of_another_run_is_kept(here: World, at: int) -> None:
    for index, on in enumerate(("node-1", "node-2")):
        here.cluster.put(PODS, prober(f"p1-{index}", on, agent_of="p1", run="r2"))
    assert here.run(when=[empties()[at]]).outcome is Outcome.REFUSED


@VERBS
def test_a_single_prober_is_kept_beside_agents_that_are_not(here: World, at: int) -> None:
    for index, on in enumerate(("node-1", "node-2")):
        here.cluster.put(PODS, prober(f"p1-{index}", on, agent_of="p1"))
    here.cluster.put(PODS, prober("p2", "node-1"))
    record = here.run(when=[empties()[at]])
    assert record.outcome is Outcome.REFUSED
    assert "shop/p2 of this project runs on that node" in record.message
    assert "p1" not in record.message.split(" of this project")[0]


@VERBS
def test_agents_on_all_of_the_nodes_are_kept(here: World, at: int) -> None:
    for index, on in enumerate(("node-1", "node-2")):
        here.cluster.put(PODS, prober(f"p1-{index}", on, agent_of="p1"))
    assert here.run(when=[empties(BOTH)[at]]).outcome is Outcome.REFUSED


@pytest.mark.parametrize("at", [1, 2], ids=["node_down", "taint"])
def test_an_agent_with_another_elsewhere_is_lost_and_is_no_victim(here: World, at: int) -> None:
    for index, on in enumerate(("node-1", "node-2")):
        here.cluster.put(PODS, prober(f"p1-{index}", on, agent_of="p1"))
    record = here.run(when=[empties()[at]])
    told = [entry.text for entry in record.timeline]
    assert "prober shop/p1 has 1 agent on node-1, and 1 agent elsewhere" in told, told
    victims = [entry.text for entry in record.timeline if entry.what is What.VICTIM]
    assert len(victims) == 3, victims
    assert not any("p1-" in text for text in victims)
    assert record.outcome is Outcome.PASSED, record.message


class Counting(RunGuard):
    """Notes what an action declares, as a target's limits count it."""

    def __init__(self) -> None:
        self.declared: list[str] = []

    def may_harm(self, chosen: Sequence[Object]) -> None:
        self.declared += map(objects.name, chosen)


@pytest.mark.parametrize("at", [1, 2], ids=["node_down", "taint"])
def test_agents_do_not_count_for_the_limits_of_a_target(here: World, at: int) -> None:
    for index, on in enumerate(("node-1", "node-2")):
        here.cluster.put(PODS, prober(f"p1-{index}", on, agent_of="p1"))
    guard = Counting()
    here.run(when=[empties()[at]], guard=guard)
    assert len([each for each in guard.declared if each.startswith("web-")]) == 3
    assert not [each for each in guard.declared if each.startswith("p1-")]


def test_a_drain_that_moves_only_an_agent_has_harmed_nothing(here: World) -> None:
    for index, on in enumerate(("node-1", "node-2")):
        here.cluster.put(PODS, prober(f"p1-{index}", on, agent_of="p1"))
    record = here.run(when=[step(DRAIN, Phase.WHEN, node="node-2")])
    assert record.outcome is Outcome.NOT_MEASURED, record.message
    assert "node-2 has no Pod that can be evicted" in record.message
    assert {objects.name(each) for each in here.cluster.find(PODS)} >= {"p1-0", "p1-1"}


@pytest.mark.parametrize("agents_on", [("node-1", "node-2"), ("node-2", "node-3")])
def test_a_node_without_an_agent_is_chosen_before_one_with(
    here: World, agents_on: Sequence[str]
) -> None:
    here.cluster.put(NODES, node("node-3", "c"))
    for index, on in enumerate(agents_on):
        here.cluster.put(PODS, prober(f"p1-{index}", on, agent_of="p1"))
    cordoned = cordons(here)
    assert cordoned == {"node-1", "node-2", "node-3"} - set(agents_on)


def cordons(here: World) -> set[str]:
    """The nodes that a step for any node cordons."""
    cordoned: set[str] = set()
    here.on_entry = lambda entry: cordoned.update(
        objects.name(each) for each in here.cluster.find(NODES) if each["spec"].get("unschedulable")
    )
    one = NodeQuery(labels=Selector.parse("!gpu"))
    assert here.run(when=[step(CORDON, Phase.WHEN, node=one)]).outcome is Outcome.PASSED
    return cordoned


def test_a_node_with_only_an_agent_is_chosen_before_one_with_a_single_prober(here: World) -> None:
    here.cluster.put(PODS, prober("p1-0", "node-1", agent_of="p1"))
    here.cluster.put(PODS, prober("p2", "node-2"))
    assert cordons(here) == {"node-1"}
