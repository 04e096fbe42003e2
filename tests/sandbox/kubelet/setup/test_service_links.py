"""Variables that tell a container of Services: names and values as the kubelet makes them."""

from __future__ import annotations

from typing import Any

from resilience.sandbox.kubelet.setup.service_links import ServiceLinks, of_service


def service(name: str, *ports: dict[str, Any], address: str = "10.0.0.5") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {"clusterIP": address, "ports": list(ports)},
    }


def test_a_service_is_told_in_both_forms() -> None:
    found = of_service(
        service("my-web", {"port": 80, "name": "http"}, {"port": 53, "protocol": "UDP"})
    )
    assert found == {
        "MY_WEB_SERVICE_HOST": "10.0.0.5",
        "MY_WEB_SERVICE_PORT": "80",
        "MY_WEB_SERVICE_PORT_HTTP": "80",
        "MY_WEB_PORT": "tcp://10.0.0.5:80",
        "MY_WEB_PORT_80_TCP": "tcp://10.0.0.5:80",
        "MY_WEB_PORT_80_TCP_PROTO": "tcp",
        "MY_WEB_PORT_80_TCP_PORT": "80",
        "MY_WEB_PORT_80_TCP_ADDR": "10.0.0.5",
        "MY_WEB_PORT_53_UDP": "udp://10.0.0.5:53",
        "MY_WEB_PORT_53_UDP_PROTO": "udp",
        "MY_WEB_PORT_53_UDP_PORT": "53",
        "MY_WEB_PORT_53_UDP_ADDR": "10.0.0.5",
    }


def test_headless_and_external_services_are_not_told() -> None:
    assert of_service(service("a", {"port": 80}, address="None")) == {}
    assert of_service(service("a", {"port": 80}, address="")) == {}


def test_only_services_of_the_namespace_that_are_still_there_are_told() -> None:
    links = ServiceLinks()
    one = service("one", {"port": 1})
    links.seen("ADDED", one, None)
    links.seen("ADDED", service("two", {"port": 2}), None)
    links.seen("DELETED", one, one)
    assert "TWO_SERVICE_HOST" in links.variables("shop")
    assert "ONE_SERVICE_HOST" not in links.variables("shop")
    assert links.variables("other") == {}
