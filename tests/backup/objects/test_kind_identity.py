"""Rules go by group and kind: a custom resource that shares a kind's name is restored untouched."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.drills.safety import RULES as SAFETY
from resilience.backup.objects.kind_identity import identity, is_built_in
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.related import needs
from resilience.backup.objects.rules import strip
from resilience.backup.objects.skips import reason_to_skip
from resilience.backup.proof.compare import with_cluster
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.cluster.interface import Object, Resource
from tests.backup.fakes import RESOURCES, FakeClock, FakeCluster
from tests.backup.restore.restoring import stored

KINDS = [
    "APIService",
    "ClusterRole",
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "Deployment",
    "Endpoints",
    "EndpointSlice",
    "Ingress",
    "Job",
    "Namespace",
    "NetworkPolicy",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "ReplicaSet",
    "Role",
    "RoleBinding",
    "Secret",
    "Service",
    "ServiceAccount",
    "StatefulSet",
]

EVERYTHING: dict[str, Any] = {
    "spec": {
        "clusterIP": "10.0.0.9",
        "clusterIPs": ["10.0.0.9"],
        "healthCheckNodePort": 31000,
        "nodeName": "n",
        "priority": 3,
        "ports": [{"port": 80, "nodePort": 31234}],
        "rules": [{"host": "shop.example.com"}],
        "selector": {"matchLabels": {"a": "b"}},
        "sku": "premium",
        "storageClassName": "fast",
        "suspend": False,
        "template": {"metadata": {"labels": {"controller-uid": "u"}}},
        "type": "LoadBalancer",
        "volumeName": "pv-1",
        "egress": [{}],
        "policyTypes": ["Egress"],
        "claimRef": {"namespace": "shop", "uid": "u"},
    },
    "secrets": [{"name": "x-token-x7k2p"}],
    "subjects": [{"kind": "Other", "name": "x"}],
    "type": "kubernetes.io/service-account-token",
    "data": {"token": "dA==", "namespace": "c2hvcA=="},
    "roleRef": {"kind": "ClusterRole", "name": "view"},
    "status": {"phase": "Succeeded", "conditions": [{"type": "Complete", "status": "True"}]},
}


def custom(kind: str, group: str) -> Object:
    return copy.deepcopy(
        {
            "apiVersion": f"{group}/v1",
            "kind": kind,
            "metadata": {
                "name": "pytest-resilience",
                "namespace": "shop",
                "labels": {
                    "controller-uid": "u",
                    "kubernetes.io/bootstrapping": "x",
                    "endpoints.kubernetes.io/managed-by": "endpoint-controller",
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kube-aggregator.kubernetes.io/automanaged": "x",
                },
                "annotations": {
                    "kubernetes.io/config.mirror": "x",
                    "deployment.kubernetes.io/revision": "4",
                    "pv.kubernetes.io/bind-completed": "yes",
                },
            },
        }
        | EVERYTHING
    )


def groups() -> list[str]:
    """Random ones, and those that look most like Kubernetes' own."""
    chance = random.Random(9)
    words = ["apps", "batch", "k8s", "io", "core", "networking", "rbac", "bus", "cloud"]
    made = [".".join(chance.sample(words, 3)) for _ in range(6)]
    return [*made, "gateway.networking.k8s.io", "apps.example.com", "v1.example.com"]


@pytest.mark.parametrize("group", groups())
@pytest.mark.parametrize("kind", KINDS)
def test_a_custom_resource_that_shares_a_kinds_name_is_untouched(kind: str, group: str) -> None:
    obj = custom(kind, group)
    before = copy.deepcopy(obj)
    assert not is_built_in(obj)
    assert reason_to_skip(obj) == ""
    assert strip(obj) == {}
    Targets(namespaces={}, storage_classes={"fast": "slow"}).apply(obj)
    assert obj == before
    assert list(needs(obj)) == []
    for name, rule in SAFETY.items():
        if name not in ("off the node", "own volumes", "unannounced", "untracked"):  # any kind
            assert list(rule(obj)) == [], name
    assert obj == before


def test_groups_that_served_the_same_objects_are_one() -> None:
    assert identity({"apiVersion": "extensions/v1beta1", "kind": "Ingress"}) == (
        "Ingress.networking.k8s.io"
    )
    assert identity({"apiVersion": "v1", "kind": "Service"}) == "Service"
    assert identity({"apiVersion": "serving.knative.dev/v1", "kind": "Service"}) == (
        "Service.serving.knative.dev"
    )


@pytest.mark.parametrize("kind", ["Namespace", "Job", "Service", "PersistentVolume", "Secret"])
def test_it_comes_back_whole_and_a_loss_of_it_is_seen(kind: str) -> None:
    group = "bus.example.com"
    resource = Resource(group, "v1", f"{kind.lower()}s", kind)
    source = FakeCluster((*RESOURCES, resource))
    source.namespace("shop")
    source.without_status.add(resource.plural)
    source.add(custom(kind, group))
    target = FakeCluster((*RESOURCES, resource))
    target.without_status.add(resource.plural)
    store = stored(source)
    report = restore(RestoreRequest(name="r"), opened(store, "one"), target, clock=FakeClock())
    assert report.complete
    key = (f"{resource.plural}.{group}", "shop", "pytest-resilience")
    back = target.objects[key]
    assert {name: back[name] for name in EVERYTHING} == json.loads(json.dumps(EVERYTHING))
    assert with_cluster(opened(store, "one"), target).changes == []
    back["spec"]["sku"] = "basic"
    (change,) = with_cluster(opened(store, "one"), target).changes
    assert "/spec/sku" in str(change)
