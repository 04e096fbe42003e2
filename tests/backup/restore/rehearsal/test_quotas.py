"""A quota is compared with everything that a restore creates, by the names that quotas use."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.restore.rehearsal.quotas import Quotas
from resilience.cluster.interface import Object, Resource
from tests.backup.fakes import RESOURCES, FakeCluster, config_map, deployment


def quota(hard: dict[str, str], used: dict[str, str], **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "shop"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": used},
    }


def service(**spec: Any) -> Object:
    metadata = {"name": "s", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def claim(size: str, of_class: str = "fast") -> Object:
    spec = {"resources": {"requests": {"storage": size}}, "storageClassName": of_class}
    metadata = {"name": "c", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


PORTS = [{"port": 80}, {"port": 81}]
WITHOUT_PORTS = service(type="LoadBalancer", ports=PORTS, allocateLoadBalancerNodePorts=False)
OF_CLASS = "fast.storageclass.storage.k8s.io"


@pytest.mark.parametrize(
    ("hard", "used", "kind", "obj", "fits"),
    [
        ("configmaps", "1", "configmaps", config_map("a"), 1),
        ("count/configmaps", "1", "configmaps", config_map("a"), 1),
        ("count/deployments.apps", "0", "deployments.apps", deployment("a"), 2),
        ("services.nodeports", "0", "services", service(type="NodePort", ports=PORTS), 1),
        ("services.nodeports", "0", "services", service(type="LoadBalancer", ports=PORTS), 1),
        ("services.nodeports", "0", "services", WITHOUT_PORTS, 9),
        ("services.loadbalancers", "1", "services", service(type="LoadBalancer", ports=PORTS), 1),
        ("requests.storage", "500m", "persistentvolumeclaims", claim("600m"), 2),
        (f"{OF_CLASS}/requests.storage", "1", "persistentvolumeclaims", claim("1"), 1),
        (f"{OF_CLASS}/persistentvolumeclaims", "1", "persistentvolumeclaims", claim("1"), 1),
        (f"{OF_CLASS}/persistentvolumeclaims", "2", "persistentvolumeclaims", claim("1", "x"), 9),
        ("limits.memory", "9", "configmaps", config_map("a"), 9),
        ("configmaps", "1", "configmaps", config_map("a", "elsewhere"), 9),
    ],
)
def test_what_fits_one_by_one_does_not_fit_together(
    hard: str, used: str, kind: str, obj: Object, fits: int
) -> None:
    cluster = FakeCluster((*RESOURCES, Resource("", "v1", "resourcequotas", "ResourceQuota")))
    cluster.namespace("shop")
    cluster.add(quota({hard: "2"}, {hard: used}))
    quotas = Quotas(cluster)
    for _ in range(min(fits, 3)):
        quotas.add(kind, obj)
        assert not list(quotas.exceeded())
    if fits < 9:
        quotas.add(kind, obj)
        ((namespace, name, reason),) = quotas.exceeded()
        assert (namespace, name) == ("shop", "q")
        assert reason.startswith(f"it allows 2 of {hard}, {used} are used, and the restore creates")


def test_a_quota_of_some_pods_only_is_left_to_the_api_server() -> None:
    cluster = FakeCluster((*RESOURCES, Resource("", "v1", "resourcequotas", "ResourceQuota")))
    cluster.namespace("shop")
    cluster.add(quota({"pods": "0"}, {}, scopes=["BestEffort"]))
    quotas = Quotas(cluster)
    quotas.add("pods", {"kind": "Pod", "apiVersion": "v1", "metadata": {"namespace": "shop"}})
    assert not list(quotas.exceeded())
