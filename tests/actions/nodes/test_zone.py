"""Losing a zone, and whether there is room for what moves."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.nodes.drain import VERB as DRAIN
from resilience.actions.nodes.zone import VERB as ZONE
from resilience.cluster.interface import NODES, PODS, Object
from resilience.kube import objects
from resilience.model.scenario import Step
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import World, step, world

LABEL = "topology.kubernetes.io/zone"


def node(name: str, zone: str, room: int = 10) -> Object:
    return {
        "metadata": {"name": name, "labels": {LABEL: zone}},
        "spec": {},
        "status": {"allocatable": {"pods": str(room), "cpu": "4", "memory": "4Gi"}},
    }


@pytest.fixture
def here() -> World:
    """All Pods stand on node-1 of zone a; node-2 is of zone a too, node-3 of b."""
    made = world()
    for name, zone in (("node-1", "a"), ("node-2", "a"), ("node-3", "b")):
        made.cluster.put(NODES, node(name, zone))
    made.deploy()
    by_node(made)
    return made


def by_node(here: World) -> None:
    """Fields in a list's query, as the API server has them."""
    plain = here.cluster.list

    def listed(*arguments: Any, fields: str = "", **more: Any) -> Any:
        found = plain(*arguments, **more)
        wanted = fields.removeprefix("spec.nodeName=")
        return [each for each in found if not fields or objects.node(each) == wanted]

    here.cluster.list = listed  # type: ignore[method-assign]


def unschedulable(here: World) -> list[str]:
    return [objects.name(each) for each in here.cluster.find(NODES)
            if each["spec"].get("unschedulable")]  # fmt: skip


def lost(**parameters: Any) -> Step:
    asked: dict[str, Any] = {"value": "a"} | parameters
    return step(ZONE, Phase.WHEN, **asked)


def test_all_nodes_of_a_zone_are_cordoned_and_given_back(here: World) -> None:
    seen: list[list[str]] = []
    here.on_entry = lambda entry: seen.append(unschedulable(here))
    record = here.run(when=[lost(act="cordon")])
    assert record.outcome is Outcome.PASSED, record.message
    assert ["node-1", "node-2"] in seen
    assert unschedulable(here) == []


def test_a_zone_that_no_node_is_of_is_an_error_that_touches_nothing(here: World) -> None:
    record = here.run(when=[lost(value="c")])
    assert record.outcome is Outcome.NOT_MEASURED
    assert f"no node is labelled {LABEL}=c" in record.message


@pytest.mark.parametrize("verb", ["zone", "drain"])
def test_without_room_elsewhere_the_service_fails_and_nothing_is_touched(
    here: World, verb: str
) -> None:
    here.cluster.put(NODES, node("node-3", "b", room=2))
    asked = lost() if verb == "zone" else step(DRAIN, Phase.WHEN, node="biggest")
    here.cluster.remove(NODES, "", "node-2")
    record = here.run(when=[asked])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "without node-1 there is no capacity for 1 of 3 Pods" in record.message
    assert "Too many pods" in record.message
    written = {path for method, path in here.cluster.calls if method in ("PATCH", "POST")}
    assert written <= {"/api/v1/namespaces/shop/events"}  # what people are told of a run


def test_a_prober_that_stands_there_is_never_evicted(here: World) -> None:
    here.cluster.put(
        PODS,
        {
            "metadata": {
                "name": "resilience-probe-1",
                "namespace": "shop",
                "labels": {objects.MANAGED_BY: objects.OURS},
            },
            "spec": {"nodeName": "node-1"},
            "status": {"phase": "Running"},
        },
    )
    record = here.run(when=[step(DRAIN, Phase.WHEN, node="node-1", bare=True)])
    assert record.outcome is Outcome.REFUSED
    assert "shop/resilience-probe-1 of this project runs on that node" in record.message
    assert unschedulable(here) == []


@pytest.mark.parametrize(
    ("parameters", "right"),
    [({}, True), ({"act": "cordon"}, True), ({"act": "cordon", "bare": True}, False),
     ({"value": "no zone!"}, False)],
)  # fmt: skip
def test_how_to_evict_is_said_only_where_it_is_done(parameters: Any, right: bool) -> None:
    zone = ZONE.parameters(**({"value": "a"} | parameters))
    assert (not ZONE.check(zone)) is right
