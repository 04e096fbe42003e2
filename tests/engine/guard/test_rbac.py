"""Permissions as RBAC objects: what is printed for whom, and under which name."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from resilience.engine.guard import rbac
from resilience.engine.guard.permissions import Need
from resilience.engine.guard.rbac import Subject
from resilience.model.verb import Right

ACCOUNT = Subject("ServiceAccount", "ci", "tools")


def right(verb: str = "get", resource: str = "pods", **more: Any) -> Right:
    return Right(verb=verb, resource=resource, **{"group": "", **more})


def need(*rights: Right) -> list[Need]:
    return [Need(right=each, why=("x",)) for each in rights]


@pytest.mark.parametrize(
    ("username", "subject"),
    [
        ("system:serviceaccount:tools:ci", ACCOUNT),
        ("system:serviceaccount:tools:ci:more", None),
        ("system:serviceaccount:tools", None),
        ("system:node:a:b", None),
        ("other:serviceaccount:tools:ci", None),
        ("ada@example.com", None),
    ],
)
def test_a_subject_is_read_off_the_api_servers_name(username: str, subject: Subject | None) -> None:
    assert Subject.of(username) == (subject or Subject("User", username))


@pytest.mark.parametrize(
    ("subject", "role"),
    [
        (ACCOUNT, "pytest-resilience-tools-ci"),
        (Subject("ServiceAccount", "ci"), "pytest-resilience-ci"),
        (Subject("ServiceAccount", "ci.x", "tools"), "pytest-resilience-tools-ci.x"),
        (Subject("ServiceAccount", "c-i", "tools"), "pytest-resilience-tools-c-i-"),
        (Subject("ServiceAccount", "CI", "tools"), "pytest-resilience-tools-ci-"),
        (Subject("User", "ada"), "pytest-resilience-user-ada-"),
        (Subject("User", "Ada@Example.com"), "pytest-resilience-user-ada-example.com-"),
        (Subject("Group", "system:masters"), "pytest-resilience-group-system-masters-"),
        (Subject("User", "..."), "pytest-resilience-user--"),
        (Subject("User", "x" * 200), "pytest-resilience-user-" + "x" * 150 + "-"),
    ],
)
def test_a_role_has_its_subjects_name_and_a_digest_where_that_is_not_exact(
    subject: Subject, role: str
) -> None:
    if not role.endswith("-"):
        assert subject.role == role
        return
    assert subject.role.startswith(role)
    digest = subject.role.removeprefix(role)
    assert len(digest) == 6
    assert set(digest) <= set("0123456789abcdef")


def test_a_binding_names_its_subject_as_the_api_does() -> None:
    assert ACCOUNT.body == {"kind": "ServiceAccount", "name": "ci", "namespace": "tools"}
    group = "rbac.authorization.k8s.io"
    assert Subject("User", "ada").body == {"kind": "User", "name": "ada", "apiGroup": group}


def test_permissions_become_a_cluster_role_and_a_role_for_each_namespace() -> None:
    needs = need(right(namespace="b"), right(resource="nodes"), right(namespace="a"),
                 right("list", namespace="a"))  # fmt: skip
    found = rbac.manifests(needs, ACCOUNT, "-more")
    assert [(each["kind"], each["metadata"].get("namespace")) for each in found] == [
        ("ClusterRole", None), ("ClusterRoleBinding", None),
        ("Role", "a"), ("RoleBinding", "a"), ("Role", "b"), ("RoleBinding", "b"),
    ]  # fmt: skip
    assert {each["metadata"]["name"] for each in found} == {"pytest-resilience-tools-ci-more"}
    assert found[2]["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    ]
    assert found[1]["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
        "name": "pytest-resilience-tools-ci-more",
    }  # fmt: skip
    assert found[3]["roleRef"]["kind"] == "Role"
    assert found[3]["subjects"] == [ACCOUNT.body]
    assert {each["apiVersion"] for each in found} == {"rbac.authorization.k8s.io/v1"}
    assert "namespace" not in found[0]["metadata"]


def test_the_namespaces_of_roles_and_account_are_printed_once() -> None:
    needs = need(right(namespace="b"), right(namespace="tools"), right(resource="nodes"))
    for subject, names in ((ACCOUNT, ["b", "tools"]), (Subject("User", "ada"), ["b", "tools"])):
        found = rbac.namespaces(needs, subject, "journals", all_of_them=True)
        assert [each["metadata"]["name"] for each in found] == names
        assert rbac.namespaces(needs, subject, "journals") == []
    assert rbac.namespaces(need(right()), Subject("User", "ada"), "journals") == []


@pytest.mark.parametrize(
    ("rights", "rules"),
    [
        ([right("watch"), right("get")], [([""], ["pods"], None, ["get", "watch"])]),
        ([right(), right(resource="services")], [([""], ["pods", "services"], None, ["get"])]),
        ([right(), right("list", "services")],
         [([""], ["pods"], None, ["get"]), ([""], ["services"], None, ["list"])]),
        ([right(), right(group="apps")],
         [([""], ["pods"], None, ["get"]), (["apps"], ["pods"], None, ["get"])]),
        ([right(), right(name="a")],
         [([""], ["pods"], None, ["get"]), ([""], ["pods"], ["a"], ["get"])]),
        ([right("zap"), right("deletecollection"), right("get"), right("*")],
         [([""], ["pods"], None, ["get", "deletecollection", "*", "zap"])]),
    ],
)  # fmt: skip
def test_rules_are_merged_where_they_differ_in_one_respect(rights: Any, rules: Any) -> None:
    found = rbac.rules(rights)
    for each in found:
        if len(each["verbs"]) == 4:
            each["verbs"] = [*each["verbs"][:2], *sorted(each["verbs"][2:])]
    assert found == [
        {"apiGroups": groups, "resources": resources}
        | ({"resourceNames": names} if names else {})
        | {"verbs": verbs}
        for groups, resources, names, verbs in rules
    ]


def test_what_is_printed_reads_back_as_it_was() -> None:
    objects = rbac.manifests(need(right(namespace="a"), right(resource="nodes")), ACCOUNT)
    assert list(yaml.safe_load_all(rbac.text(objects))) == objects
    named = rbac.text(rbac.manifests(need(right(name="x")), ACCOUNT))
    assert named.index("resources:") < named.index("resourceNames:"), "in the usual order"
    assert "verbs: [get]" in rbac.text(objects)
