"""RBAC, impersonation, reviews and ServiceAccount tokens over HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.sandbox.apiserver.live import KUBELET
from tests.sandbox.apiserver.wire import Answer, Wire, config_map

RBAC = "/apis/rbac.authorization.k8s.io/v1"
PODS = "/api/v1/namespaces/NS/pods"
ACCOUNTS = "/api/v1/namespaces/NS/serviceaccounts"


def grant(wire: Wire, *rules: dict[str, Any], user: str = "bob", kind: str = "User") -> None:
    wire("POST", f"{RBAC}/namespaces/NS/roles", {"metadata": {"name": "r"}, "rules": list(rules)})
    subject = {"kind": kind, "name": user}
    if kind == "ServiceAccount":
        subject["namespace"] = wire.namespace
    wire(
        "POST",
        f"{RBAC}/namespaces/NS/rolebindings",
        {
            "metadata": {"name": "b"},
            "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        },
    )


def as_bob(wire: Wire, method: str, path: str, body: Any = None) -> Answer:
    return wire(method, path, body, Impersonate_User="bob")


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        (
            "GET",
            PODS,
            'pods is forbidden: User "bob" cannot list resource "pods" in API group ""'
            ' in the namespace "NS"',
        ),
        (
            "GET",
            PODS + "?watch=1",
            'pods is forbidden: User "bob" cannot watch resource "pods" in'
            ' API group "" in the namespace "NS"',
        ),
        (
            "GET",
            PODS + "/x/log",
            'pods "x" is forbidden: User "bob" cannot get resource "pods/log"'
            ' in API group "" in the namespace "NS"',
        ),
        (
            "DELETE",
            "/api/v1/nodes/n",
            'nodes "n" is forbidden: User "bob" cannot delete resource'
            ' "nodes" in API group "" at the cluster scope',
        ),
        ("GET", "/metrics", 'forbidden: User "bob" cannot get path "/metrics"'),
    ],
)
def test_a_refusal_names_who_what_and_where(
    wire: Wire, method: str, path: str, message: str
) -> None:
    answer = as_bob(wire, method, path)
    assert (answer.status, answer.json["reason"]) == (403, "Forbidden")
    assert answer.message == message.replace("NS", wire.namespace)


def test_a_role_allows_exactly_what_it_says(wire: Wire) -> None:
    grant(
        wire,
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "verbs": ["get", "create"],
            "resourceNames": [],
        },
    )
    path = "/api/v1/namespaces/NS/configmaps"
    assert as_bob(wire, "POST", path, config_map("x")).status == 201
    assert as_bob(wire, "GET", path + "/x").status == 200
    assert as_bob(wire, "GET", path).status == 403
    assert as_bob(wire, "DELETE", path + "/x").status == 403
    assert as_bob(wire, "GET", "/api/v1/namespaces/default/configmaps/x").status == 403


def test_resource_names_and_subresources_are_told_apart(wire: Wire) -> None:
    grant(
        wire,
        {
            "apiGroups": ["apps"],
            "resources": ["deployments/scale"],
            "verbs": ["*"],
            "resourceNames": ["web"],
        },
    )
    base = "/apis/apps/v1/namespaces/NS/deployments/"
    assert as_bob(wire, "GET", base + "web/scale").status == 404
    assert as_bob(wire, "GET", base + "other/scale").status == 403
    assert as_bob(wire, "GET", base + "web").status == 403


def test_everyone_may_ask_and_discover(wire: Wire) -> None:
    for path in ("/api", "/apis", "/openapi/v3", "/apis/apps/v1"):
        assert as_bob(wire, "GET", path).status == 200


@pytest.mark.parametrize(("verb", "allowed"), [("get", True), ("delete", False)])
def test_an_access_review_answers_as_the_server_would(wire: Wire, verb: str, allowed: bool) -> None:
    grant(wire, {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})
    asked = {
        "spec": {
            "resourceAttributes": {"verb": verb, "resource": "pods", "namespace": wire.namespace}
        }
    }
    mine = as_bob(wire, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", asked)
    assert (mine.status, mine.json["status"]["allowed"]) == (201, allowed)
    asked["spec"]["user"] = "bob"  # type: ignore[assignment]
    theirs = wire("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", asked)
    assert theirs.json["status"]["allowed"] is allowed


def test_a_rules_review_lists_the_granted_rules(wire: Wire) -> None:
    grant(wire, {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})
    body = {"spec": {"namespace": wire.namespace}}
    found = as_bob(wire, "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body)
    assert {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]} in found.json["status"][
        "resourceRules"
    ]


@pytest.mark.parametrize("fault", ["crash", "freeze", "thaw"])
def test_a_pod_is_struck_by_whoever_may_delete_it(wire: Wire, fault: str) -> None:
    door = f"/sandbox/v1/faults/{fault}"
    here, elsewhere = ({"namespace": each, "pod": "p"} for each in (wire.namespace, "default"))
    barred = as_bob(wire, "POST", door, here)
    assert (barred.status, barred.message) == (
        403,
        'pods "p" is forbidden: User "bob" cannot delete resource "pods" in API group ""'
        f' in the namespace "{wire.namespace}"',
    )
    grant(wire, {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"],
                 "resourceNames": ["p"]})  # fmt: skip
    assert as_bob(wire, "POST", door, here).status == 503, "there is no kubelet here"
    assert as_bob(wire, "POST", door, {**here, "pod": "q"}).status == 403
    assert as_bob(wire, "POST", door, elsewhere).status == 403
    assert as_bob(wire, "POST", door, ["p"]).status == 403


def test_a_machine_is_struck_by_whoever_may_patch_its_node(wire: Wire) -> None:
    door = "/sandbox/v1/faults/node"
    body = {"name": "node-1", "state": "dead"}
    assert as_bob(wire, "POST", door, body).status == 403
    assert as_bob(wire, "GET", door).status == 403
    rule = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]}
    name = f"{wire.namespace}-machines"
    wire("POST", f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
    wire("POST", f"{RBAC}/clusterrolebindings", {
        "metadata": {"name": name}, "subjects": [{"kind": "User", "name": "bob"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
    })  # fmt: skip
    try:
        assert as_bob(wire, "POST", door, body).status == 503, "there is no kubelet here"
        assert as_bob(wire, "GET", door).status == 503
        assert as_bob(wire, "DELETE", door).status == 403
        assert as_bob(wire, "POST", "/sandbox/v1/faults/apiserver", {"kind": "reset"}).status == 403
    finally:
        assert wire("DELETE", f"{RBAC}/clusterrolebindings/{name}").status == 200


def test_impersonation_needs_its_permission(wire: Wire) -> None:
    body: dict[str, Any] = {}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    info = as_bob(wire, "POST", path, body).json["status"]["userInfo"]
    assert (info["username"], info["groups"]) == ("bob", ["system:authenticated"])
    token = issued(wire)
    assert wire("POST", path, body, token=token, Impersonate_User="admin").status == 403


def issued(wire: Wire, **spec: Any) -> str:
    answer = wire("POST", ACCOUNTS + "/default/token", {"spec": spec})
    assert answer.status == 201, answer.message
    return str(answer.json["status"]["token"])


def test_a_service_accounts_token_is_its_identity(wire: Wire) -> None:
    token = issued(wire)
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["sub"] == f"system:serviceaccount:{wire.namespace}:default"
    assert claims["exp"] - claims["iat"] == 3600
    assert wire("GET", PODS, token=token).status == 403
    grant(
        wire,
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        user="default",
        kind="ServiceAccount",
    )
    assert wire("GET", PODS, token=token).status == 200


def test_a_token_dies_with_its_account(wire: Wire) -> None:
    wire("POST", ACCOUNTS, {"metadata": {"name": "short"}})
    token = wire("POST", ACCOUNTS + "/short/token", {}).json["status"]["token"]
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    assert wire("POST", path, {}, token=token).status == 201
    wire("DELETE", ACCOUNTS + "/short")
    assert wire("POST", path, {}, token=token).status == 401


def test_a_forged_token_is_nobodys(wire: Wire) -> None:
    head, claims, mark = issued(wire).split(".")
    value = json.loads(base64.urlsafe_b64decode(claims + "=="))
    other = wire("POST", ACCOUNTS, {"metadata": {"name": "other"}}).json["metadata"]
    value["kubernetes.io"]["serviceaccount"] = {"name": "other", "uid": other["uid"]}
    forged = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    assert wire("GET", PODS, token=f"{head}.{forged}.{mark}").status == 401


def test_a_token_review_knows_both_kinds(wire: Wire) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    good = wire("POST", path, {"spec": {"token": issued(wire)}}).json["status"]
    assert good["authenticated"] is True
    assert good["user"]["username"].endswith(":default")
    bad = wire("POST", path, {"spec": {"token": "x"}}).json["status"]
    assert bad == {"user": {}, "error": "invalid bearer token"}


def test_tokens_live_at_least_ten_minutes(wire: Wire) -> None:
    answer = wire("POST", ACCOUNTS + "/default/token", {"spec": {"expirationSeconds": 60}})
    assert answer.status == 422
    assert "may not specify a duration less than 10 minutes" in answer.message


def test_the_kubelet_may_read_nodes(wire: Wire) -> None:
    assert wire("GET", "/api/v1/nodes", token=KUBELET).status == 200


@pytest.mark.parametrize("subresource", ["exec", "attach", "portforward"])
def test_streams_need_create_even_where_they_begin_with_get(wire: Wire, subresource: str) -> None:
    grant(wire, {"apiGroups": [""], "resources": [f"pods/{subresource}"], "verbs": ["get"]})
    refused = as_bob(wire, "GET", f"{PODS}/x/{subresource}")
    assert refused.status == 403
    assert f'cannot create resource "pods/{subresource}"' in refused.json["message"]


def test_a_token_for_another_audience_is_nobodys_here(wire: Wire) -> None:
    token = issued(wire, audiences=["vault"])
    assert wire("GET", PODS, token=token).status == 401
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    here = wire("POST", path, {"spec": {"token": token}}).json["status"]
    assert "authenticated" not in here
    there = wire("POST", path, {"spec": {"token": token, "audiences": ["vault", "x"]}}).json
    assert there["status"]["authenticated"] is True
    assert there["status"]["audiences"] == ["vault"]


def test_a_pods_token_outlives_its_renewal_and_dies_with_the_pod(wire: Wire) -> None:
    spec = {"containers": [{"name": "c", "image": "pause"}]}
    made = wire("POST", PODS, {"metadata": {"name": "holder"}, "spec": spec}).json["metadata"]
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "holder", "uid": made["uid"]}
    token = issued(wire, expirationSeconds=3607, boundObjectRef=bound)
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600
    assert claims["kubernetes.io"]["warnafter"] - claims["iat"] == 3607
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    known = wire("POST", path, {"spec": {"token": token}}).json["status"]["user"]
    assert known["extra"]["authentication.kubernetes.io/pod-name"] == ["holder"]
    wire("DELETE", f"{PODS}/holder", {"gracePeriodSeconds": 0})
    assert "authenticated" not in wire("POST", path, {"spec": {"token": token}}).json["status"]
