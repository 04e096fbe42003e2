"""Records of cluster DNS other than addresses, and names that stand for others."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.dataplane.dns import cluster_dns
from resilience.sandbox.dataplane.dns.dns_records import Record, records
from resilience.sandbox.dataplane.service_state import State


def service(name: str, **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}, {"name": "q", "port": 53,
             "protocol": "UDP"}]  # fmt: skip
    return {
        "metadata": {"namespace": "shop", "name": name, "uid": name},
        "spec": {"type": "ClusterIP", "ports": ports, **spec},
    }


@pytest.fixture
def state() -> State:
    found = State()
    for each in (
        service("web", clusterIP="127.20.128.9"),
        service("db", clusterIP="None"),
        service("out", type="ExternalName", externalName="Foo.example.com", ports=[]),
        service("in", type="ExternalName", externalName="web.shop.svc.cluster.local."),
    ):
        found.service_changed("ADDED", each, None)
    endpoints = [
        {"addresses": ["127.20.32.7"], "hostname": "db-0", "conditions": {"ready": True}},
        {"addresses": ["127.20.32.8"], "conditions": {"ready": True}},
        {"addresses": ["127.20.32.9"], "conditions": {"ready": False}},
    ]
    piece = {
        "metadata": {
            "namespace": "shop", "name": "db-1", "uid": "db-1",
            "labels": {"kubernetes.io/service-name": "db"},
        },
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": endpoints,
    }  # fmt: skip
    found.slice_changed("ADDED", piece, None)
    return found


DOMAIN = "shop.svc.cluster.local"


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("A", f"web.{DOMAIN}", [(f"web.{DOMAIN}.", "A", "127.20.128.9")]),
        ("A", f"WEB.{DOMAIN}.", [(f"web.{DOMAIN}.", "A", "127.20.128.9")]),
        ("A", f"127-20-32-8.db.{DOMAIN}",
         [(f"127-20-32-8.db.{DOMAIN}.", "A", "127.20.32.8")]),
        ("SRV", f"_http._tcp.web.{DOMAIN}",
         [(f"_http._tcp.web.{DOMAIN}.", "SRV", f"0 100 80 web.{DOMAIN}.")]),
        ("SRV", f"_q._udp.web.{DOMAIN}",
         [(f"_q._udp.web.{DOMAIN}.", "SRV", f"0 100 53 web.{DOMAIN}.")]),
        ("SRV", f"_q._tcp.web.{DOMAIN}", []),
        ("SRV", f"_http._tcp.db.{DOMAIN}", [
            (f"_http._tcp.db.{DOMAIN}.", "SRV", f"0 50 8080 127-20-32-8.db.{DOMAIN}."),
            (f"_http._tcp.db.{DOMAIN}.", "SRV", f"0 50 8080 db-0.db.{DOMAIN}."),
        ]),
        ("PTR", "9.128.20.127.in-addr.arpa",
         [("9.128.20.127.in-addr.arpa.", "PTR", f"web.{DOMAIN}.")]),
        ("PTR", "7.32.20.127.in-addr.arpa",
         [("7.32.20.127.in-addr.arpa.", "PTR", f"db-0.db.{DOMAIN}.")]),
        ("PTR", "8.32.20.127.in-addr.arpa", []),
        ("CNAME", f"out.{DOMAIN}", [(f"out.{DOMAIN}.", "CNAME", "foo.example.com.")]),
        ("A", f"in.{DOMAIN}", [
            (f"in.{DOMAIN}.", "CNAME", f"web.{DOMAIN}."),
            (f"in.{DOMAIN}.", "A", "127.20.128.9"),
        ]),
        ("CNAME", f"web.{DOMAIN}", []),
        ("A", "web", []),
    ],
)  # fmt: skip
def test_the_records_of_a_service_are_those_of_cluster_dns(
    state: State, kind: str, name: str, expected: list[Record]
) -> None:
    assert records(state, kind, name, "shop", search=False) == expected


def test_the_search_list_is_applied_on_demand(state: State) -> None:
    found = records(state, "SRV", "_http._tcp.web.shop.svc", "other", search=True)
    assert found == [(f"_http._tcp.web.{DOMAIN}.", "SRV", f"0 100 80 web.{DOMAIN}.")]


@pytest.mark.parametrize(
    ("name", "answer"),
    [("out.shop", "foo.example.com"), ("in.shop", ["127.20.128.9"])],
)
def test_an_external_name_is_another_name(state: State, name: str, answer: Any) -> None:
    """It has no address of its own, and did not always have one to look for."""
    assert cluster_dns.lookup(state, name, "other") == answer
