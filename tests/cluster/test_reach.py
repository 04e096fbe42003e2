"""Where a Service is from here, and what is said where it is nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.capabilities.means import SANDBOX, Means
from resilience.cluster.errors import Invalid, NotFound
from resilience.cluster.reach import PUBLISHED, address, authority, route, service_port


class Fake:
    """A cluster of Services."""

    context = "staging"

    def __init__(self, *, sandbox: bool = True, annotations: Any = None, **spec: Any) -> None:
        self.means = SANDBOX if sandbox else Means()
        ports = [{"name": "http", "port": 80}, {"name": "admin", "port": 9000}]
        self.service = {
            "metadata": {"name": "web", "annotations": annotations},
            "spec": {"clusterIP": "127.9.128.1", "ports": ports, **spec},
        }

    def get(self, resource: Any, name: str, namespace: str) -> Any:
        if name != "web":
            raise NotFound(404, "not found")
        return self.service

    def list(self, resource: Any, namespace: str) -> Any:
        return [self.service]


def reach(fake: Any, port: str | int = "http", service: str = "web", **options: Any) -> Any:
    return address(fake, service, port, "shop", **options)


def test_on_the_sandbox_it_is_the_cluster_ip() -> None:
    assert reach(Fake()) == ("127.9.128.1", 80)
    assert reach(Fake(), 9000) == ("127.9.128.1", 9000)


def test_a_port_published_elsewhere_is_found_there() -> None:
    fake = Fake(annotations={PUBLISHED: "80=64080,443=64443"})
    assert reach(fake) == ("127.9.128.1", 64080)
    assert reach(fake, "admin") == ("127.9.128.1", 9000)


def test_clients_write_the_port_of_the_service() -> None:
    fake: Any = Fake(annotations={PUBLISHED: "80=64080"})
    assert service_port(fake, "web", "http", "shop") == 80
    assert service_port(fake, "web", 8443, "shop") == 8443
    with pytest.raises(NotFound, match="several ports"):
        service_port(fake, "web", "", "shop")


@pytest.mark.parametrize(
    ("host", "port", "tls", "told"),
    [("a.shop", 80, False, "a.shop"), ("a.shop", 443, True, "a.shop"),
     ("a.shop", 443, False, "a.shop:443"), ("::1", 8080, False, "[::1]:8080"),
     ("::1", 80, False, "[::1]"), ("bücher.example", 80, False, "xn--bcher-kva.example")],
)  # fmt: skip
def test_a_host_is_named_as_clients_do(host: str, port: int, tls: bool, told: str) -> None:
    assert authority(host, port, tls=tls) == told


def test_an_external_name_is_that_name() -> None:
    assert reach(Fake(type="ExternalName", externalName="example.org")) == ("example.org", 80)
    bare = Fake(type="ExternalName", externalName="example.org", ports=None)
    assert reach(bare, 8443) == ("example.org", 8443)


class Named:
    """Services `a` and `b` that are other names, and `web`."""

    def __init__(self, *, sandbox: bool = True, **names: str) -> None:
        self.means = SANDBOX if sandbox else Means()
        self.names = names

    def get(self, resource: Any, name: str, namespace: str) -> Any:
        if external := self.names.get(name):
            return {"spec": {"type": "ExternalName", "externalName": external}}
        assert (name, namespace) == ("web", "other")
        ports = [{"port": 80}]
        return {"metadata": {}, "spec": {"clusterIP": "127.9.128.1", "ports": ports}}


@pytest.mark.parametrize("end", ["", ".cluster.local", ".cluster.local."])
def test_on_the_sandbox_another_name_of_a_service_is_its_address(end: str) -> None:
    """The resolver of this machine does not know the names of the sandbox's Services."""
    there = f"web.other.svc{end}"
    fake: Any = Named(a="b.shop.svc", b=there)
    assert address(fake, "a", 80, "shop") == ("127.9.128.1", 80)
    real: Any = Named(sandbox=False, b=there)
    assert address(real, "b", 80, "shop") == (there, 80)


def test_names_that_lead_to_each_other_are_refused() -> None:
    fake: Any = Named(a="b.shop.svc", b="a.shop.svc.cluster.local")
    with pytest.raises(Invalid, match="of service shop/a, service shop/b lead to each other"):
        address(fake, "a", 80, "shop")


def test_a_headless_service_has_no_address() -> None:
    with pytest.raises(Invalid, match="service shop/web is headless"):
        reach(Fake(clusterIP="None"))


def test_an_unknown_service_or_port_is_told_with_what_there_is() -> None:
    with pytest.raises(NotFound, match="shop/wep does not exist; namespace 'shop' has: web"):
        reach(Fake(), service="wep")
    with pytest.raises(NotFound, match=r"has no port 'https'; it has: 80 \(http\), 9000 \(admin\)"):
        reach(Fake(), "https")
    with pytest.raises(NotFound, match=r"has several ports; say which with `port:`: 80 \(http\), "):
        reach(Fake(), "")
    with pytest.raises(NotFound, match="service shop/web has no port; write its number"):
        reach(Fake(type="ExternalName", externalName="example.org", ports=None), "")


def test_the_prober_stands_here_where_a_cluster_ip_works_else_in_a_pod() -> None:
    inside = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    real: Any = Fake(sandbox=False)
    embedded: Any = Fake()
    assert route(embedded, environment={}) == "direct"
    assert route(real, environment=inside) == "direct"
    assert route(real, environment={}) == "pod"
    assert route(embedded, "pod", environment={}) == "pod"
    assert reach(real) == ("127.9.128.1", 80)
