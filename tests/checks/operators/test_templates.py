"""What `ready` wants after the run changed the Pod template of an operator's resource."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.checks.operators.templates import unrolled
from resilience.cluster.interface import PODS, Object, Resource, WatchEvent
from resilience.engine.evidence.victims import Affected
from resilience.kube.selectors import Selector

TEMPLATE = {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]}}  # fmt: skip


def template(image: str = "web:1", **more: Any) -> Object:
    return {**TEMPLATE, "spec": {"containers": [{"name": "web", "image": image}], **more}}


def clone(name: str, image: str = "web:1", ready: bool = True, **labels: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name,
                     "labels": {"app": "web", **labels}},
        "spec": {"containers": [{"name": "web", "image": image}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]},
    }  # fmt: skip


HASH: dict[str, Any] = {"pod-template-hash": "x"}


def changed(before: Object, after: Object, kind: str = "Rollout", **more: Any) -> Affected:
    values: dict[str, Any] = {"uid": "r", "title": "shop/web", "text": "changed", "step": "when[0]",
                              "since": 10.0, "namespace": "shop", "kind": kind, "name": "web",
                              "template": before, "new_spec": {"template": after}}  # fmt: skip
    return Affected(**(values | more))


class Here:
    """What a check sees: the run's changes, and Pods with the time at which each was first seen."""

    namespace = "shop"

    def __init__(self, *changes: Affected, pods: dict[float, Object]) -> None:
        self.changes = changes
        self._pods = pods

    def view(self, resource: Resource, namespace: str) -> Here:
        assert (resource, namespace) == (PODS, "shop")
        return self

    def objects(self) -> list[Object]:
        return list(self._pods.values())

    def history(self, resource: Resource) -> list[WatchEvent]:
        return [WatchEvent("ADDED", pod, at) for at, pod in self._pods.items()]


def told(here: Here, selector: str = "") -> list[str]:
    return unrolled(here, Selector.parse(selector) if selector else None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pods", "old"),
    [
        ({1.0: clone("a"), 2.0: clone("b")}, 2),
        ({1.0: clone("a"), 12.0: clone("c", "web:2")}, 1),
        ({11.0: clone("c", "web:2")}, 0),
        ({11.0: clone("c", "mirror/web:2")}, 0),  # a webhook changed its image
        ({1.0: clone("a", "web:2")}, 0),  # updated in place
        ({1.0: clone("a", ready=False)}, 0),  # others say what is missing
        ({1.0: clone("a", **HASH)}, 0),  # of a Deployment
        ({1.0: {**clone("a"), "metadata": {**clone("a")["metadata"], "labels": {"app": "db"}}}}, 0),
        ({}, 0),
    ],
)  # fmt: skip
def test_pods_of_an_operators_old_template_prove_nothing_about_the_new_one(
    pods: dict[float, Object], old: int
) -> None:
    here = Here(changed(template(), template("web:2")), pods=pods)
    found = told(here)
    assert len(found) == bool(old)
    if old:
        assert f"rollout/web: this run changed its Pod template, and {old} Pod" in found[0]
    assert told(here, "app=web") == found
    assert told(here, "app=db") == []


@pytest.mark.parametrize(
    "change",
    [
        changed(template(), template()),
        changed(template(), template("web:2"), kind="Deployment"),
        changed(template(), template("web:2"), namespace="bank"),
        changed(template(), {"spec": {"containers": [{"name": "web"}]}}),
        changed(template(), {"metadata": {"labels": {"app": "web"}}, "spec": {"size": 3}}),
        changed(template(), template("web:2"), new_spec={}),
        changed(template(), template("web:2"), new_spec={"template": "a text"}),
    ],
)
def test_what_makes_no_new_pods_or_is_known_is_not_asked_about(change: Affected) -> None:
    assert told(Here(change, pods={1.0: clone("a")})) == []


def test_a_change_other_than_the_image_shows_only_in_pods_made_since() -> None:
    change = changed(template(), template(hostNetwork=True))
    assert told(Here(change, pods={1.0: clone("a")}))
    assert not told(Here(change, pods={11.0: clone("a")}))


@pytest.mark.parametrize(("replicas", "missing"), [(1, False), (2, True), (0, False), ("x", False)])
def test_a_new_object_of_an_operator_has_to_have_its_pods(replicas: Any, missing: bool) -> None:
    spec = {"template": template(), "replicas": replicas}
    here = Here(
        changed(template(), {}, new_spec=spec, is_new=True),
        pods={11.0: clone("a"), 12.0: clone("b", ready=False)},
    )
    assert bool(told(here)) is missing
    assert told(here, "app=web") == [], "the check says itself how many it expects"


def test_the_last_change_counts() -> None:
    back = changed(template("web:2"), template("web:1"), since=20.0)
    here = Here(changed(template(), template("web:2")), back, pods={1.0: clone("a")})
    assert told(here) == []
