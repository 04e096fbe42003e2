"""ResourceQuota status (rules 3.12), and the notice about autoscalers."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.kube.api import Obj
from tests.sandbox.controllers.world import World, deployment, pod


def a_quota(hard: dict[str, str], **spec: Any) -> Obj:
    return {"metadata": {"name": "limits"}, "spec": {"hard": hard, **spec}}


def containers(cpu: str, memory: str) -> list[Obj]:
    requests = {"cpu": cpu, "memory": memory}
    resources = {"requests": requests, "limits": requests}
    return [{"name": "app", "image": "registry.k8s.io/pause:3.10", "resources": resources}]


def used(world: World) -> dict[str, str]:
    found: dict[str, str] = world.get("resourcequotas", "limits")["status"]["used"]
    return found


def test_pods_and_their_requests_are_counted(world: World) -> None:
    hard = {"pods": "10", "requests.cpu": "4", "limits.memory": "4Gi", "count/pods": "20"}
    world.create("resourcequotas", a_quota(hard))
    for name in "ab":
        world.create("pods", pod(name, containers=containers("250m", "512Mi")))
    world.run(1)
    assert used(world) == {
        "pods": "2", "requests.cpu": "500m", "limits.memory": "1Gi", "count/pods": "2",
    }  # fmt: skip
    assert world.get("resourcequotas", "limits")["status"]["hard"] == hard


def test_an_ended_pod_is_not_charged_but_still_an_object(world: World) -> None:
    world.create("resourcequotas", a_quota({"pods": "10", "count/pods": "10"}))
    world.create("pods", pod("one"))
    world.run(1)
    world.report("one", phase="Succeeded", ready=False)
    world.run(0)
    assert used(world) == {"pods": "0", "count/pods": "1"}


def test_a_terminating_pod_inside_its_grace_is_charged() -> None:
    world = World(stop=20)
    world.create("resourcequotas", a_quota({"pods": "10"}))
    world.create("pods", pod("one"))
    world.run(1)
    world.delete("pods", "one")
    world.run(10)
    assert used(world) == {"pods": "1"}
    world.run(15)
    assert used(world) == {"pods": "0"}


def test_other_kinds_are_counted_by_name_and_by_group(world: World) -> None:
    hard = {"configmaps": "9", "count/deployments.apps": "9", "services": "9"}
    world.create("resourcequotas", a_quota(hard))
    world.create("deployments.apps", deployment())
    world.run(1)
    assert used(world) == {"configmaps": "1", "count/deployments.apps": "1", "services": "1"}
    world.delete("deployments.apps", "web")
    world.run(0)
    assert used(world)["count/deployments.apps"] == "0"


def test_storage_is_counted_in_all_and_by_class(world: World) -> None:
    name = "standard.storageclass.storage.k8s.io/requests.storage"
    world.create("resourcequotas", a_quota({"requests.storage": "9Gi", name: "9Gi"}))
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}},
        "storageClassName": "standard",
    }
    world.create("persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": spec})
    world.run(0)
    assert used(world) == {"requests.storage": "2Gi", name: "2Gi"}


@pytest.mark.parametrize(
    ("scope", "number"),
    [("Terminating", "1"), ("NotTerminating", "2"), ("BestEffort", "2"), ("NotBestEffort", "1")],
)
def test_the_scopes_of_a_quota_choose_which_pods_count(
    world: World, scope: str, number: str
) -> None:
    world.create("resourcequotas", a_quota({"pods": "10"}, scopes=[scope]))
    world.create("pods", pod("plain"))
    world.create("pods", pod("limited", containers=containers("1", "1Gi")))
    world.create("pods", pod("timed", activeDeadlineSeconds=600))
    world.run(0)
    assert used(world) == {"pods": number}


def test_an_autoscaler_without_metrics_says_so(world: World) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 5}
    kind = "horizontalpodautoscalers.autoscaling"
    world.create(kind, {"metadata": {"name": "web"}, "spec": spec})
    world.run(0)
    assert "the sandbox has no metrics" in world.events("NotSupported", "web")[0]


def test_devices_are_counted_by_their_requests_alone(world: World) -> None:
    """`requests.NAME` is the only quota a device has; an own domain of Kubernetes has none."""
    hard = {
        "requests.example.com/dongle": "3", "ephemeral-storage": "50Gi", "cpu": "2",
        "hugepages-2Mi": "1Gi", "requests.kubernetes.io/batteries": "1",
    }  # fmt: skip
    world.create("resourcequotas", a_quota(hard))
    wanted = {"cpu": "500m", "ephemeral-storage": "30Gi", "example.com/dongle": "2",
              "hugepages-2Mi": "4Mi", "kubernetes.io/batteries": "1"}  # fmt: skip
    resources = {"requests": wanted, "limits": wanted}
    each = {"name": "app", "image": "registry.k8s.io/pause:3.10", "resources": resources}
    world.create("pods", pod("one", containers=[each]))
    world.run(1)
    assert used(world) == {
        "requests.example.com/dongle": "2", "ephemeral-storage": "30Gi", "cpu": "500m",
        "hugepages-2Mi": "4Mi", "requests.kubernetes.io/batteries": "0",
    }  # fmt: skip
