"""Where a manifest acts: in namespaces, on objects outside of them, and on nodes."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.objects import manifest_reach
from resilience.cluster.interface import Object

MOUNT = {"name": "node", "mountPath": "/node"}
VOLUMES = [{"name": "node", "hostPath": {"path": "/"}}]
READ = {**MOUNT, "readOnly": True}


def volume(path: str, **more: str) -> list[Any]:
    return [{"name": "node", "hostPath": {"path": path, **more}}]


def service(**spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec}


def deployment(container: Any = None, **spec: Any) -> Object:
    pod = {"containers": [{"name": "a", **(container or {})}], **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
            "spec": {"template": {"spec": pod}}}  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        deployment(hostPID=True),
        deployment({"securityContext": {"privileged": True}}),
        deployment({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
        deployment(initContainers=[{"name": "b", "securityContext": {"privileged": True}}]),
        deployment({"securityContext": {"capabilities": {"add": ["cap_sys_module"]}}}),
        deployment({"securityContext": {"windowsOptions": {"hostProcess": True}}}),
        deployment(securityContext={"windowsOptions": {"hostProcess": True}}),
        deployment(hostIPC=True),
        deployment(priorityClassName="system-cluster-critical"),
        deployment({"volumeMounts": [READ]}, volumes=VOLUMES),
        deployment({"volumeMounts": [READ]}, volumes=volume("/var/")),
        deployment({"volumeMounts": [READ]}, volumes=volume("/var/run/docker.sock")),
        deployment({"volumeMounts": [READ]}, volumes=volume("/opt/a.sock", type="Socket")),
        service(externalIPs=["10.96.0.1"]),
        deployment({"volumeMounts": [MOUNT]}, volumes=VOLUMES),
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
         "spec": {"containers": [], "hostPID": True}},
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"}, "spec": {
            "jobTemplate": {"spec": {"template": {"spec": {"containers": [], "hostPID": True}}}}}},
    ],
)  # fmt: skip
def test_pods_with_power_over_their_node_act_on_nodes(body: Object) -> None:
    reach = manifest_reach.touches([body], "shop")
    assert reach.nodes
    assert reach.namespaces == {"shop"}


@pytest.mark.parametrize(
    "body",
    [
        deployment(),
        deployment({"securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"]}}}),
        deployment({"securityContext": {"privileged": False}}, hostPID=False, hostNetwork=True),
        deployment({"volumeMounts": [READ]}, volumes=volume("/etc/localtime")),
        deployment({"volumeMounts": [READ]}, volumes=volume("/running", type="Directory")),
        deployment(priorityClassName="important"),
        deployment(securityContext={"windowsOptions": {"hostProcess": False}}),
        service(externalIPs=[]),
        service(type="LoadBalancer"),
        {"apiVersion": "example.com/v1", "kind": "Service", "metadata": {"name": "a"},
         "spec": {"externalIPs": ["10.96.0.1"]}},
        deployment({"volumeMounts": [{"name": "other", "mountPath": "/a"}]}, volumes=VOLUMES),
        {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"},
         "spec": {"containers": [], "hostPID": True}},
    ],
)  # fmt: skip
def test_a_pod_without_host_access_does_not_reach_nodes(body: Object) -> None:
    assert not manifest_reach.touches([body], "shop").nodes
