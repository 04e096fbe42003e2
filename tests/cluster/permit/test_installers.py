"""Where objects of deployment tools and meshes act, by what their bodies name."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.permit.acts_elsewhere import installs_into
from resilience.cluster.permit.installers import EVERYWHERE, REMOTE

IN_CLUSTER = "https://kubernetes.default.svc"
ARGO, FLUX = "argoproj.io/v1alpha1", "kustomize.toolkit.fluxcd.io/v1"
ISTIO, VELERO = "networking.istio.io/v1", "velero.io/v1"
CROSSPLANE = "kubernetes.m.crossplane.io/v1alpha1"


def template(**destination: str) -> dict[str, Any]:
    return {"template": {"spec": {"destination": destination}}}


@pytest.mark.parametrize(
    ("version", "spec", "places"),
    [
        (ARGO, {"destination": {"namespace": "bank"}}, {"bank"}),
        (ARGO, {"destination": {"namespace": "a", "server": IN_CLUSTER}}, {"a"}),
        (ARGO, {"destination": {"namespace": "a", "name": "in-cluster"}}, {"a"}),
        (ARGO, {"destination": {"namespace": "a", "server": "https://x"}}, {"a", REMOTE}),
        (ARGO, {"destination": {"namespace": "a", "name": "prod"}}, {"a", REMOTE}),
        (ARGO, template(namespace="bank"), {"bank"}),
        (ARGO, {"generators": [{"list": template(namespace="bank")}]}, {"bank"}),
        ("helm.toolkit.fluxcd.io/v2", {"targetNamespace": "a", "storageNamespace": "b"},
         {"a", "b"}),
        (FLUX, {"targetNamespace": "bank"}, {"bank"}),
        (FLUX, {"targetNamespace": "a", "kubeConfig": {"secretRef": {"name": "k"}}}, {"a", REMOTE}),
        ("helm.cattle.io/v1", {"targetNamespace": "bank"}, {"bank"}),
        ("helm.cattle.io/v1", {"chart": "a"}, set()),
        ("fleet.cattle.io/v1alpha1", {"defaultNamespace": "bank"}, {"bank"}),
        ("fleet.cattle.io/v1alpha1", {"targets": ["text", {"namespace": "bank"}]}, {"bank"}),
        (FLUX, {"targetNamespace": 7, "storageNamespace": ""}, set()),
        (VELERO, {"includedNamespaces": "bank"}, {EVERYWHERE}),
        (VELERO, {"includedNamespaces": []}, {EVERYWHERE}),
        (ISTIO, {"host": None, "hosts": "web.bank.svc"}, set()),
        ("fleet.cattle.io/v1alpha1", {"targets": [{"namespace": "bank"}]}, {"bank"}),
        ("cilium.io/v2", {"services": [{"name": "web", "namespace": "bank"}]}, {"bank"}),
        ("cilium.io/v2", {"endpointSelector": {}}, set()),
        (ISTIO, {"hosts": ["web.bank.svc.cluster.local", "example.com"]}, {"bank"}),
        (ISTIO, {"host": "*.bank.svc"}, {"bank"}),
        (ISTIO, {"hosts": ["web.bank.svc"], "exportTo": ["."]}, set()),
        (ISTIO, {"hosts": ["web.bank.svc"], "exportTo": [".", "bank"]}, {"bank"}),
        (ISTIO, {"hosts": ["web"]}, set()),
        (CROSSPLANE, {"forProvider": {"manifest": {"metadata": {"namespace": "bank"}}}}, {"bank"}),
        (CROSSPLANE, {"forProvider": {"manifest": {"kind": "ClusterRole", "metadata": {}}}},
         {"(outside of namespaces: ClusterRole)"}),
        (VELERO, {"includedNamespaces": ["bank"]}, {"bank"}),
        (VELERO, {"includedNamespaces": ["a"], "namespaceMapping": {"a": "b"}}, {"b"}),
        (VELERO, {"includedNamespaces": ["*"]}, {EVERYWHERE}),
        (VELERO, {"backupName": "a"}, set()),
        ("example.com/v1", {"targetNamespace": "bank"}, set()),
        (ARGO, "text", set()),
        (ARGO, {"destination": "text"}, set()),
        (ISTIO, None, set()),
    ],
)  # fmt: skip
def test_it_acts_where_its_object_says(version: str, spec: Any, places: set[str]) -> None:
    assert installs_into({"apiVersion": version, "spec": spec}) == places


def test_a_restore_of_velero_that_names_no_namespace_means_all() -> None:
    body = {"apiVersion": VELERO, "kind": "Restore", "spec": {"backupName": "a"}}
    assert installs_into(body) == {EVERYWHERE}
    backup = {"apiVersion": VELERO, "kind": "Backup", "spec": {"includedNamespaces": ["a"]}}
    assert installs_into(backup) == set()


@pytest.mark.parametrize(
    ("kind", "places"), [("SubnamespaceAnchor", {"lab"}), ("HNCConfiguration", set())]
)
def test_an_anchor_creates_the_namespace_that_it_names(kind: str, places: set[str]) -> None:
    body = {"apiVersion": "hnc.x-k8s.io/v1alpha2", "kind": kind, "metadata": {"name": "lab"}}
    assert installs_into(body) == places


def test_a_patch_is_read_by_the_group_of_its_path() -> None:
    patch = {"spec": {"destination": {"namespace": "bank"}}}
    assert installs_into(patch) == set()
    assert installs_into(patch, "argoproj.io") == {"bank"}
    assert installs_into([], "argoproj.io") == set()
