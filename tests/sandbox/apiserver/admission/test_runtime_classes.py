"""RuntimeClasses at admission of Pods."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.kube.api import ApiError
from tests.sandbox.apiserver.wire import pod


def runtime_class(api: Registry, name: str = "fast", **more: Any) -> None:
    body = {"metadata": {"name": name}, "handler": "x", **more}
    api.create(api.resource("runtimeclasses", "node.k8s.io"), body)


def make(api: Registry, name: str = "a", **spec: Any) -> Any:
    body = pod(name, **spec)
    body["metadata"]["namespace"] = "default"
    return api.create(api.resource("pods"), body)["spec"]


def test_an_unknown_class_refuses_the_pod(api: Registry) -> None:
    with pytest.raises(ApiError) as caught:
        make(api, runtimeClassName="nowhere")
    assert caught.value.code == 403
    assert caught.value.message == (
        'pods "a" is forbidden: pod rejected: RuntimeClass "nowhere" not found'
    )


def test_a_plain_class_changes_nothing(api: Registry) -> None:
    runtime_class(api)
    assert "overhead" not in make(api, runtimeClassName="fast")


def test_overhead_comes_from_the_class(api: Registry) -> None:
    runtime_class(api, overhead={"podFixed": {"cpu": "10m", "memory": "1Mi"}})
    assert make(api, runtimeClassName="fast")["overhead"] == {"cpu": "10m", "memory": "1Mi"}
    same = make(api, "b", runtimeClassName="fast", overhead={"cpu": "0.01", "memory": "1024Ki"})
    assert same["overhead"] == {"cpu": "10m", "memory": "1Mi"}


@pytest.mark.parametrize(
    ("class_overhead", "spec", "why"),
    [
        ({"podFixed": {"cpu": "10m"}}, {"runtimeClassName": "fast", "overhead": {"cpu": "20m"}},
         "Pod's Overhead doesn't match RuntimeClass's defined Overhead"),
        (None, {"runtimeClassName": "fast", "overhead": {"cpu": "20m"}},
         "Pod Overhead set without corresponding RuntimeClass defined Overhead"),
        (None, {"overhead": {"cpu": "20m"}},
         "Pod Overhead set without corresponding RuntimeClass defined Overhead"),
    ],
)  # fmt: skip
def test_overhead_that_is_not_the_classes_is_refused(
    api: Registry, class_overhead: Any, spec: Any, why: str
) -> None:
    runtime_class(api, **({"overhead": class_overhead} if class_overhead else {}))
    with pytest.raises(ApiError, match=why):
        make(api, **spec)


def test_the_placement_of_a_runtime_class_is_merged_into_the_pod(api: Registry) -> None:
    toleration = {"key": "gpu", "operator": "Exists"}
    scheduling = {"nodeSelector": {"arch": "x"}, "tolerations": [toleration]}
    runtime_class(api, scheduling=scheduling)
    spec = make(api, runtimeClassName="fast", nodeSelector={"disk": "ssd"})
    assert spec["nodeSelector"] == {"arch": "x", "disk": "ssd"}
    assert toleration in spec["tolerations"]
    with pytest.raises(ApiError, match=r"conflict: runtimeClass\.scheduling\.nodeSelector\[arch\]"):
        make(api, "b", runtimeClassName="fast", nodeSelector={"arch": "y"})


def test_default_tolerations_survive_an_update_without_them(api: Registry) -> None:
    """DefaultTolerationSeconds acts on updates too: a client may send its own ones only."""
    body = pod("t")
    body["metadata"]["namespace"] = "default"
    made = api.create(api.resource("pods"), body)
    own = {"key": "foo", "operator": "Exists", "effect": "NoSchedule"}
    changed = {**made, "spec": {**made["spec"], "tolerations": [own]}}
    found = api.update(api.resource("pods"), changed)["spec"]["tolerations"]
    assert own in found
    assert {one["key"] for one in found} == {
        "foo", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable",
    }  # fmt: skip
