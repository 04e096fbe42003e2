"""How many Pods a changed manifest takes away."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.objects.replaced_pods import replaced
from resilience.cluster.interface import (
    CONFIGMAPS,
    DAEMONSETS,
    DEPLOYMENTS,
    REPLICASETS,
    Object,
    Resource,
)


def there(**status: int) -> Object:
    spec = {"replicas": 3, "template": {"spec": {"a": 1}}}
    metadata = {"name": "web", "namespace": "shop", "uid": "u"}
    return {"metadata": metadata, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("kind", "status", "spec", "count"),
    [
        (DEPLOYMENTS, {"replicas": 3}, {"template": {"spec": {"a": 2}}}, 3),
        (DEPLOYMENTS, {"replicas": 3}, {"template": {"spec": {"a": 1}}}, 0),
        (DEPLOYMENTS, {}, {"template": {"spec": {"a": 2}}}, 0),
        (DEPLOYMENTS, {"replicas": 3}, {"replicas": 1}, 2),
        (DEPLOYMENTS, {"replicas": 3}, {"replicas": 0}, 3),
        (DEPLOYMENTS, {"replicas": 3}, {"replicas": 5}, 0),
        (DEPLOYMENTS, {"replicas": 3}, {}, 0),
        (DAEMONSETS, {"currentNumberScheduled": 4}, {"template": {"spec": {"a": 2}}}, 4),
        (DAEMONSETS, {"currentNumberScheduled": 4}, {"replicas": 0}, 0),
        (REPLICASETS, {"replicas": 3}, {"replicas": 1}, 2),
        (REPLICASETS, {"replicas": 3}, {"template": {"spec": {"a": 2}}}, 0),
        (CONFIGMAPS, {"replicas": 3}, {"replicas": 1, "template": {}}, 0),
    ],
)
def test_a_new_template_replaces_all_and_a_lower_number_removes_some(
    kind: Resource, status: dict[str, int], spec: dict[str, Any], count: int
) -> None:
    found = replaced(kind, there(**status), {"spec": spec})
    assert len({each["metadata"]["uid"] for each in found}) == count
    assert {each["metadata"]["namespace"] for each in found} <= {"shop"}


def test_a_body_without_a_spec_takes_nothing_away() -> None:
    assert replaced(DEPLOYMENTS, there(replicas=3), {}) == []
