"""Debugging and resizing a Pod: what each subresource may change, and who is asked about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.kube.api import ApiError
from tests.sandbox.apiserver.wire import pod

Obj = dict[str, Any]
Change = Callable[..., Obj]


@pytest.fixture
def running(api: Registry) -> Registry:
    """A Pod `web` on a node that has 2 CPUs and 1 Gi."""
    node = {"metadata": {"name": "node-1"}}
    api.create(api.resource("nodes"), node)
    have = {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "10"}}
    api.update(api.resource("nodes"), {**node, "status": have}, "status")
    needs = {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"cpu": "2"}}
    body = pod("web", containers=[{"name": "c", "image": "i", "resources": needs}])
    body["metadata"] |= {"namespace": "default", "labels": {"app": "web"}}
    body["spec"]["nodeName"] = "node-1"
    api.create(api.resource("pods"), body)
    return api


def resized(api: Registry, requests: Obj, limits: Obj | None = None, **metadata: Any) -> Obj:
    there = api.get(api.resource("pods"), "default", "web")
    resources = {"requests": {"cpu": "1", "memory": "64Mi"} | requests,
                 "limits": {"cpu": "2"} | (limits or {})}  # fmt: skip
    container = {**there["spec"]["containers"][0], "resources": resources}
    spec = {**there["spec"], "containers": [container]}
    body = {**there, "metadata": {**there["metadata"], **metadata}, "spec": spec}
    return api.update(api.resource("pods"), body, "resize")


def debugged(api: Registry, name: str, **context: Any) -> Obj:
    there = api.get(api.resource("pods"), "default", "web")
    added = {"name": name, "image": "busybox", "securityContext": context}
    spec = {**there["spec"], "ephemeralContainers": [added]}
    return api.update(api.resource("pods"), {**there, "spec": spec}, "ephemeralcontainers")


@pytest.mark.parametrize(
    ("requests", "told"),
    [
        ({"cpu": "2"}, ""),
        ({"cpu": "2001m"}, "cpu, requested: 2001, allocatable: 2000"),
        ({"memory": "1Gi"}, ""),
        ({"memory": "2Gi"}, "memory, requested: 2147483648, allocatable: 1073741824"),
        ({"cpu": "3", "memory": "2Gi"}, "cpu, requested: 3000, allocatable: 2000; memory, req"),
    ],
)
def test_a_resize_beyond_its_node_is_forbidden(running: Registry, requests: Obj, told: str) -> None:
    """kubernetes#136043; what other Pods leave is the kubelet's to judge."""
    if not told:
        assert resized(running, requests)
        return
    with pytest.raises(ApiError, match="have enough allocatable resources: " + told) as caught:
        resized(running, requests, limits={"cpu": "9"})
    assert caught.value.code == 403


def test_a_pod_that_its_node_no_longer_holds_may_stay_as_it_is(running: Registry) -> None:
    nodes = running.resource("nodes")
    node = running.get(nodes, "", "node-1")
    running.update(nodes, {**node, "status": {"allocatable": {"cpu": "500m"}}}, "status")
    assert resized(running, {})
    running.delete(nodes, "", "node-1")
    assert resized(running, {"cpu": "1900m"}), "nobody knows what a node that is gone had"


def test_a_resize_is_charged_and_refused_by_a_quota(running: Registry) -> None:
    quotas = running.resource("resourcequotas")
    about = {"name": "q", "namespace": "default"}
    made = running.create(quotas, {"metadata": about, "spec": {"hard": {"requests.cpu": "1500m"}}})
    running.update(quotas, {**made, "status": {"used": {"requests.cpu": "1"}}}, "status")
    with pytest.raises(ApiError, match=r"exceeded quota: q, requested: requests\.cpu=1"):
        resized(running, {"cpu": "2"})
    resized(running, {"cpu": "1400m"})
    used = running.get(quotas, "default", "q")["status"]["used"]
    assert used == {"requests.cpu": "1400m"}


def test_a_resize_stays_within_the_limit_range(running: Registry) -> None:
    about = {"name": "l", "namespace": "default"}
    limits = [{"type": "Container", "max": {"cpu": "3"}}]
    running.create(running.resource("limitranges"), {"metadata": about, "spec": {"limits": limits}})
    assert resized(running, {}, {"cpu": "3"})
    with pytest.raises(ApiError, match="maximum cpu usage per Container is 3, but limit is 4"):
        resized(running, {}, {"cpu": "4"})


def test_a_debugging_container_asks_for_no_room(running: Registry) -> None:
    about = {"name": "l", "namespace": "default"}
    limits = [{"type": "Container", "max": {"cpu": "1"}}]
    running.create(running.resource("limitranges"), {"metadata": about, "spec": {"limits": limits}})
    nodes = running.resource("nodes")
    node = running.get(nodes, "", "node-1")
    running.update(nodes, {**node, "status": {"allocatable": {"cpu": "500m"}}}, "status")
    assert debugged(running, "d")


@pytest.mark.parametrize(
    "given", [{"labels": {"a": "b"}}, {"annotations": {"a": "b"}}, {"finalizers": ["a/b"]}]
)
def test_a_resize_changes_no_metadata(running: Registry, given: Obj) -> None:
    made = resized(running, {"cpu": "1100m"}, **given)["metadata"]
    assert made["labels"] == {"app": "web"}
    assert not made.get("annotations")
    assert not made.get("finalizers")


def enforce(api: Registry, level: str) -> None:
    spaces = api.resource("namespaces")
    there = api.get(spaces, "", "default")
    labels = {"pod-security.kubernetes.io/enforce": level}
    api.update(spaces, {**there, "metadata": {**there["metadata"], "labels": labels}})


def test_a_debugging_container_is_held_to_the_pod_security_of_its_namespace(
    running: Registry,
) -> None:
    enforce(running, "baseline")
    with pytest.raises(ApiError, match="violates PodSecurity") as caught:
        debugged(running, "d", privileged=True)
    assert caught.value.code == 403
    assert debugged(running, "d")


def test_another_image_is_judged_again_and_another_label_is_not(running: Registry) -> None:
    enforce(running, "restricted")
    pods = running.resource("pods")
    there = running.get(pods, "default", "web")
    assert running.update(pods, {**there, "metadata": {**there["metadata"], "labels": {}}})
    there = running.get(pods, "default", "web")
    spec = {**there["spec"], "containers": [{**there["spec"]["containers"][0], "image": "other"}]}
    with pytest.raises(ApiError, match="violates PodSecurity"):
        running.update(pods, {**there, "spec": spec})
    assert resized(running, {"cpu": "1100m"}), "a resize runs nothing else"
