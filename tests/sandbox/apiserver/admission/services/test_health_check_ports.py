"""A load balancer that keeps traffic on the node asks each node for its health, at a port of its
own."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.kube.api import ApiError


def balancer(name: str, policy: str = "Local", **spec: Any) -> dict[str, Any]:
    spec = {"type": "LoadBalancer", "externalTrafficPolicy": policy, "ports": [{"port": 80}]} | spec
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


def created(api: Registry, body: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = api.create(api.resource("services"), body)["spec"]
    return spec


def changed(api: Registry, body: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = api.update(api.resource("services"), body)["spec"]
    return spec


def test_it_is_allocated_kept_and_given_back(api: Registry) -> None:
    spec = created(api, balancer("a"))
    port = spec["healthCheckNodePort"]
    assert port in range(30000, 32768)
    assert port != spec["ports"][0]["nodePort"]
    assert changed(api, balancer("a", selector={"a": "b"}))["healthCheckNodePort"] == port
    assert "healthCheckNodePort" not in changed(
        api, balancer("a", "Cluster", healthCheckNodePort=port)
    )
    assert created(api, balancer("b", healthCheckNodePort=port))["healthCheckNodePort"] == port


@pytest.mark.parametrize(
    "body", [balancer("a", "Cluster"), balancer("a", type="NodePort")], ids=["cluster", "node port"]
)
def test_no_other_service_has_one(api: Registry, body: dict[str, Any]) -> None:
    assert "healthCheckNodePort" not in created(api, body)


def test_one_that_another_service_has_is_refused(api: Registry) -> None:
    port = created(api, balancer("a"))["healthCheckNodePort"]
    with pytest.raises(ApiError, match=r"HealthCheck NodePort .* already allocated") as refused:
        created(api, balancer("b", healthCheckNodePort=port))
    assert refused.value.code == 500
    with pytest.raises(ApiError, match=r"nodePort.*provided port is already allocated"):
        created(api, balancer("c", ports=[{"port": 80, "nodePort": port}]))


def test_it_cannot_be_changed(api: Registry) -> None:
    port = created(api, balancer("a"))["healthCheckNodePort"]
    with pytest.raises(ApiError, match=r"healthCheckNodePort.*field is immutable"):
        changed(api, balancer("a", healthCheckNodePort=port - 1 if port > 30000 else port + 1))


def test_no_port_is_allocated_twice(api: Registry) -> None:
    found = list[int]()
    for name in "ab":
        ports = [{"name": f"p{number}", "port": number} for number in range(1, 301)]
        spec = created(api, balancer(name, ports=ports))
        found += [spec["healthCheckNodePort"], *(port["nodePort"] for port in spec["ports"])]
    assert len(set(found)) == 602
