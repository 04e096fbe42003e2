"""What a prober may touch and needs, by its keys: for every kind of probe the same."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from resilience.model.step_reach import Host, Reach, within
from resilience.model.verb import Right
from resilience.probes.prober.launch import Via
from resilience.probes.service import placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    service: str = ""
    namespace: str = ""
    via: Via = "auto"
    agents: int = 1


TABLE: tuple[tuple[Probe, bool, bool], ...] = (
    (Probe(service="web"), True, True),
    (Probe(service="web", via="pod"), True, True),
    (Probe(service="web", via="direct"), True, False),
    (Probe(service="web", via="direct", agents=3), True, True),
    (Probe(), False, False),
    (Probe(agents=3), False, True),
    (Probe(via="pod"), False, True),
    (Probe(via="direct"), False, False),
)
"""Probe -> does it look up a Service, may its prober be a Pod."""


@pytest.mark.parametrize(("probe", "looks_up", "inside"), TABLE)
def test_permissions_follow_from_the_service_and_the_place(
    probe: Probe, looks_up: bool, inside: bool
) -> None:
    own = Right(verb="get", group="", resource="secrets", namespace="shop", name="token")
    found = [(right.verb, right.resource) for right in placement.rights(probe, "shop", [own])]
    assert (("get", "services") in found) is looks_up
    assert ("get", "secrets") in found
    assert (("create", "pods") in found) is inside
    assert (("create", "jobs") in found) is (probe.agents > 1)


@pytest.mark.parametrize(("probe", "looks_up", "inside"), TABLE)
def test_only_a_prober_in_a_pod_writes_to_the_namespace(
    probe: Probe, looks_up: bool, inside: bool
) -> None:
    expected = Reach(namespaces=frozenset({"shop"})) if inside else Reach()
    assert placement.reach(probe, "shop") == expected


def test_the_probes_own_namespace_comes_before_the_scenarios() -> None:
    probe = Probe(service="web", namespace="other", via="pod")
    assert {right.namespace for right in placement.rights(probe, "shop")} == {"other"}
    assert placement.reach(probe, "shop") == Reach(namespaces=frozenset({"other"}))
    assert placement.asked(probe, "shop", "") == placement.of_service("web", "other")


def test_a_service_is_its_namespace_and_whatever_it_leads_to() -> None:
    found = placement.of_service("web", "other")
    assert found == within("other") | hosts(("web.other.svc", 0))


def test_a_host_with_a_services_name_is_in_that_services_namespace() -> None:
    name = "db.data.svc.cluster.local"
    assert placement.asked(Probe(), "shop", name) == within("data") | hosts((name, 0))


def test_a_host_that_is_no_service_of_a_known_namespace_is_asked_about() -> None:
    assert placement.asked(Probe(), "shop", "db.bank", 80) == hosts(("db.bank", 80))
    assert placement.asked(Probe(), "shop", "10.0.0.7", "http") == hosts(("10.0.0.7", 0))
    assert placement.asked(Probe(), "shop", "") == Reach()


def test_one_label_is_a_service_where_the_prober_may_be() -> None:
    probe = Probe(namespace="lab", via="pod")
    assert placement.asked(probe, "shop", "db") == hosts(("db", 0), ("db.lab.svc", 0))


def test_the_host_that_requests_name_counts_as_well() -> None:
    headers = {"HOST": "bank.example.com:8443", "X-Host": "other.example.com"}
    found = placement.named_to(headers, "shop", "tls.example.com", "")
    assert found == hosts(("bank.example.com", 0), ("tls.example.com", 0))


def test_a_url_without_a_port_has_its_schemes() -> None:
    urls = ("http://a", "https://a", "https://a:8443")
    assert [placement.port_of(urlsplit(url)) for url in urls] == [80, 443, 8443]


def hosts(*wanted: tuple[str, int]) -> Reach:
    return Reach(hosts=frozenset(Host(*each) for each in wanted))
