"""What the manifests of operators, canaries and node agents do not show: no false alarm about it,
and none of the alarms beside it lost."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.audit.catalogue import builtin
from resilience.audit.examine import examine
from resilience.kube.objects import Object
from tests.audit.objects import container, deployment, inventory, named, service, template

RBAC = "rbac.authorization.k8s.io/v1"
CREATES = {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}


def told(*objects: Object) -> set[str]:
    """`rule OBJECT` of each finding."""
    audit = examine(inventory(*objects), builtin())
    return {f"{each.rule.id} {each.object}" for each in audit.findings}


def granted(*rules: Any, kind: str = "Role", bound: str = "RoleBinding") -> tuple[Object, ...]:
    """A ServiceAccount of `shop` and what it may do."""
    place = "shop" if kind == "Role" else ""
    subject = {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}
    return (
        named(kind, "maker", RBAC, namespace=place, rules=list(rules)),
        named(
            bound, "maker", RBAC, namespace="shop" if bound == "RoleBinding" else "",
            subjects=[subject], roleRef={"kind": kind, "name": "maker"},
        ),
    )  # fmt: skip


def alone() -> tuple[Object, ...]:
    """A Service, a policy and a budget of Pods that no manifest shows."""
    chosen = {"matchLabels": {"app": "made"}}
    return (
        deployment(),
        service("made"),
        named("NetworkPolicy", "made", "networking.k8s.io/v1", spec={"podSelector": chosen}),
        named("PodDisruptionBudget", "made", "policy/v1", spec={"selector": chosen}),
    )


def selects_nothing(found: set[str]) -> set[str]:
    return {each.partition(" ")[0] for each in found if "selects-nothing" in each}


ALL = {"service-selects-nothing", "policy-selects-nothing", "budget-selects-nothing"}


@pytest.mark.parametrize(
    "permission",
    [
        granted(CREATES),
        granted(CREATES, kind="ClusterRole"),
        granted(CREATES, kind="ClusterRole", bound="ClusterRoleBinding"),
        granted({"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["get", "create"]}),
        granted({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}),
        granted({"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}),
    ],
    ids=["role", "cluster-role", "cluster-wide", "workloads", "everything", "labels-itself"],
)
def test_a_workload_that_may_make_pods_may_make_the_selected_ones(
    permission: tuple[Object, ...],
) -> None:
    assert selects_nothing(told(*alone())) == ALL
    assert selects_nothing(told(*alone(), *permission)) == set()


@pytest.mark.parametrize(
    "permission",
    [
        granted({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}),
        granted({"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}),
        granted({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}),
        granted({"apiGroups": ["x.example"], "resources": ["pods"], "verbs": ["create"]}),
        granted(CREATES)[:1],
    ],
    ids=["reads", "changes-workloads", "makes-settings", "another-group", "not-bound"],
)
def test_a_workload_that_may_not_make_pods_explains_nothing(permission: tuple[Object, ...]) -> None:
    assert selects_nothing(told(*alone(), *permission)) == ALL


def version(name: str, image: str, **labels: str) -> Object:
    made = deployment(name, 1)
    made["spec"]["template"] = {
        **template(container={"image": f"r/{image}:1"}),
        "metadata": {"labels": {"app": "web", **labels}},
    }
    return made


def test_versions_of_one_application_stand_in_for_each_other() -> None:
    both = (version("one", "web-v1", version="v1"), version("two", "web-v2", version="v2"))
    found = told(service(), *both)
    assert not {each for each in found if each.startswith(("single-replica", "service-mixes"))}
    apart = told(service(), service("one", {"app": "web", "version": "v1"}), *both)
    assert "single-replica shop/Deployment/one" in apart
    assert "single-replica shop/Deployment/two" not in apart


@pytest.mark.parametrize(
    "labels",
    [
        ({}, {}),
        ({"tier": "front", "version": "1"}, {"tier": "back", "version": "2"}),
        ({"version": "1"}, {"version": "1"}),
    ],
    ids=["nothing", "tier", "same-version"],
)
def test_two_applications_are_no_versions(labels: tuple[dict[str, str], dict[str, str]]) -> None:
    found = told(
        service(), version("one", "shop", **labels[0]), version("two", "base", **labels[1])
    )
    assert "service-mixes-apps shop/Service/web" in found
    assert "single-replica shop/Deployment/one" in found


def test_a_version_scaled_to_nothing_stands_in_for_nobody() -> None:
    gone = version("two", "web-v2", version="v2")
    gone["spec"]["replicas"] = 0
    found = told(service(), version("one", "web-v1", version="v1"), gone)
    assert "single-replica shop/Deployment/one" in found


@pytest.mark.parametrize(
    "image", ["ko://example.com/web", "$(IMAGE)", "r/web:${TAG}", "r/{{ image }}", "<image>"]
)
def test_an_image_that_is_filled_in_later_is_not_judged(image: str) -> None:
    found = told(deployment(container={"image": image}))
    assert not {each for each in found if each.startswith(("latest-tag", "no-digest"))}


def test_the_tag_after_a_registry_that_is_filled_in_is_judged() -> None:
    found = told(deployment(container={"image": "${REGISTRY}/web:latest"}))
    assert {"latest-tag shop/Deployment/web", "no-digest shop/Deployment/web"} <= found


def agent(path: str, *, read_only: bool, kind: str = "DaemonSet") -> Object:
    mount = {"name": "v", "mountPath": "/host", "readOnly": read_only}
    return deployment(
        kind=kind,
        volumes=[{"name": "v", "hostPath": {"path": path}}],
        containers=[container(volumeMounts=[mount])],
    )


def test_a_node_agent_that_only_reads_leaves_nothing_behind() -> None:
    assert "host-path shop/DaemonSet/web" not in told(agent("/proc", read_only=True))
    assert "host-path shop/DaemonSet/web" in told(agent("/proc", read_only=False))
    assert "host-path shop/DaemonSet/web" in told(agent("/run/x.sock", read_only=True))
    assert "host-path shop/Deployment/web" in told(
        agent("/proc", read_only=True, kind="Deployment")
    )


def test_the_namespaces_of_kubernetes_itself_need_no_default_deny() -> None:
    dns = deployment()
    dns["metadata"]["namespace"] = "kube-system"
    assert "no-default-deny Namespace/kube-system" not in told(dns)
    assert "no-default-deny Namespace/shop" in told(deployment())
