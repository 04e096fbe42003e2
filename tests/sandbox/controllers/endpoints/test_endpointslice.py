"""EndpointSlices and Endpoints (rules 3.6)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.endpoints.slice_plan import plan
from resilience.sandbox.kube.api import Obj
from tests.sandbox.controllers.world import World, deployment, pod

SLICES = "endpointslices.discovery.k8s.io"


def a_service(name: str = "web", target: int | str = 8080, **spec: Any) -> Obj:
    ports = [{"name": "http", "port": 80, "targetPort": target}]
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"app": "web"}, "ports": ports, **spec},
    }


@pytest.fixture
def served(world: World) -> World:
    """Three ready Pods behind a Service."""
    world.create("services", a_service())
    world.create("deployments.apps", deployment())
    world.run(5)
    return world


def endpoints(world: World) -> list[Obj]:
    return [e for s in world.all(SLICES) for e in s["endpoints"]]


def conditions(world: World, name: str) -> list[tuple[bool, bool, bool]]:
    return [
        (e["conditions"]["ready"], e["conditions"]["serving"], e["conditions"]["terminating"])
        for e in endpoints(world)
        if e["targetRef"]["name"] == name
    ]


def test_ready_pods_are_ready_endpoints_with_node_and_target(served: World) -> None:
    by_name = {p["metadata"]["name"]: p for p in served.pods()}
    for endpoint in endpoints(served):
        owner = by_name[endpoint["targetRef"]["name"]]
        assert endpoint["addresses"] == [owner["status"]["podIP"]]
        assert endpoint["nodeName"] == owner["spec"]["nodeName"]
        assert endpoint["targetRef"]["uid"] == owner["metadata"]["uid"]
    assert len(endpoints(served)) == 3


def test_the_slice_names_its_service_its_manager_and_its_ports(served: World) -> None:
    found = served.all(SLICES)[0]
    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert found["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == (
        "endpointslice-controller.k8s.io"
    )
    assert found["metadata"]["name"].startswith("web-")
    assert found["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]


def test_a_deleted_pod_serves_on_but_is_not_ready(served: World) -> None:
    name = served.pods()[0]["metadata"]["name"]
    served.delete("pods", name)
    served.run(0)
    assert conditions(served, name) == [(False, True, True)]


def test_a_deleted_pod_leaves_when_its_object_goes(served: World) -> None:
    name = served.pods()[0]["metadata"]["name"]
    served.delete("pods", name)
    served.run(0.9)
    assert conditions(served, name)
    served.run(0.2)
    assert conditions(served, name) == []


def test_a_pod_deleted_with_grace_0_leaves_at_once(served: World) -> None:
    name = served.pods()[0]["metadata"]["name"]
    served.delete("pods", name, grace=0)
    served.run(0)
    assert conditions(served, name) == []


def test_a_pod_that_is_not_ready_stays_as_such(served: World) -> None:
    name = served.pods()[0]["metadata"]["name"]
    served.report(name, ready=False)
    served.run(0)
    assert conditions(served, name) == [(False, False, False)]


def test_publish_not_ready_addresses_makes_every_member_ready(world: World) -> None:
    world.unready.add("web")
    world.create("services", a_service(publishNotReadyAddresses=True))
    world.create("deployments.apps", deployment())
    world.run(5)
    assert [e["conditions"]["ready"] for e in endpoints(world)] == [True] * 3
    assert [e["conditions"]["serving"] for e in endpoints(world)] == [False] * 3


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_an_ended_pod_is_no_member(world: World, phase: str) -> None:
    world.create("services", a_service())
    world.create("pods", pod("one"))
    world.run(2)
    world.report("one", phase=phase, ready=False)
    world.run(0)
    assert endpoints(world) == []


def test_a_pod_without_address_is_no_member() -> None:
    world = World(start=60)
    world.create("services", a_service())
    world.create("pods", pod("one"))
    world.run(5)
    assert endpoints(world) == []


def test_a_service_without_pods_has_one_empty_slice(world: World) -> None:
    world.create("services", a_service())
    world.run(0)
    assert [(s["endpoints"], s["ports"]) for s in world.all(SLICES)] == [([], [])]


def test_a_service_without_selector_gets_no_slice(world: World) -> None:
    world.create("services", {"metadata": {"name": "x"}, "spec": {"ports": [{"port": 80}]}})
    world.run(1)
    assert [s for s in world.all(SLICES) if s["metadata"]["name"].startswith("x-")] == []


def test_a_named_target_port_is_resolved_on_each_pod(world: World) -> None:
    world.create("services", a_service(target="http"))
    for name, number in (("a", 8080), ("b", 9090)):
        body = pod(name)
        ports = [{"name": "http", "containerPort": number}]
        body["spec"]["containers"][0]["ports"] = ports
        world.create("pods", body)
    world.run(2)
    found = {s["ports"][0]["port"]: len(s["endpoints"]) for s in world.all(SLICES)}
    assert found == {8080: 1, 9090: 1}


def test_a_headless_service_is_marked_so(world: World) -> None:
    world.create("services", a_service(clusterIP="None"))
    world.run(0)
    assert "service.kubernetes.io/headless" in world.all(SLICES)[0]["metadata"]["labels"]


def test_hostname_is_published_under_the_services_own_subdomain(world: World) -> None:
    world.create("services", a_service(clusterIP="None"))
    world.create("pods", pod("one", hostname="db-0", subdomain="web"))
    world.create("pods", pod("two", hostname="db-1", subdomain="other"))
    world.run(2)
    names = {e["targetRef"]["name"]: e.get("hostname") for e in endpoints(world)}
    assert names == {"one": "db-0", "two": None}


def test_slices_go_with_their_service(served: World) -> None:
    served.delete("services", "web")
    served.run(0)
    assert served.all(SLICES) == []
    assert served.find("endpoints", "web") is None


def test_a_deleted_slice_comes_back(served: World) -> None:
    served.delete(SLICES, served.all(SLICES)[0]["metadata"]["name"])
    served.run(0)
    assert len(endpoints(served)) == 3


def test_a_changed_selector_changes_the_members(served: World) -> None:
    served.patch("services", "web", {"spec": {"selector": {"app": "none"}}})
    served.run(0)
    assert endpoints(served) == []


def test_endpoints_hold_ready_and_not_ready_addresses_and_no_terminating_ones(
    served: World,
) -> None:
    one, two, _ = (p["metadata"]["name"] for p in served.pods())
    served.report(one, ready=False)
    served.delete("pods", two)
    served.run(0)
    subset = served.get("endpoints", "web")["subsets"][0]
    assert [a["targetRef"]["name"] for a in subset["notReadyAddresses"]] == [one]
    assert two not in [a["targetRef"]["name"] for a in subset["addresses"]]


def an_endpoint(number: int, ready: bool = True) -> Obj:
    return {
        "conditions": {"ready": ready},
        "targetRef": {"uid": f"u{number}", "name": f"p{number:04}"},
    }


def wanted(*numbers: int) -> dict[str, Obj]:
    return {f"u{n}": an_endpoint(n) for n in numbers}


def test_a_hundred_and_one_endpoints_need_two_slices() -> None:
    assert [len(s) for s in plan({}, wanted(*range(101))).create] == [100, 1]


def test_nothing_to_change_writes_nothing() -> None:
    todo = plan({"a": [an_endpoint(1)]}, wanted(1))
    assert (todo.update, todo.create, todo.delete) == ({}, [], [])


def test_slices_are_not_rebalanced() -> None:
    existing = {"a": [an_endpoint(n) for n in range(100)], "b": [an_endpoint(100)]}
    todo = plan(existing, wanted(*range(1, 101)))
    assert list(todo.update) == ["a"]
    assert len(todo.update["a"]) == 99


def test_a_slice_that_changes_anyway_takes_the_new_ones_first() -> None:
    existing = {"a": [an_endpoint(1)], "b": [an_endpoint(2), an_endpoint(3)]}
    todo = plan(existing, wanted(1, 2, 4))
    assert list(todo.update) == ["b"]


def test_what_is_left_goes_into_the_fullest_slice_that_takes_it_all() -> None:
    existing = {
        "small": [an_endpoint(1)],
        "fuller": [an_endpoint(n) for n in range(10, 40)],
        "full": [an_endpoint(n) for n in range(100, 200)],
    }
    todo = plan(existing, wanted(1, *range(10, 40), *range(100, 200), 500))
    assert list(todo.update) == ["fuller"]
    assert todo.create == []


def test_a_slice_that_becomes_empty_is_deleted() -> None:
    todo = plan({"a": [an_endpoint(1)], "b": [an_endpoint(2)]}, wanted(2))
    assert (todo.update, todo.delete) == ({}, ["a"])
