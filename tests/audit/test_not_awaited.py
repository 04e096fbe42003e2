"""Workloads on which nobody waits: exporters and controllers. A lost Pod of theirs is no outage."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.kube.objects import Object
from tests.audit.objects import container, deployment, named, service
from tests.audit.test_not_shown import granted, told

WATCHES = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
ALONE = "single-replica shop/Deployment/web"


def exposing(name: str, *ports: str) -> Object:
    """A Service of `web` under another name, with ports of these names."""
    numbered = [{"name": port, "port": 80 + at} for at, port in enumerate(ports)]
    return named("Service", name, spec={"selector": {"app": "web"}, "ports": numbered})


def bare() -> Object:
    return deployment(replicas=1, container={"readinessProbe": None, "lifecycle": None})


def judged(*objects: Object) -> set[str]:
    rules = ("single-replica", "no-prestop", "no-readiness")
    return {each.partition(" ")[0] for each in told(*objects) if each.startswith(rules)}


@pytest.mark.parametrize(
    "read",
    [
        exposing("web", "metrics"),
        exposing("web", "http-metrics", "self-metrics"),
        exposing("web-metrics", "http"),
        exposing("web-exporter", "http"),
    ],
    ids=["port", "ports", "name", "exporter"],
)
def test_a_monitoring_system_asks_again(read: Object) -> None:
    assert judged(bare(), read) == set()


@pytest.mark.parametrize(
    "services",
    [
        (exposing("web", "http", "metrics"),),
        (exposing("web", "http"), exposing("web-metrics", "metrics")),
        (exposing("metrics-api", "http"),),
        (exposing("web"),),
        (exposing("web", "biometrics"),),
    ],
    ids=["another-port", "another-service", "name-begins", "no-port", "within-a-word"],
)
def test_a_client_waits_for_an_answer(services: tuple[Object, ...]) -> None:
    assert judged(bare(), *services) == {"single-replica", "no-prestop", "no-readiness"}


def test_a_port_for_metrics_needs_no_readiness_probe() -> None:
    def ports(*names: str) -> Object:
        found = [{"name": name, "containerPort": 80 + at} for at, name in enumerate(names)]
        return deployment(container={"readinessProbe": None, "ports": found})

    assert judged(ports("metrics")) == set()
    assert judged(ports("metrics", "http")) == {"no-readiness"}


def controller(**fields: Any) -> Object:
    return deployment(replicas=1, serviceAccountName="web", **fields)


@pytest.mark.parametrize(
    "permission",
    [
        granted(WATCHES),
        granted({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}),
        granted(WATCHES, kind="ClusterRole", bound="ClusterRoleBinding"),
    ],
    ids=["watches", "everything", "cluster-wide"],
)
def test_a_controller_continues_where_it_stopped(permission: tuple[Object, ...]) -> None:
    assert ALONE not in told(controller(), *permission)


def test_the_administrator_of_the_cluster_may_watch() -> None:
    binding = granted(WATCHES, kind="ClusterRole", bound="ClusterRoleBinding")[1]
    assert ALONE in told(controller(), binding)
    binding["roleRef"]["name"] = "cluster-admin"
    assert ALONE not in told(controller(), binding)
    binding["roleRef"]["kind"] = "Role"
    assert ALONE in told(controller(), binding)


def test_a_binding_without_a_namespace_for_its_account_means_its_own() -> None:
    role, binding = granted(WATCHES)
    del binding["subjects"][0]["namespace"]
    assert ALONE not in told(controller(), role, binding)


def test_a_worker_does_not_watch_and_its_work_stops_with_it() -> None:
    reads = {**WATCHES, "verbs": ["get", "list"]}
    assert ALONE in told(controller(), *granted(reads))
    assert ALONE in told(deployment(replicas=1), *granted(WATCHES))


def test_the_account_that_all_pods_have_tells_nothing() -> None:
    role, binding = granted(WATCHES)
    binding["subjects"][0]["name"] = "default"
    assert ALONE in told(deployment(replicas=1), role, binding)


def test_a_controller_that_answers_requests_is_awaited() -> None:
    assert ALONE in told(controller(), service(), *granted(WATCHES))
    assert ALONE not in told(
        controller(containers=[container()]), exposing("web", "metrics"), *granted(WATCHES)
    )
