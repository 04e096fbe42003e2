"""Walls of NetworkPolicies, held against an evaluator of the rules of networking.k8s.io/v1."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.network.network_policies import Wall, Way, complement, other_ports, policy
from resilience.kube.selectors import Selector
from resilience.sandbox.dataplane.policy_rules import CLUSTER_DNS, Peer, allows
from resilience.sandbox.kube.labels import matches

META = {"name": "wall", "namespace": "shop"}


def pod(address: str, namespace: str = "shop", **labels: str) -> Peer:
    return Peer(address=address, namespace=namespace, labels=labels,
                namespace_labels={"kubernetes.io/metadata.name": namespace})  # fmt: skip


WEB, DB, CACHE = pod("10.0.0.1", app="web"), pod("10.0.0.2", app="db"), pod("10.0.0.3", app="cache")
THEIR_DB = pod("10.0.1.2", "other", app="db")
OUTSIDE = Peer(address="192.0.2.7")
Link = tuple[Peer, Peer, int]


def cut(wall: dict[str, Any], ways: tuple[Way, ...], links: list[Link]) -> list[bool]:
    walls = [policy(META, Wall(subject=Selector.parse("app=web"), **wall), ways)]
    return [not allows(walls, *link, "TCP") for link in links]


def test_between_two_selectors_only_these_two_are_cut() -> None:
    wall = {"peer": Selector.parse("app=db"), "addresses": ("10.0.0.2",)}
    links: list[Link] = [(WEB, DB, 5432), (DB, WEB, 80), (WEB, CACHE, 80), (WEB, THEIR_DB, 5432),
                         (WEB, OUTSIDE, 443), (CACHE, DB, 5432), (OUTSIDE, WEB, 80)]  # fmt: skip
    assert cut(wall, ("egress",), links) == [True, False, False, False, False, False, False]
    assert cut(wall, ("ingress",), links) == [False, True, False, False, False, False, False]
    assert cut(wall, ("ingress", "egress"), links)[:2] == [True, True]


def test_on_some_ports_the_others_stay_open() -> None:
    wall = {"peer": Selector.parse("app=db"), "addresses": ("10.0.0.2",), "ports": (5432, 5434)}
    links: list[Link] = [(WEB, DB, port) for port in (5431, 5432, 5433, 5434, 5435)]
    assert cut(wall, ("egress",), links) == [False, True, False, True, False]
    alone = {"ports": (53,)}
    assert cut(alone, ("egress",), [(WEB, CLUSTER_DNS, 53), (WEB, DB, 54)]) == [True, False]


def test_names_resolve_unless_that_is_to_be_cut() -> None:
    links: list[Link] = [(WEB, CLUSTER_DNS, 53), (WEB, DB, 5432), (WEB, OUTSIDE, 443)]
    assert cut({}, ("egress",), links) == [False, True, True]
    assert cut({"dns": True}, ("egress",), links) == [True, True, True]
    peer = {"peer": Selector.parse("app=db")}
    assert cut(peer, ("egress",), links) == [False, False, False]  # an address nobody excepted
    assert cut({}, ("ingress",), [(OUTSIDE, WEB, 80), (DB, WEB, 80)]) == [True, True]


@pytest.mark.parametrize(
    "text", ["app=db", "app=db,tier=back", "app in (a,b),!canary", "app!=db", "gpu,app notin (a)"]
)
def test_a_complement_matches_exactly_what_the_selector_does_not(text: str) -> None:
    selector = Selector.parse(text)
    values = [None, "a", "b", "db", "back"]
    for app in values:
        for tier in values:
            for more in ({}, {"canary": "1"}, {"gpu": "1"}):
                labels = more | ({"app": app} if app else {}) | ({"tier": tier} if tier else {})
                others = any(matches(each, labels) for each in complement(selector))
                assert others is not selector.matches(labels), labels


def test_every_port_but_these_stands_in_exactly_one_range() -> None:
    tcp = [each for each in other_ports([65535, 1, 80, 81]) if each["protocol"] == "TCP"]
    assert [(each["port"], each["endPort"]) for each in tcp] == [(2, 79), (82, 65534)]


def test_addresses_of_both_families_are_left_out_of_their_own_block() -> None:
    wall = Wall(subject=Selector.parse("app=web"), peer=Selector.parse("app=db"),
                addresses=("10.0.0.2", "fd00::2"))  # fmt: skip
    peers = policy(META, wall, ["egress"])["spec"]["egress"][0]["to"]
    blocks = [each["ipBlock"] for each in peers if "ipBlock" in each]
    assert blocks == [{"cidr": "0.0.0.0/0", "except": ["10.0.0.2/32"]},
                      {"cidr": "::/0", "except": ["fd00::2/128"]}]  # fmt: skip
