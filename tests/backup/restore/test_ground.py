"""Definitions and namespaces come first, and go again when nothing else may come."""

from __future__ import annotations

import pytest

from resilience.backup.format.errors import RestoreRefused
from resilience.cluster.interface import Resource
from tests.backup.fakes import (
    RESOURCES,
    FakeClock,
    FakeCluster,
    shop,
)
from tests.backup.restore.restoring import brought_back, created, stored

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")


def test_what_others_need_is_created_first() -> None:
    target = FakeCluster()
    brought_back(stored(shop()), target)
    order = created(target)
    assert order[0] == "namespaces"
    assert set(order[1:3]) == {"configmaps", "secrets"}
    assert order[3:] == ["services", "deployments.apps"]


def test_a_kind_is_created_and_established_before_its_objects() -> None:
    source = FakeCluster((*RESOURCES, WIDGETS))
    source.namespace("shop")
    source.add(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {"group": "example.com"},
        },
        {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "shop"},
            "spec": {"size": 1},
        },
    )
    store, target, clock = stored(source), FakeCluster(), FakeClock()
    crd = ("customresourcedefinitions.apiextensions.k8s.io", "", "widgets.example.com")

    def establish(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb == "get" and kind == crd[0] and len(clock.waited) == 2:
            target.served["widgets.example.com"] = WIDGETS
            target.objects[crd]["status"] = {
                "conditions": [
                    {"type": "Established", "status": "True"},
                    {"type": "NamesAccepted", "status": "True"},
                ]
            }

    target.faults.append(establish)
    report = brought_back(store, target, clock)
    assert report.complete
    assert created(target) == [crd[0], "namespaces", "widgets.example.com"]
    assert len(clock.waited) == 2


def test_a_kind_that_the_target_lacks_is_found_before_anything_is_created() -> None:
    source = FakeCluster((*RESOURCES, WIDGETS))
    source.namespace("shop")
    source.add(
        {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "shop"},
        }
    )
    target = FakeCluster()
    with pytest.raises(RestoreRefused, match=r"does not serve widgets\.example\.com"):
        brought_back(stored(source), target)
    assert created(target) == []
