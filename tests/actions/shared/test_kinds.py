"""A kind's resource and its scope, from what a manifest or a person writes."""

from __future__ import annotations

import pytest

from resilience.actions.objects import manifest_reach
from resilience.actions.shared import kinds


@pytest.mark.parametrize(
    ("kind", "version", "scoped"),
    [
        ("Namespace", "v1", True),
        ("Namespace", "bus.example.com/v1", False),
        ("Node", "infra.example.com/v1", False),
        ("StorageClass", "storage.k8s.io/v1beta1", True),
        ("MutatingAdmissionPolicyBinding", "admissionregistration.k8s.io/v1beta1", True),
        ("PriorityClass", "scheduling.k8s.io/v1", True),
        ("Role", "rbac.authorization.k8s.io/v1", False),
    ],
)
def test_the_scope_of_a_kind_goes_by_its_group(kind: str, version: str, scoped: bool) -> None:
    assert kinds.is_cluster_scoped(kind, version) is scoped


@pytest.mark.parametrize(
    ("word", "resource"),
    [("cm", "configmaps"), ("Ingress", "ingresses"), ("backup.velero.io", "backups"),
     ("deployments.apps", "deployments")],
)  # fmt: skip
def test_a_word_of_a_person_names_a_resource(word: str, resource: str) -> None:
    assert kinds.resource(word) == resource


@pytest.mark.parametrize(
    ("word", "scoped"),
    [
        ("node", True), ("Nodes", True), ("no", True), ("ns", True), ("pv", True), ("sc", True),
        ("crd", True), ("pc", True), ("clusterrole", True), ("storageclasses", True),
        ("clusterroles.rbac.authorization.k8s.io", True),
        ("node.infra.example.com", False), ("clusterrole.example.com", False),
        ("role", False), ("pvc", False), ("deployment", False), ("dragon", False),
    ],
)  # fmt: skip
def test_a_word_of_a_person_tells_the_scope_of_kubernetes_own_kinds(
    word: str, scoped: bool
) -> None:
    assert kinds.names_cluster_scoped(word) is scoped


def test_a_custom_resource_acts_in_its_namespace_whatever_its_kind_is_called() -> None:
    body = {"apiVersion": "bus.example.com/v1", "kind": "Node", "metadata": {"name": "a"}}
    reach = manifest_reach.touches([body], "shop")
    assert reach.namespaces == {"shop"}
    assert not reach.nodes
    assert not reach.cluster_scoped
    assert {each.namespace for each in manifest_reach.rights([body], "shop", keep=True)} == {"shop"}
