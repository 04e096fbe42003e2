"""Which endpoints a Service port has: kube-proxy's choice, as pure functions."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.dataplane.choice import Chooser
from resilience.sandbox.dataplane.dns import cluster_dns
from resilience.sandbox.dataplane.forwarding_table import (
    Forward,
    Listen,
    forwards,
    source_of,
    usable,
)
from resilience.sandbox.dataplane.service_state import State


def endpoint(address: str, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "conditions": conditions}


READY = {"ready": True, "serving": True, "terminating": False}
LEAVING = {"ready": False, "serving": True, "terminating": True}
BROKEN = {"ready": False, "serving": False, "terminating": False}
LEAVING_BROKEN = {"ready": False, "serving": False, "terminating": True}


@pytest.mark.parametrize(
    ("conditions", "chosen"),
    [
        ([READY, READY], [0, 1]),
        ([READY, LEAVING, BROKEN], [0]),
        ([LEAVING, BROKEN], [0]),
        ([LEAVING_BROKEN, BROKEN], []),
        ([{}], [0]),
        ([{"ready": None}], [0]),
    ],
)
def test_ready_endpoints_else_those_that_serve_while_terminating(
    conditions: list[dict[str, bool]], chosen: list[int]
) -> None:
    endpoints = [{"addresses": [str(n)], "conditions": c} for n, c in enumerate(conditions)]
    assert [int(e["addresses"][0]) for e in usable(endpoints)] == chosen


def service(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "shop", "name": "web", "uid": "s"},
        "spec": {"clusterIP": "127.20.128.9", "ports": [{"port": 80}], **spec},
    }


def endpoint_slice(
    *endpoints: dict[str, Any], uid: str = "e", ports: Any = None, name: str = "web"
) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "shop",
            "name": uid,
            "uid": uid,
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": ports or [{"port": 8080, "protocol": "TCP"}],
        "endpoints": list(endpoints),
    }


def test_a_service_port_forwards_to_the_slices_port() -> None:
    found = forwards(service(), [endpoint_slice(endpoint("127.20.32.1", **READY))], [])
    where = Listen("127.20.128.9", 80, "TCP")
    assert found == {where: Forward("shop/web", (("127.20.32.1", 8080),))}


def test_ports_are_matched_by_name() -> None:
    ports = [{"name": "http", "port": 8080}, {"name": "admin", "port": 9090}]
    many = service(ports=[{"name": "admin", "port": 81}, {"name": "http", "port": 80}])
    found = forwards(many, [endpoint_slice(endpoint("127.20.32.1", **READY), ports=ports)], [])
    assert {where.port: forward.endpoints[0][1] for where, forward in found.items()} == {
        81: 9090,
        80: 8080,
    }


def test_terminating_endpoints_count_only_when_no_slice_has_a_ready_one() -> None:
    one = endpoint_slice(endpoint("127.20.32.1", **LEAVING), uid="a")
    other = endpoint_slice(endpoint("127.20.32.2", **READY), uid="b")
    (forward,) = forwards(service(), [one, other], []).values()
    assert forward.endpoints == (("127.20.32.2", 8080),)


def test_a_node_port_is_served_on_every_node() -> None:
    found = forwards(
        service(ports=[{"port": 80, "nodePort": 30080}]), [], ["127.20.0.1", "127.20.0.2"]
    )
    assert {(where.address, where.port) for where in found} == {
        ("127.20.128.9", 80),
        ("127.20.0.1", 30080),
        ("127.20.0.2", 30080),
    }


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName"}])
def test_services_without_an_address_are_not_forwarded(spec: dict[str, Any]) -> None:
    assert forwards(service(**spec), [endpoint_slice(endpoint("127.20.32.1"))], []) == {}


@pytest.mark.parametrize(
    ("client", "source"),
    [("127.20.32.7", "127.20.32.7"), ("127.0.0.1", "127.20.0.1"), ("10.1.2.3", None)],
)
def test_clients_inside_keep_their_address_and_others_get_a_nodes(
    client: str, source: str | None
) -> None:
    assert source_of(client, "127.20.128.9") == source


ENDPOINTS = (("127.20.32.1", 1), ("127.20.32.2", 2))


def test_a_client_with_affinity_keeps_its_endpoint_until_it_was_away_too_long() -> None:
    time = [0.0]
    picks = iter([ENDPOINTS[0], ENDPOINTS[1]])
    chooser = Chooser(pick=lambda _: next(picks), now=lambda: time[0])
    forward = Forward("s", ENDPOINTS, affinity=100)
    assert chooser.choose(forward, "c") == ENDPOINTS[0]
    time[0] = 100
    assert chooser.choose(forward, "c") == ENDPOINTS[0]
    time[0] = 201
    assert chooser.choose(forward, "c") == ENDPOINTS[1]


def test_a_client_with_affinity_moves_when_its_endpoint_is_gone() -> None:
    chooser = Chooser(pick=lambda endpoints: endpoints[0])
    assert chooser.choose(Forward("s", ENDPOINTS, 100), "c") == ENDPOINTS[0]
    assert chooser.choose(Forward("s", ENDPOINTS[1:], 100), "c") == ENDPOINTS[1]


@pytest.fixture
def state() -> State:
    state = State()
    state.service_changed("ADDED", service(), None)
    headless = service(clusterIP="None")
    headless["metadata"] = {"namespace": "shop", "name": "db", "uid": "h"}
    state.service_changed("ADDED", headless, None)
    members = [
        {**endpoint("127.20.32.7", **READY), "hostname": "db-0"},
        {**endpoint("127.20.32.8", **BROKEN), "hostname": "db-1"},
    ]
    state.slice_changed("ADDED", endpoint_slice(*members, uid="d", name="db"), None)
    return state


@pytest.mark.parametrize(
    ("name", "namespace", "addresses"),
    [
        ("web", "shop", ["127.20.128.9"]),
        ("web", "other", None),
        ("web.shop", "other", ["127.20.128.9"]),
        ("web.shop.svc", "other", ["127.20.128.9"]),
        ("web.shop.svc.cluster.local", "other", ["127.20.128.9"]),
        ("db", "shop", ["127.20.32.7"]),
        ("db-0.db", "shop", ["127.20.32.7"]),
        ("db-1.db", "shop", None),
        ("db-0.db.shop.svc.cluster.local", "x", ["127.20.32.7"]),
        ("127-20-32-7.shop.pod.cluster.local", "x", ["127.20.32.7"]),
        ("nothere", "shop", None),
        ("example.com", "shop", None),
        ("a.b.web.shop.svc.cluster.local", "x", None),
    ],
)
def test_a_service_name_resolves_to_its_addresses(
    state: State, name: str, namespace: str, addresses: list[str] | None
) -> None:
    assert cluster_dns.lookup(state, name, namespace) == addresses


def test_a_slice_that_changes_its_service_leaves_the_old_one() -> None:
    heard: list[str] = []
    state = State(heard.append)
    old = endpoint_slice(endpoint("127.20.32.1"), name="web")
    new = endpoint_slice(endpoint("127.20.32.1"), name="api")
    state.slice_changed("ADDED", old, None)
    state.slice_changed("MODIFIED", new, old)
    assert heard == ["shop/web", "shop/web", "shop/api"]
    assert list(state.slices_of(service())) == []
