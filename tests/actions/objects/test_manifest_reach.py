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
        deployment(hostNetwork=True),
        deployment(priorityClassName="system-cluster-critical"),
        deployment({"volumeMounts": [MOUNT]}, volumes=volume("/etc")),
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
        deployment({"securityContext": {"privileged": False}}, hostPID=False, hostNetwork=False),
        deployment({"ports": [{"containerPort": 80, "hostPort": 80}]}),
        deployment({"volumeMounts": [READ]}, volumes=volume("/etc/localtime")),
        deployment({"volumeMounts": [READ]}, volumes=volume("/running", type="Directory")),
        deployment({"volumeMounts": [MOUNT]}, volumes=[{"name": "node", "emptyDir": {}}, "text"]),
        deployment(priorityClassName="important"),
        deployment(securityContext={"windowsOptions": {"hostProcess": False}}),
        service(externalIPs=[]),
        service(type="LoadBalancer"),
        {"apiVersion": "example.com/v1", "kind": "Service", "metadata": {"name": "a"},
         "spec": {"externalIPs": ["10.96.0.1"]}},
        deployment({"volumeMounts": [{"name": "other", "mountPath": "/a"}]}, volumes=VOLUMES),
        {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"},
         "spec": {"containers": [], "hostPID": True}},
        deployment({"volumeMounts": 7, "securityContext": {"capabilities": {"add": 7}}}),
        deployment(volumes=7, initContainers=7),
        deployment({"volumeMounts": [7, {"name": []}]}, volumes=[7, *VOLUMES]),
        service(externalIPs={}),
    ],
)  # fmt: skip
def test_a_pod_without_host_access_does_not_reach_nodes(body: Object) -> None:
    assert not manifest_reach.touches([body], "shop").nodes


RBAC = "rbac.authorization.k8s.io/v1"


def made(version: str, kind: str, **more: Any) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, **more}


@pytest.mark.parametrize(
    ("body", "namespaces", "outside", "nodes"),
    [
        (made("v1", "Node"), set(), set(), True),
        (made("example.com/v1", "Node"), {"shop"}, set(), False),
        (made("v1", "Namespace"), {"a"}, set(), False),
        (made("v1", "PersistentVolume"), set(), {"persistentvolumes"}, False),
        (made("example.com/v1", "Namespace"), {"shop"}, set(), False),
        (made("v1", "ConfigMap", metadata={"name": "a", "namespace": "bank"}), {"bank"}, set(),
         False),
        (made(RBAC, "ClusterRole"), set(), {"clusterroles.rbac.authorization.k8s.io"}, False),
    ],
)  # fmt: skip
def test_an_object_acts_where_it_is(
    body: Object, namespaces: set[str], outside: set[str], nodes: bool
) -> None:
    reach = manifest_reach.touches([body], "shop")
    assert reach.namespaces == namespaces
    assert reach.cluster_scoped == outside
    assert reach.nodes is nodes


def test_what_grants_permissions_is_looked_at_where_it_will_be() -> None:
    role, other = made(RBAC, "Role"), made("example.com/v1", "Role")
    [placed] = manifest_reach.touches([role, other, made(RBAC, "Widget")], "shop").objects
    assert placed == {**role, "metadata": {"name": "a", "namespace": "shop"}}


def needed(*bodies: Object, keep: bool = False) -> set[tuple[str, str, str, str]]:
    found = manifest_reach.rights(bodies, "shop", keep=keep)
    return {(each.verb, each.resource, each.namespace, each.name) for each in found}


def test_permissions_have_the_group_and_the_namespace_of_the_object() -> None:
    bodies = [
        made("apps/v1", "Deployment", metadata={"name": "a"}),
        made("v1", "Secret", metadata={"name": "b", "namespace": "bank"}),
        made("rbac.authorization.k8s.io/v1", "RoleBinding", metadata={"name": "c"},
             roleRef={"kind": "Role", "name": "reader"}),
        made("v1", "PersistentVolume", metadata={"name": "d", "namespace": "bank"}),
    ]  # fmt: skip
    found = manifest_reach.rights(bodies, "shop", keep=True)
    creates = {(each.group, each.resource, each.namespace)
               for each in found if each.verb == "create"}  # fmt: skip
    rbac = "rbac.authorization.k8s.io"
    assert creates == {
        ("apps", "deployments", "shop"),
        ("", "secrets", "bank"),
        (rbac, "rolebindings", "shop"),
        ("", "persistentvolumes", ""),
    }
    roles = [each for each in found if each.resource == "roles"]
    assert [(each.group, each.namespace, each.name) for each in roles] == [(rbac, "shop", "reader")]


def test_the_permissions_are_those_of_the_objects_and_of_their_undo() -> None:
    there = made("v1", "ConfigMap", metadata={"name": "a", "namespace": "bank"})
    assert needed(there, keep=True) == {
        ("get", "configmaps", "bank", ""),
        ("create", "configmaps", "bank", ""),
        ("patch", "configmaps", "bank", ""),
        ("get", "namespaces", "bank", "bank"),
    }
    assert needed(there) == needed(there, keep=True) | {("delete", "configmaps", "bank", "")}


def test_the_role_of_a_binding_is_read_where_it_is() -> None:
    def binding(kind: str) -> Object:
        return made(RBAC, "RoleBinding", roleRef={"kind": kind, "name": "r"})

    assert ("get", "roles", "shop", "r") in needed(binding("Role"))
    assert ("get", "clusterroles", "", "r") in needed(binding("ClusterRole"))
    assert not {each for each in needed(binding("Group")) if each[3] == "r"}
    assert not {each for each in needed(made(RBAC, "RoleBinding", roleRef="r")) if each[3] == "r"}


def test_the_undo_looks_into_namespaces_of_its_own_and_at_claims() -> None:
    assert ("list", "pods", "a", "") in needed(made("v1", "Namespace"))
    assert ("list", "pods", "a", "") not in needed(made("v1", "Namespace"), keep=True)
    assert ("list", "pods", "a", "") not in needed(made("example.com/v1", "Namespace"))
    assert ("list", "pods", "a", "") not in needed(made("v1", "ConfigMap"))
    templates = {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
    here = made("apps/v1", "StatefulSet", spec=templates)
    assert ("delete", "persistentvolumeclaims", "shop", "") in needed(here)
    there = {**here, "metadata": {"name": "a", "namespace": "bank"}}
    claims = ("delete", "persistentvolumeclaims")
    assert {each[2] for each in needed(there) if each[:2] == claims} == {"bank"}
