"""422s of what says who may do what and who may talk to whom: texts of Kubernetes' validation."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.validation.networking import network_policies
from tests.sandbox.apiserver.wire import Wire

RBAC = "rbac.authorization.k8s.io"
BINDINGS = f"/apis/{RBAC}/v1/namespaces/NS/rolebindings"
CLUSTER_BINDINGS = f"/apis/{RBAC}/v1/clusterrolebindings"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies"
CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def binding(kind: str, *subjects: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"name": "x"},
        "roleRef": {"kind": kind, "name": "r", "apiGroup": RBAC},
        "subjects": list(subjects),
    }


def policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "spec": {"podSelector": {}, **spec}}


def block(cidr: str, *excluded: str) -> dict[str, Any]:
    return policy(egress=[{"to": [{"ipBlock": {"cidr": cidr, "except": list(excluded)}}]}])


def port(**fields: Any) -> dict[str, Any]:
    return policy(ingress=[{"ports": [fields]}])


@pytest.mark.parametrize(
    ("path", "body", "cause"),
    [
        (
            BINDINGS,
            binding("Foo"),
            'roleRef.kind: Unsupported value: "Foo": supported values: "Role", "ClusterRole"',
        ),
        (
            CLUSTER_BINDINGS,
            binding("Role"),
            'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        ),
        (
            CLUSTER_BINDINGS,
            binding("ClusterRole", {"kind": "ServiceAccount", "name": "s"}),
            "subjects[0].namespace: Required value",
        ),
        (
            BINDINGS,
            binding("Role", {"kind": "Robot", "name": "s"}),
            'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount",'
            ' "User", "Group"',
        ),
        (
            BINDINGS,
            binding("Role", {"kind": "ServiceAccount", "name": "s", "apiGroup": RBAC}),
            f'subjects[0].apiGroup: Unsupported value: "{RBAC}": supported values: ""',
        ),
        (
            POLICIES,
            policy(policyTypes=["Foo"]),
            'spec.policyTypes[0]: Unsupported value: "Foo": supported values: "Ingress", "Egress"',
        ),
        (
            POLICIES,
            policy(ingress=[{"from": [{}]}]),
            "spec.ingress[0].from[0]: Required value: must specify a peer",
        ),
        (
            POLICIES,
            policy(ingress=[{"from": [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]}]),
            "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer",
        ),
        (
            POLICIES,
            port(port=70000),
            "spec.ingress[0].ports[0].port: Invalid value: 70000: must be between 1 and 65535,"
            " inclusive",
        ),
        (
            POLICIES,
            port(port=90, endPort=80),
            "spec.ingress[0].ports[0].endPort: Invalid value: 90: must be greater than or equal to"
            " `port`",
        ),
        (
            POLICIES,
            port(endPort=80),
            "spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port`"
            " is not specified",
        ),
        (
            POLICIES,
            block("10.0.0.0/255.0.0.0"),
            f'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "10.0.0.0/255.0.0.0": {CIDR}',
        ),
        (
            POLICIES,
            block("10.0.0.1/8"),
            'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits'
            " set beyond the prefix length",
        ),
        (
            POLICIES,
            block("10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"),
            'spec.egress[0].to[0].ipBlock.except[1]: Invalid value: "10.0.0.0/8": must be a strict'
            " subset of `cidr`",
        ),
    ],
)
def test_an_invalid_role_binding_is_refused_with_the_cause_of_kubernetes(
    wire: Wire, path: str, body: Any, cause: str
) -> None:
    answer = wire("POST", path, body)
    assert answer.status == 422
    assert answer.message.endswith(f'"x" is invalid: {cause}')


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (BINDINGS, binding("Role", {"kind": "ServiceAccount", "name": "s"})),
        (BINDINGS, binding("ClusterRole", {"kind": "Group", "name": "system:authenticated"})),
        (POLICIES, block("0.0.0.0/0", "10.0.0.0/8")),
        (POLICIES, block("2001:db8::/32", "2001:db8:1::/48")),
        (POLICIES, port(port="http", protocol="TCP")),
        (POLICIES, policy(egress=[{"to": [{"podSelector": {}, "namespaceSelector": {}}]}])),
    ],
)
def test_what_makes_sense_is_stored(wire: Wire, path: str, body: Any) -> None:
    assert wire("POST", path, body).status == 201


def test_a_block_that_a_policy_had_before_may_stay() -> None:
    old = block("10.0.0.1/8")
    assert network_policies.check(old, None)
    assert network_policies.check(old, old) == []
