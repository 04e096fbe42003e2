"""Which Services get node ports that they do not request."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry

NONE = {"allocateLoadBalancerNodePorts": False}


def service(kind: str, port: int = 80, node_port: int = 0, **spec: Any) -> dict[str, Any]:
    ports = [{"port": port} | ({"nodePort": node_port} if node_port else {})]
    spec = {"type": kind, "ports": ports} | spec
    return {"metadata": {"name": "a", "namespace": "default"}, "spec": spec}


def node_port(api: Registry, body: dict[str, Any], *, update: bool = False) -> int | None:
    act = api.update if update else api.create
    [port] = act(api.resource("services"), body)["spec"]["ports"]
    found: int | None = port.get("nodePort")
    return found


@pytest.mark.parametrize(
    ("body", "allocated"),
    [
        (service("ClusterIP"), False),
        (service("NodePort"), True),
        (service("LoadBalancer"), True),
        (service("LoadBalancer", allocateLoadBalancerNodePorts=True), True),
        (service("LoadBalancer", **NONE), False),
    ],
)
def test_a_port_is_allocated_where_the_type_has_one(
    api: Registry, body: dict[str, Any], allocated: bool
) -> None:
    assert (node_port(api, body) is not None) is allocated


def test_a_load_balancer_without_ports_of_its_own_keeps_one_that_it_requests(api: Registry) -> None:
    assert node_port(api, service("LoadBalancer", node_port=30080, **NONE)) == 30080


def test_one_that_it_had_stays_until_its_port_changes(api: Registry) -> None:
    before = node_port(api, service("LoadBalancer"))
    assert node_port(api, service("LoadBalancer", **NONE), update=True) == before
    assert node_port(api, service("LoadBalancer", port=81, **NONE), update=True) is None
