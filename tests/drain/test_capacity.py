"""What has to move is held against what is free, in the scheduler's own terms."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from resilience.cluster.interface import Object
from resilience.drain import capacity
from resilience.drain.capacity import demand, homeless
from resilience.model.quantity import parse_quantity


def node(name: str, cpu: str = "2", pods: str = "10", **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "labels": {"zone": name}},
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu, "memory": "4Gi", "pods": pods}},
    }


def pod(name: str, cpu: str = "1", on: str = "", **spec: Any) -> Object:
    return {
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"nodeName": on, "containers": [{"resources": {"requests": {"cpu": cpu}}}], **spec},
    }


def reasons(*moving: Object, nodes: list[Object], staying: list[Object] | None = None) -> list[str]:
    return [lost.reason for lost in homeless(moving, nodes, staying or [])]


def test_what_fits_is_no_finding() -> None:
    assert reasons(pod("a"), pod("b"), nodes=[node("n1")]) == []


def test_what_does_not_fit_says_what_is_missing() -> None:
    three = [pod("a"), pod("b"), pod("c")]
    assert reasons(*three, nodes=[node("n1")]) == ["0/1 nodes are available: 1 Insufficient cpu"]


def test_what_already_runs_takes_room() -> None:
    assert reasons(pod("a"), nodes=[node("n1")], staying=[pod("x", "1500m", on="n1")])


def test_the_largest_go_first_so_that_small_ones_fill_the_gaps() -> None:
    moving = [pod("small", "500m"), pod("large", "2"), pod("middle", "1500m")]
    assert reasons(*moving, nodes=[node("n1"), node("n2")]) == []


def test_the_number_of_pods_counts() -> None:
    assert reasons(pod("a", "0"), nodes=[node("n1", pods="0")]) == [
        "0/1 nodes are available: 1 Too many pods"
    ]


def test_cordoned_and_tainted_nodes_take_nothing() -> None:
    taint = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
    nodes = [node("n1", unschedulable=True), node("n2", taints=[taint])]
    assert reasons(pod("a"), nodes=nodes) == [
        "0/2 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, "
        "1 node(s) were unschedulable"
    ]
    tolerant = pod("a", tolerations=[{"key": "gpu", "operator": "Exists"}])
    assert reasons(tolerant, nodes=nodes) == []


def test_a_node_selector_is_kept() -> None:
    picky = pod("a", nodeSelector={"zone": "n2"})
    assert reasons(picky, nodes=[node("n1")])
    assert not reasons(picky, nodes=[node("n1"), node("n2")])


def test_no_node_left_is_said_as_such() -> None:
    assert reasons(pod("a"), nodes=[]) == ["no node would be left"]


def test_demand_is_the_larger_of_init_and_main_plus_sidecars_and_overhead() -> None:
    def container(cpu: str, **more: Any) -> dict[str, Any]:
        return {"resources": {"requests": {"cpu": cpu}}, **more}

    spec = {
        "containers": [container("1"), container("500m")],
        "initContainers": [container("2")],
        "overhead": {"cpu": "100m"},
    }
    assert demand({"spec": spec})["cpu"] == Fraction("2.1")
    spec["initContainers"] = [container("1", restartPolicy="Always")]
    assert demand({"spec": spec})["cpu"] == Fraction("2.6")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100m", "1/10"),
        ("1.5", "3/2"),
        ("16Mi", "16777216"),
        ("2e3", "2000"),
        ("1k", "1000"),
        ("250u", "1/4000"),
        (2, "2"),
        ("1E", "1000000000000000000"),
        (".5", "1/2"),
    ],
)
def test_quantities_are_exact(text: str | int, value: str) -> None:
    assert parse_quantity(text) == Fraction(value)


@pytest.mark.parametrize("text", ["", "1x", "Mi", "1 Mi", "--1", "1e"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "b", "operator": "Exists"}, False),
        ({"key": "a", "value": "1"}, True),
        ({"key": "a", "value": "2"}, False),
        ({"key": "b", "value": "1"}, False),
        ({"key": "a"}, False),
        ({"key": "a", "value": "1", "effect": "NoSchedule"}, True),
        ({"key": "a", "value": "1", "effect": "NoExecute"}, False),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_each_clause_of_a_toleration_counts(toleration: dict[str, str], tolerated: bool) -> None:
    taint = {"key": "a", "value": "1", "effect": "NoSchedule"}
    assert capacity._tolerates(toleration, taint) is tolerated
