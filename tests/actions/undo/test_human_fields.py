"""Which edits a digest shows, by kind: those that only people make."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.undo import human_fields
from resilience.cluster.interface import Resource

KINDS = {
    "ConfigMap": "", "Secret": "", "Service": "", "Deployment": "apps", "DaemonSet": "apps",
    "StatefulSet": "apps", "CronJob": "batch", "Ingress": "networking.k8s.io",
    "ClusterRole": "rbac.authorization.k8s.io", "Role": "rbac.authorization.k8s.io",
    "RoleBinding": "rbac.authorization.k8s.io", "PodDisruptionBudget": "policy",
}  # fmt: skip


def digest(kind: str, obj: Any) -> str:
    resource = Resource(KINDS.get(kind, "example.com"), "v1", f"{kind.lower()}s", kind)
    return human_fields.of(resource, obj)


def template(**more: Any) -> Any:
    return {"spec": {"replicas": 1, "template": {"metadata": more, "spec": {"a": 1}}}}


RESTARTED = {"annotations": {human_fields.RESTARTED: "now"}}
TOKEN = "kubernetes.io/service-account-token"
PORT = {"spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [{"port": 80}]}}


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}}),
        ("ConfigMap", {}, {"binaryData": {"a": "MQ=="}}),
        ("Secret", {"data": {"a": "x"}}, {"data": {"a": "xx"}}),
        ("Secret", {"data": {"a": "x"}}, {"data": {"b": "x"}}),
        ("Deployment", template(), template(labels={"a": "b"})),
        ("Deployment", template(), template(annotations={"mine": "1"})),
        ("DaemonSet", template(), {"spec": {"template": {"spec": {"a": 2}}}}),
        ("StatefulSet", template(), {"spec": {}}),
        ("Service", PORT, {"spec": {**PORT["spec"], "ports": [{"port": 81}]}}),
        ("Service", PORT, {"spec": {**PORT["spec"], "selector": {"a": "c"}}}),
        ("Service", PORT, {"spec": {**PORT["spec"], "type": "ClusterIP"}}),
        ("Service", PORT, {}),
        ("CronJob", {"spec": {"suspend": False}}, {"spec": {"suspend": True}}),
        ("Ingress", {"spec": {}}, {"spec": {"rules": []}}),
        ("PodDisruptionBudget", {"spec": {}}, {"spec": {"maxUnavailable": 1}}),
        ("ClusterRole", {"rules": []}, {"rules": [{}]}),
        ("Role", {"rules": []}, {"rules": [{}]}),
        ("RoleBinding", {"subjects": []}, {"subjects": [{}]}),
    ],
)
def test_an_edit_by_people_shows(kind: str, before: Any, after: Any) -> None:
    assert digest(kind, before) != digest(kind, after)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("ConfigMap", {"data": {"a": "1", "b": "2"}}, {"data": {"b": "2", "a": "1"}, "status": {}}),
        ("Secret", {"data": {"a": "x"}}, {"data": {"a": "y"}}),
        ("Secret", {}, {"data": None}),
        ("Secret", {"type": TOKEN}, {"type": TOKEN, "data": {"token": "filled"}}),
        ("Deployment", template(), {"spec": {**template()["spec"], "replicas": 9}}),
        ("Deployment", template(), template(**RESTARTED)),
        ("Deployment", template(), template(annotations=None)),
        ("Deployment", {}, {"spec": None}),
        ("Deployment", {"spec": {"template": None}}, {"spec": {"template": {"metadata": None}}}),
        ("Service", PORT, {"spec": {**PORT["spec"], "ports": [{"port": 80, "nodePort": 31000}]}}),
        ("Service", PORT, {"spec": {**PORT["spec"], "clusterIP": "10.0.0.1"}}),
        ("Service", {}, {"spec": {"ports": None}}),
        ("ClusterRole", {"aggregationRule": {}, "rules": []}, {"aggregationRule": {}, "rules": []}),
        ("ClusterRole", {"aggregationRule": {"a": 1}, "rules": []},
         {"aggregationRule": {"a": 1}, "rules": [{}]}),
    ],
)  # fmt: skip
def test_what_controllers_write_does_not_show(kind: str, before: Any, after: Any) -> None:
    assert digest(kind, before) == digest(kind, after)


def test_no_data_and_data_of_an_application_differ() -> None:
    assert digest("Secret", {}) != digest("Secret", {"data": {"a": "x"}})
    assert digest("Secret", {"type": TOKEN}) == digest("Secret", {})


def test_a_kind_that_controllers_write_has_no_digest() -> None:
    assert digest("Pod", {"spec": {"a": 1}}) == ""
    assert digest("ConfigMap2", {"data": {}}) == ""


def test_a_digest_is_short_and_does_not_hold_what_it_is_made_of() -> None:
    found = digest("ConfigMap", {"data": {"a": "a word"}})
    assert len(found) == 32
    assert "word" not in found
