"""How sessions of a ledger are opened: a store is called by the name that its clients use."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.cluster.errors import NotFound
from resilience.ledger.drivers.http_driver import HttpStore
from resilience.ledger.opening import opening
from resilience.ledger.targets import HttpTarget
from tests.probes.server import Server, answer


class Cluster:
    """One with the Service `kv`."""

    def get(self, resource: Any, name: str, namespace: str) -> Any:
        if name != "kv":
            raise NotFound(404, "no such Service")
        return {"spec": {"ports": [{"name": "web", "port": 8080}, {"name": "tls", "port": 443}]}}


def opened(at: int = 0, **given: Any) -> HttpStore:
    target = HttpTarget(put="/{key}", list="/", delete="/{key}", **given)
    around: Any = SimpleNamespace(cluster=Cluster())
    made: Any = opening(
        target, around, lambda *_: ("127.0.0.1", at), namespace="shop", start="s.", timeout=2.0,
        directory=Path(),
    )  # fmt: skip
    assert isinstance(made, HttpStore)
    return made


@pytest.mark.parametrize(
    ("given", "authority"),
    [
        ({"service": "kv", "port": "web"}, "kv.shop:8080"),
        ({"service": "kv", "port": "tls", "scheme": "https"}, "kv.shop"),
        ({"service": "kv", "port": 9}, "kv.shop:9"),
        ({"service": "gone", "port": "web"}, "gone.shop"),
        ({"host": "kv.example.com"}, "kv.example.com"),
        ({"host": "kv.example.com", "scheme": "https"}, "kv.example.com"),
        ({"host": "kv.example.com", "port": 8080}, "kv.example.com:8080"),
    ],
)
def test_a_store_is_called_by_the_name_and_port_that_its_clients_use(
    given: dict[str, Any], authority: str
) -> None:
    store = opened(**given)
    assert (store.authority, store.host) == (authority, authority.partition(":")[0])


def test_that_name_reaches_the_server() -> None:
    with Server(answer()) as server:
        opened(server.port, service="kv", port="web")().put("s.1", "x")
        assert b"Host: kv.shop:8080\r\n" in server.heads[0]
