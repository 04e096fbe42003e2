"""What objects refer to without naming it in their namespace comes along with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilience.backup.objects.mapping import OLD_CLASS
from resilience.backup.objects.related import Need, needs

STORAGE, ATTRIBUTES, DEVICES = (
    "storageclasses.storage.k8s.io",
    "volumeattributesclasses.storage.k8s.io",
    "deviceclasses.resource.k8s.io",
)
TEMPLATE = {"spec": {"storageClassName": "fast", "volumeAttributesClassName": "gold"}}
EPHEMERAL = {"volumes": [{"name": "tmp", "ephemeral": {"volumeClaimTemplate": TEMPLATE}}]}
BOTH = {(STORAGE, "fast"), (ATTRIBUTES, "gold")}


def made(api: str, kind: str, spec: Any, **about: Any) -> Any:
    metadata = {"name": "x", "namespace": "shop", **about}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("obj", "wanted"),
    [
        (made("v1", "PersistentVolumeClaim", TEMPLATE["spec"]), BOTH),
        (made("v1", "PersistentVolumeClaim", {}, annotations={OLD_CLASS: "fast"}),
         {(STORAGE, "fast")}),
        (made("apps/v1", "StatefulSet", {"replicas": 0, "volumeClaimTemplates": [TEMPLATE]}), BOTH),
        (made("v1", "Pod", EPHEMERAL), BOTH),
        (made("apps/v1", "Deployment", {"template": {"spec": EPHEMERAL}}), BOTH),
        (made("batch/v1", "CronJob", {"jobTemplate": {"spec": {"template": {"spec": EPHEMERAL}}}}),
         BOTH),
        (made("resource.k8s.io/v1", "ResourceClaim", {"devices": {"requests": [
            {"name": "r", "exactly": {"deviceClassName": "gpu"}},
            {"name": "s", "firstAvailable": [{"deviceClassName": "big"}]}]}}),
         {(DEVICES, "gpu"), (DEVICES, "big")}),
        (made("resource.k8s.io/v1", "ResourceClaimTemplate", {"spec": {"devices": {"requests": [
            {"name": "r", "exactly": {"deviceClassName": "gpu"}}]}}}), {(DEVICES, "gpu")}),
        (made("example.com/v1", "StatefulSet", {"volumeClaimTemplates": [TEMPLATE]}), set()),
    ],
    ids=lambda value: json.dumps(value)[:70] if isinstance(value, dict) else "",
)  # fmt: skip
def test_classes_come_along_wherever_they_are_named(obj: Any, wanted: set[Any]) -> None:
    assert {(each.kind, each.name) for each in needs(obj) if not each.namespace} == wanted


def test_a_need_is_one_line_whatever_its_name_holds() -> None:
    assert str(Need("roles", "shop", "a\nb")) == "roles shop/a\ufffdb"


@pytest.mark.parametrize(("name", "kind", "wanted"), [
    ("kube-root-ca.crt", "configMap", []),
    ("openshift-service-ca.crt", "configMap", []),
    ("settings", "configMap", [Need("configmaps", "shop", "settings")]),
    ("kube-root-ca.crt", "secret", [Need("secrets", "shop", "kube-root-ca.crt")]),
])  # fmt: skip
def test_what_the_cluster_mounts_with_a_token_is_no_need(
    name: str, kind: str, wanted: list[Need]
) -> None:
    """Each namespace has it anyway, and a snapshot by labels would miss it."""
    volume = {"name": "kube-api-access-x", "projected": {"sources": [{kind: {"name": name}}]}}
    assert list(needs(made("v1", "Pod", {"volumes": [volume]}))) == wanted
