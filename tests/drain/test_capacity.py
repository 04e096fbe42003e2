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


def test_a_node_takes_no_more_pods_than_it_allows() -> None:
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


def test_a_pod_fits_only_nodes_that_its_selector_selects() -> None:
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
def test_quantities_are_parsed_without_rounding(text: str | int, value: str) -> None:
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


def container(cpu: str | None = None, **more: Any) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu}} if cpu else {}, **more}


def sidecar(cpu: str) -> dict[str, Any]:
    return container(cpu, restartPolicy="Always")


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [container("1")], "initContainers": [container("2")]}, "2"),
        ({"containers": [container("3")], "initContainers": [container("2")]}, "3"),
        ({"containers": [container("1")], "initContainers": [container("2"), container("3")]}, "3"),
        # a sidecar runs beside what comes after it, not beside what came before
        ({"containers": [container("1")], "initContainers": [sidecar("1"), container("2")]}, "3"),
        ({"containers": [container("1")], "initContainers": [container("2"), sidecar("1")]}, "2"),
        ({"containers": [container("1")], "initContainers": [sidecar("1"), sidecar("1")]}, "3"),
        ({"containers": [container()], "initContainers": [sidecar("1"), sidecar("1")]}, "2"),
        # what the Pod requests as a whole counts instead
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "5"}}}, "5"),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "5"}},
          "overhead": {"cpu": "1"}}, "6"),
        ({"containers": [{"resources": None}, {"resources": {"requests": None}}, {},
                         container("1")]}, "1"),
    ],
)  # fmt: skip
def test_the_demand_of_a_pod_is_what_the_scheduler_counts(spec: Any, cpu: str) -> None:
    assert demand({"spec": spec}) == {"cpu": Fraction(cpu), "pods": 1}


def test_a_pod_without_containers_still_takes_the_place_of_one() -> None:
    assert demand({"spec": {"containers": None}}) == {"pods": 1}


def test_what_one_container_requests_the_other_need_not() -> None:
    spec = {"containers": [{"resources": {"requests": {"memory": "1Gi"}}}],
            "initContainers": [container("1")]}  # fmt: skip
    assert demand({"spec": spec}) == {"cpu": 1, "memory": 2**30, "pods": 1}


TAINT = {"key": "a", "value": "1", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("moving", "there", "why"),
    [
        (pod("a"), node("n"), ""),
        (pod("a"), node("n", unschedulable=False), ""),
        (pod("a"), node("n", taints=[{**TAINT, "effect": "PreferNoSchedule"}]), ""),
        (pod("a"), node("n", taints=[{**TAINT, "effect": "NoExecute"}]), "taint {a: 1}"),
        (pod("a"), node("n", taints=[{"key": "a", "effect": "NoSchedule"}]), "taint {a: }"),
        (pod("a", tolerations=[{"key": "a", "operator": "Exists"}]), node("n", taints=[TAINT]), ""),
        (pod("a", tolerations=[{"key": "b", "operator": "Exists"}]), node("n", taints=[TAINT]),
         "taint {a: 1}"),
        (pod("a", tolerations=[{"key": "b"}, {"operator": "Exists"}]), node("n", taints=[TAINT]),
         ""),
        (pod("a", nodeSelector={"zone": "n"}), node("n"), ""),
        (pod("a", nodeSelector={"zone": "n", "disk": "ssd"}), node("n"), "node affinity/selector"),
        (pod("a", "2"), node("n"), ""),
        (pod("a", "2001m"), node("n"), "Insufficient cpu"),
        (pod("a"), node("n", pods="0"), "Too many pods"),
        (pod("a", overhead={"gpu": "1"}), node("n"), "Insufficient gpu"),
    ],
)  # fmt: skip
def test_each_obstacle_of_a_node_is_named(moving: Object, there: Object, why: str) -> None:
    found = reasons(moving, nodes=[there])
    assert found == ([] if not why else [f"0/1 nodes are available: 1 {_whole(why)}"])


def _whole(why: str) -> str:
    if why.startswith("taint"):
        return f"node(s) had untolerated {why}"
    return f"node(s) didn't match Pod's {why}" if why.startswith("node") else why


def test_a_node_without_labels_or_numbers_takes_nothing() -> None:
    bare: Object = {"metadata": {"name": "n", "labels": None}, "spec": {}, "status": None}
    assert reasons(pod("a"), nodes=[bare]) == ["0/1 nodes are available: 1 Insufficient cpu"]
    empty: Object = {"metadata": {"name": "n"}, "spec": {}, "status": {"allocatable": None}}
    assert reasons(pod("a", nodeSelector={"zone": "n"}), nodes=[bare, empty]) == [
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector"
    ]


def test_nodes_with_one_obstacle_are_counted_together() -> None:
    nodes = [node("n1", "1"), node("n2", "1"), node("n3", unschedulable=True)]
    [lost] = homeless([pod("a", "2")], nodes, [])
    assert lost.pod == "shop/a"
    assert lost.reason == (
        "0/3 nodes are available: 2 Insufficient cpu, 1 node(s) were unschedulable"
    )


def test_a_pod_takes_room_on_the_first_node_with_some_only() -> None:
    moving = [pod("a", "2"), pod("b", "2"), pod("c", "2")]
    assert len(reasons(*moving, nodes=[node("n1"), node("n2")])) == 1


def test_what_stays_elsewhere_takes_no_room_here() -> None:
    staying = [pod("x", "2", on="other"), pod("y", "1", on="n1"), {"metadata": {}, "spec": {}}]
    assert reasons(pod("a", "1"), nodes=[node("n1")], staying=staying) == []


def test_among_pods_with_the_same_cpu_the_one_with_more_memory_goes_first() -> None:
    def with_memory(name: str, memory: str) -> Object:
        made = pod(name)
        made["spec"]["containers"][0]["resources"]["requests"] = {"memory": memory}
        return made

    small, large = with_memory("small", "2Gi"), with_memory("large", "4Gi")
    first, second = node("n1"), node("n2", cpu="1")
    second["status"]["allocatable"]["memory"] = "2Gi"
    assert reasons(small, large, nodes=[first, second]) == []


def test_what_is_not_requested_is_not_missing_on_a_node_that_holds_too_much() -> None:
    staying = [pod("x", "3", on="n1")]
    assert reasons(pod("a", "0"), nodes=[node("n1")], staying=staying) == []
    assert reasons(pod("a", "1m"), nodes=[node("n1")], staying=staying)
