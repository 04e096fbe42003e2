"""No manifest grants more than rights inside of covered namespaces, to their ServiceAccounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import Object, Resource
from resilience.cluster.permit.door import Door, NotCovered, Permit

API = "/apis/rbac.authorization.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io"
PERMIT = Permit(
    title="the run",
    namespaces=frozenset({"shop"}),
    cluster_scoped=frozenset({f"clusterroles.{RBAC}", f"clusterrolebindings.{RBAC}"}),
)
ROOT = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]}]  # fmt: skip
LIVE: dict[tuple[str, str], Any] = {
    ("ClusterRole", "cluster-admin"): {"rules": ROOT},
    ("ClusterRole", "view"): {
        "aggregationRule": {"clusterRoleSelectors": [{}]},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
    },
    ("ClusterRole", "edit"): {
        "rules": [
            {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
            {"apiGroups": [""], "resources": ["pods", "pods/exec"], "verbs": ["create"]},
        ]
    },
    ("Role", "all"): {"rules": ROOT[:1]},
    ("Role", "reader"): {
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    },
    ("RoleBinding", "of-a-person"): {
        "subjects": [{"kind": "User", "name": "ann"}],
        "roleRef": {"kind": "Role", "name": "reader"},
    },
}
OWN = {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}


def live(kind: Resource, name: str, namespace: str) -> Object | None:
    assert namespace == ("shop" if kind.namespaced else "")
    found: Object | None = LIVE.get((kind.kind, name))
    return found


def refused(method: str, path: str, body: Any, permit: Permit = PERMIT) -> str:
    try:
        Door(peek=live, permits=(permit,)).check(method, f"{API}/{path}", {}, body)
    except NotCovered as error:
        return str(error)
    return ""


def rule(groups: str, kinds: str, verbs: str) -> dict[str, list[str]]:
    return {"apiGroups": groups.split(" "), "resources": kinds.split(), "verbs": verbs.split()}


def role(*rules: Mapping[str, Any], **metadata: Any) -> Object:
    return {"metadata": {"name": "new", **metadata}, "rules": list(rules)}


def binding(kind: str, name: str, *subjects: Mapping[str, str]) -> Object:
    return {
        "metadata": {"name": "new"},
        "subjects": list(subjects or (OWN,)),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
    }


@pytest.mark.parametrize(
    "body",
    [
        role(rule("", "pods", "*")),
        role(rule("", "secrets pods/exec", "get create delete")),
        role(rule("shop.example.com", "*", "*")),
        role(rule("", "*", "get list watch")),
        role(rule(RBAC, "roles rolebindings", "get create")),
        role(),
    ],
)
def test_a_role_inside_of_a_covered_namespace_passes(body: Object) -> None:
    assert refused("POST", "namespaces/shop/roles", body) == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (role(*ROOT[:1]), "any permission"),
        (role(rule("*", "*", "create")), "a wildcard over Kubernetes' own kinds"),
        (role(rule("", "*", "get patch")), "a wildcard over Kubernetes' own kinds"),
        (role(rule("apps", "*/scale", "patch")), "a wildcard over Kubernetes' own kinds"),
        (role(rule(RBAC, "roles", "escalate")), "any permission"),
        (role(rule(RBAC, "clusterroles", "bind")), "any permission"),
        (role(rule(RBAC, "roles", "*")), "any permission"),
        (role(rule("*", "roles", "bind")), "any permission"),
        ({"rules": "all"}, "cannot be interpreted"),
        ({"rules": ["all"]}, "cannot be interpreted"),
    ],
)
def test_a_role_without_a_bound_is_refused(body: Object, why: str) -> None:
    for method, path in (("POST", ""), ("PATCH", "/new"), ("PUT", "/new")):
        assert why in refused(method, f"namespaces/shop/roles{path}", body)


@pytest.mark.parametrize(
    "body",
    [
        binding("Role", "reader"),
        binding("Role", "made-later"),
        binding("ClusterRole", "view"),
        binding("ClusterRole", "edit"),
        binding("Role", "reader", {"kind": "Group", "name": "system:serviceaccounts:shop"}),
    ],
)
def test_a_binding_of_the_namespaces_own_accounts_passes(body: Object) -> None:
    assert refused("POST", "namespaces/shop/rolebindings", body) == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (binding("ClusterRole", "cluster-admin"), "binds ClusterRole cluster-admin, which grants"),
        (binding("Role", "all"), "binds Role all, which grants"),
        (binding("Role", "reader", {**OWN, "namespace": "bank"}), "namespace 'bank'"),
        (binding("Role", "reader", OWN, {"kind": "User", "name": "eve"}), "User 'eve'"),
        (binding("Role", "reader", {"kind": "Group", "name": "system:authenticated"}), "Group"),
        (binding("Role", "reader", {"kind": "Group", "name": "system:serviceaccounts"}), "Group"),
        (binding("Role", "reader",
                 {"kind": "Group", "name": "system:serviceaccounts:bank"}), "'bank'"),
        (binding("Group", "reader"), "refers to a 'Group'"),
        ({"subjects": {"kind": "User"}}, "cannot be interpreted"),
    ],
)  # fmt: skip
def test_a_binding_of_more_or_for_others_is_refused(body: Object, why: str) -> None:
    assert why in refused("POST", "namespaces/shop/rolebindings", body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (role(rule("", "pods nodes", "get list watch"), rule("shop.example.com", "*", "*")), ""),
        (role(rule("authentication.k8s.io", "tokenreviews", "create")), ""),
        (role(rule("", "secrets", "get")), "in every namespace"),
        (role(rule("", "nodes/proxy", "get")), "in every namespace"),
        (role(rule("", "services/proxy", "get")), "in every namespace"),
        (role(rule("", "*", "list")), "in every namespace"),
        (role(rule("apps", "deployments", "patch")), "in every namespace"),
        (role(rule("", "users groups", "impersonate")), "in every namespace"),
        (role({"nonResourceURLs": ["*"], "verbs": ["*"]}), "in every namespace"),
        (role(labels={f"{RBAC}/aggregate-to-admin": "true"}), "another ClusterRole"),
        ({"aggregationRule": {"clusterRoleSelectors": [{}]}}, "aggregationRule"),
    ],
)
def test_what_a_cluster_role_grants_everywhere_is_bounded(body: Object, why: str) -> None:
    found = refused("POST", "clusterroles", body)
    assert why in found if why else not found


def test_a_cluster_role_binding_is_held_against_what_the_role_grants_everywhere() -> None:
    assert refused("POST", "clusterrolebindings", binding("ClusterRole", "view")) == ""
    assert "in every" in refused("POST", "clusterrolebindings", binding("ClusterRole", "edit"))
    assert "any permission" in refused(
        "POST", "clusterrolebindings", binding("ClusterRole", "cluster-admin")
    )


def test_what_the_undo_could_not_grant_again_is_not_changed() -> None:
    narrowed = role(rule("", "pods", "get"))
    assert "the undo could not" in refused("PATCH", "namespaces/shop/roles/all", narrowed)
    assert "the undo could not" in refused("PUT", "namespaces/shop/rolebindings/of-a-person", {})
    assert refused("DELETE", "namespaces/shop/roles/all", None) == ""


def test_a_change_of_one_field_is_held_against_the_whole() -> None:
    LIVE["RoleBinding", "ours"] = binding("Role", "reader")
    path = "namespaces/shop/rolebindings/ours"
    assert refused("PATCH", path, {"metadata": {"annotations": {"a": "b"}}}) == ""
    assert "'eve'" in refused("PATCH", path, {"subjects": [{"kind": "User", "name": "eve"}]})
    rules = [{"op": "add", "path": "/subjects/-", "value": {"kind": "User", "name": "eve"}}]
    assert "JSON patch" in refused("PATCH", path, rules)
    moved = [{"op": "copy", "from": "/rules", "path": "/metadata/annotations/a"}]
    assert "JSON patch" in refused("PATCH", path, moved)
    noted = [{"op": "add", "path": "/metadata/annotations/a", "value": "b"}]
    assert refused("PATCH", path, noted) == ""


def test_what_cannot_be_read_is_not_bound() -> None:
    def hidden(kind: Resource, name: str, namespace: str) -> Object | None:
        if kind.kind == "ClusterRole":
            raise Forbidden(403, "not yours")
        return None

    door = Door(peek=hidden, permits=(PERMIT,))
    with pytest.raises(NotCovered, match="cannot be read"):
        door.check(
            "POST", f"{API}/namespaces/shop/rolebindings", {}, binding("ClusterRole", "view")
        )


def test_a_restore_brings_back_what_was_recorded_inside_of_its_namespaces() -> None:
    restoring = replace(PERMIT, as_recorded=True, cluster_scoped=frozenset())
    body = binding("ClusterRole", "cluster-admin")
    assert refused("POST", "namespaces/shop/rolebindings", body, restoring) == ""
    assert "namespace bank" in refused("POST", "namespaces/bank/rolebindings", body, restoring)
    assert "no target lists it" in refused("POST", "clusterrolebindings", body, restoring)


WORDS = st.lists(
    st.sampled_from(["*", "", "apps", RBAC, "pods", "roles", "*/scale", "shop.example.com"]),
    max_size=3,
)
RULES = st.fixed_dictionaries(
    {
        "apiGroups": WORDS,
        "resources": WORDS,
        "verbs": st.lists(st.sampled_from(["*", "get", "create", "bind", "escalate"]), max_size=3),
    }
)


@given(st.lists(RULES, max_size=3))
def test_no_role_that_passes_lets_anybody_do_everything(rules: list[Any]) -> None:
    """Asked as the API server asks (rbac/v1 evaluation_helpers): may it do these acts?"""

    def may(verb: str, group: str, resource: str) -> bool:
        return any(
            {verb, "*"} & set(each["verbs"])
            and {group, "*"} & set(each["apiGroups"])
            and {resource, "*"} & set(each["resources"])
            for each in rules
        )

    if refused("POST", "namespaces/shop/roles", role(*rules)) == "":
        acts = [("escalate", RBAC, "roles"), ("bind", RBAC, "roles")]
        acts += [("create", group, "made-tomorrow") for group in ("", "apps")]
        assert [act for act in acts if may(*act)] == []
