"""NetworkPolicy rules as a pure question."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.dataplane.policy_rules import CLUSTER_DNS, Peer, allows

WEB = Peer(
    address="127.20.32.1",
    namespace="shop",
    labels={"app": "web"},
    namespace_labels={"team": "a"},
    ports={"http": 8080},
)
CLIENT = Peer(address="127.20.32.2", namespace="shop", labels={"app": "client"},
              namespace_labels={"team": "a"})  # fmt: skip
STRANGER = Peer(address="127.20.32.3", namespace="other", labels={"app": "client"},
                namespace_labels={"team": "b"})  # fmt: skip
OUTSIDE = Peer(address="127.20.0.1")


def policy(namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "p"}, "spec": {"podSelector": {}, **spec}}


def reach(source: Peer, *policies: dict[str, Any], port: int = 8080) -> bool:
    return allows(policies, source, WEB, port, "TCP")


def test_without_a_policy_everything_is_open() -> None:
    assert all(reach(source) for source in (CLIENT, STRANGER, OUTSIDE))


def test_an_empty_ingress_policy_denies_everybody() -> None:
    deny = policy(policyTypes=["Ingress"])
    assert not any(reach(source, deny) for source in (CLIENT, STRANGER, OUTSIDE))


def test_a_policy_of_another_namespace_or_of_other_pods_does_not_apply() -> None:
    assert reach(STRANGER, policy("elsewhere", policyTypes=["Ingress"]))
    assert reach(STRANGER, policy(podSelector={"matchLabels": {"app": "db"}}))


@pytest.mark.parametrize(
    ("peer", "client", "stranger"),
    [
        ({"podSelector": {"matchLabels": {"app": "client"}}}, True, False),
        ({"podSelector": {"matchLabels": {"app": "other"}}}, False, False),
        ({"namespaceSelector": {}}, True, True),
        ({"namespaceSelector": {"matchLabels": {"team": "b"}}}, False, True),
        (
            {
                "namespaceSelector": {"matchLabels": {"team": "b"}},
                "podSelector": {"matchLabels": {"app": "web"}},
            },
            False,
            False,
        ),
        ({"ipBlock": {"cidr": "127.20.32.0/24", "except": ["127.20.32.3/32"]}}, True, False),
    ],
)
def test_from_chooses_by_pod_namespace_and_address(
    peer: dict[str, Any], client: bool, stranger: bool
) -> None:
    allow = policy(policyTypes=["Ingress"], ingress=[{"from": [peer]}])
    assert (reach(CLIENT, allow), reach(STRANGER, allow)) == (client, stranger)


@pytest.mark.parametrize(
    ("entry", "opened"),
    [
        ({"port": 8080}, True),
        ({"port": 80}, False),
        ({"port": "http"}, True),
        ({"port": "admin"}, False),
        ({"port": 8000, "endPort": 8100}, True),
        ({"port": 8000, "endPort": 8079}, False),
        ({"protocol": "UDP", "port": 8080}, False),
        ({}, True),
    ],
)
def test_the_ports_of_a_rule_restrict_what_it_opens(entry: dict[str, Any], opened: bool) -> None:
    assert reach(CLIENT, policy(ingress=[{"ports": [entry]}])) is opened


def test_the_policies_of_a_pod_add_up_to_what_any_allows() -> None:
    deny = policy(policyTypes=["Ingress"])
    allow = policy(ingress=[{"from": [{"podSelector": {}}]}])
    assert reach(CLIENT, deny, allow)
    assert not reach(STRANGER, deny, allow)


def test_a_connection_needs_the_policies_of_both_ends() -> None:
    welcome = policy(ingress=[{}])
    locked_in = policy("other", policyTypes=["Egress"])
    assert reach(STRANGER, welcome)
    assert not reach(STRANGER, welcome, locked_in)


def test_egress_alone_leaves_ingress_open() -> None:
    assert reach(OUTSIDE, policy(policyTypes=["Egress"]))


def test_policy_types_default_to_ingress_and_to_egress_where_it_is_given() -> None:
    assert reach(CLIENT, policy(podSelector={"matchLabels": {"app": "client"}}))
    egress = policy(podSelector={"matchLabels": {"app": "client"}}, egress=[])
    assert not reach(CLIENT, egress)


def test_dns_needs_a_rule_like_everything_else() -> None:
    locked_in = policy(policyTypes=["Egress"])
    dns = policy(egress=[{"ports": [{"protocol": "UDP", "port": 53}]}])
    assert not allows([locked_in], CLIENT, CLUSTER_DNS, 53, "UDP")
    assert allows([locked_in, dns], CLIENT, CLUSTER_DNS, 53, "UDP")
