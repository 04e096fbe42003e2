"""Hosts that are written to stand for the namespace of the Service or Pod behind them."""

from __future__ import annotations

import pytest

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import NAMESPACES, PODS, SERVICES
from resilience.engine.guard.expanded import expanded
from resilience.model.step_reach import Host, Reach
from resilience.verbs.context import Refused
from tests.engine.fakes import FakeClock, FakeCluster

BEHIND = {
    "web.bank": "bank",
    "WEB.Bank": "bank",
    "web-0.web.bank": "bank",
    "10.96.0.7": "bank",
    "0x0a600007": "bank",
    "174063623": "bank",
    "[::ffff:10.96.0.7]": "bank",
    "fd00::7": "bank",
    "203.0.113.7": "bank",
    "198.51.100.7": "bank",
    "10.244.0.9": "lab",
    "web": "",
    "web.bank.": "",
    "example.com": "",
    "10.96.0.8": "",
    "127.0.0.1": "",
    "0.0.0.0": "",
    "localhost": "",
}


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster(FakeClock())
    for name in ("bank", "lab"):
        found.put(NAMESPACES, {"metadata": {"name": name}})
    service = {
        "metadata": {"name": "web", "namespace": "bank"},
        "spec": {"clusterIPs": ["10.96.0.7", "fd00::7"], "externalIPs": ["203.0.113.7"]},
        "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}},
    }
    found.put(SERVICES, service)
    headless = {"metadata": {"name": "db", "namespace": "lab"}, "spec": {"clusterIP": "None"}}
    found.put(SERVICES, headless)
    pod = {
        "metadata": {"name": "db-0", "namespace": "lab"},
        "status": {"podIP": "10.244.0.9", "podIPs": [{"ip": "10.244.0.9"}]},
    }
    found.put(PODS, pod)
    found.put(PODS, {"metadata": {"name": "new", "namespace": "lab"}})
    return found


@pytest.mark.parametrize(("host", "namespace"), BEHIND.items())
def test_a_host_is_the_namespace_behind_it(host: str, namespace: str, cluster: FakeCluster) -> None:
    found = expanded(cluster, Reach(namespaces=frozenset({"shop"}), hosts=frozenset({Host(host)})))
    assert found == Reach(namespaces=frozenset({"shop"} | ({namespace} if namespace else set())))


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("web.bank", "/api/v1/namespaces/bank"),
        ("10.96.0.7", "/api/v1/services"),
        ("10.96.0.8", "/api/v1/pods"),
    ],
)
def test_what_may_not_be_seen_is_refused(host: str, path: str, cluster: FakeCluster) -> None:
    denied = Forbidden(403, "not for you")
    cluster.faults.append(lambda method, there: denied if there == path else None)
    with pytest.raises(Refused, match=rf"whether '{host}' leads to .* `resilience rbac`"):
        expanded(cluster, Reach(hosts=frozenset({Host(host)})))


def test_a_host_alone_is_a_reach_and_joins_others() -> None:
    first, second = Host("web.bank"), Host("db.lab")
    asked = Reach(hosts=frozenset({first}))
    assert asked
    assert (asked | Reach(hosts=frozenset({second}))).hosts == {first, second}
