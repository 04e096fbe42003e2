"""Whose objects in a namespace count as someone else's, and how they are named."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.undo import namespace_users
from resilience.actions.undo.reverting import RUN
from resilience.backup.objects.rules import RESTORE
from resilience.cluster import errors
from resilience.cluster.interface import CONFIGMAPS, JOBS, PODS, Resource
from resilience.kube.objects import OURS
from resilience.verbs.context import ActionFailed
from tests.engine.fakes import FakeClock, FakeCluster

SPACE = {"metadata": {"name": "a"}}
BY_HAND = {"managedFields": [{"manager": "kubectl-create"}]}


def users(*objects: tuple[Resource, Any], cluster: FakeCluster | None = None) -> list[str]:
    here = cluster or FakeCluster(FakeClock())
    for number, (resource, more) in enumerate(objects):
        here.put(resource, {"metadata": {"name": f"x{number}", "namespace": "a", **more}})
    return namespace_users.of(here, SPACE)


@pytest.mark.parametrize(
    ("resource", "more", "named"),
    [
        (JOBS, {}, ["Job x0"]),
        (PODS, {}, ["Pod x0"]),
        (PODS, {"ownerReferences": []}, ["Pod x0"]),
        (PODS, {"ownerReferences": [{"uid": "u"}]}, []),
        (PODS, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, []),
        (PODS, {"labels": {"app.kubernetes.io/managed-by": OURS}}, []),
        (PODS, {"labels": {"app.kubernetes.io/managed-by": "helm"}}, ["Pod x0"]),
        (PODS, {"annotations": {RUN: "r1"}}, []),
        (PODS, {"annotations": {RESTORE: "r1"}}, []),
        (PODS, {"labels": {RESTORE: "r1"}}, []),
        (PODS, {"annotations": {"mine": "1"}}, ["Pod x0"]),
        (CONFIGMAPS, {}, []),
        (CONFIGMAPS, {"managedFields": [{}]}, []),
        (CONFIGMAPS, {"managedFields": [{"manager": "operator"}]}, []),
        (CONFIGMAPS, {"managedFields": [{"manager": "my-kubectl"}]}, []),
        (CONFIGMAPS, {"managedFields": [{"manager": "operator"}, {"manager": "Helm"}]},
         ["ConfigMap x0"]),
        (CONFIGMAPS, {**BY_HAND, "annotations": {RUN: "r1"}}, []),
    ],
)  # fmt: skip
def test_an_object_counts_unless_something_explains_it(
    resource: Resource, more: Any, named: list[str]
) -> None:
    assert users((resource, more)) == named


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, []), (3, ["Job x0", "Job x1", "Job x2"]),
     (4, ["Job x0", "Job x1", "Job x2", "1 more"]), (9, ["Job x0", "Job x1", "Job x2", "6 more"])],
)  # fmt: skip
def test_three_are_named_and_the_rest_is_counted(count: int, told: list[str]) -> None:
    assert users(*[(JOBS, {})] * count) == told


def test_objects_of_other_namespaces_do_not_count() -> None:
    cluster = FakeCluster(FakeClock())
    cluster.put(JOBS, {"metadata": {"name": "theirs", "namespace": "b"}})
    assert users(cluster=cluster) == []


def test_what_may_not_be_seen_may_be_there() -> None:
    cluster = FakeCluster(FakeClock())
    cluster.faults.append(lambda method, path: errors.Forbidden(403, f"{path}: not for you"))
    with pytest.raises(ActionFailed, match="namespace a is not deleted") as found:
        users(cluster=cluster)
    assert "not for you; `resilience rbac` prints the permissions" in str(found.value)


def test_a_kind_that_is_not_served_holds_nothing() -> None:
    cluster = FakeCluster(FakeClock())
    gone = errors.NotFound(404, "not served")
    cluster.faults.append(lambda method, path: gone if "configmaps" in path else None)
    assert users((CONFIGMAPS, BY_HAND), (JOBS, {}), cluster=cluster) == ["Job x1"]
