"""Whose objects in a namespace count as someone else's, and how they are named."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.undo import namespace_users
from resilience.actions.undo.reverting import RUN
from resilience.backup.objects.rules import RESTORE
from resilience.cluster import errors
from resilience.cluster.interface import (
    CONFIGMAPS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    REPLICASETS,
    Resource,
)
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


CLUSTERS = Resource(group="postgresql.cnpg.io", version="v1", plural="clusters", kind="Cluster")
SETS = Resource(group="core.strimzi.io", version="v1", plural="podsets", kind="PodSet")


def owned(resource: Resource, name: str, *owners: tuple[Resource, str]) -> Any:
    """An object's metadata; each owner is named by resource and name, and has its name as uid."""
    references = [
        {"apiVersion": f"{each.group}/{each.version}", "kind": each.kind, "name": of, "uid": of}
        for each, of in owners
    ]
    return {"name": name, "uid": name, "namespace": "a", "ownerReferences": references}


def owning(*there: tuple[Resource, Any]) -> list[str]:
    cluster = FakeCluster(FakeClock())
    for each in (CLUSTERS, SETS, REPLICASETS):
        cluster.serve(each)
    for resource, metadata in there:
        cluster.put(resource, {"metadata": metadata})
    return namespace_users.of(cluster, SPACE)


@pytest.mark.parametrize(
    ("top", "named"),
    [
        ({}, ["Cluster pg"]),
        ({"annotations": {RUN: "r1"}}, []),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, []),
    ],
)
def test_pods_of_an_operator_count_for_its_resource(top: Any, named: list[str]) -> None:
    """Someone's database in a namespace that a run created: its Pods are owned, its resource is of
    a kind that nobody lists."""
    there = (
        (CLUSTERS, owned(CLUSTERS, "pg") | top),
        (SETS, owned(SETS, "set", (CLUSTERS, "pg"))),
        (PODS, owned(PODS, "pg-1", (SETS, "set"))),
        (PODS, owned(PODS, "pg-2", (CLUSTERS, "pg"))),
    )
    assert owning(*there) == named


def test_a_replicaset_of_its_own_is_in_use_and_one_of_a_deployment_is_not() -> None:
    alone = (REPLICASETS, owned(REPLICASETS, "alone"))
    pods = (PODS, owned(PODS, "alone-1", (REPLICASETS, "alone")))
    assert owning(alone, pods) == ["ReplicaSet alone"]
    web = (REPLICASETS, owned(REPLICASETS, "web-1", (DEPLOYMENTS, "web")))
    assert owning(web, (PODS, owned(PODS, "web-1-a", (REPLICASETS, "web-1")))) == [], "it is gone"


def test_what_only_owns_data_counts_if_a_person_wrote_it() -> None:
    data = (CONFIGMAPS, owned(CONFIGMAPS, "c", (CLUSTERS, "pg")))
    assert owning((CLUSTERS, owned(CLUSTERS, "pg")), data) == []
    assert owning((CLUSTERS, owned(CLUSTERS, "pg") | BY_HAND), data) == ["Cluster pg"]


def test_a_pod_that_is_leaving_and_owners_that_are_gone_or_own_themselves_hold_nothing() -> None:
    leaving = owned(PODS, "p", (CLUSTERS, "pg")) | {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert owning((CLUSTERS, owned(CLUSTERS, "pg")), (PODS, leaving)) == []
    assert owning((PODS, owned(PODS, "p", (CLUSTERS, "pg")))) == []
    cluster = FakeCluster(FakeClock())
    cluster.put(NODES, {"metadata": {"name": "node-1", "uid": "node-1"}})
    node = {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "node-1"}
    mirror = {"name": "static", "namespace": "a", "ownerReferences": [node]}
    cluster.put(PODS, {"metadata": mirror})
    assert namespace_users.of(cluster, SPACE) == [], "a static Pod's node is in no namespace"
    circle = (CLUSTERS, owned(CLUSTERS, "pg", (CLUSTERS, "pg")))
    assert owning(circle, (PODS, owned(PODS, "p", (CLUSTERS, "pg")))) == []


@pytest.mark.parametrize(
    ("error", "raised", "text"),
    [
        (errors.Forbidden(403, "clusters is forbidden"), ActionFailed,
         "namespace a is not deleted, because objects of others in it cannot be seen: clusters is"),
        (errors.ServerTrouble(503, "starting"), errors.ServerTrouble, "starting"),
    ],
)  # fmt: skip
def test_an_owner_that_nobody_could_read_may_be_someone_s(
    error: errors.ApiError, raised: type[Exception], text: str
) -> None:
    cluster = FakeCluster(FakeClock())
    cluster.serve(CLUSTERS)
    cluster.put(PODS, {"metadata": owned(PODS, "pg-1", (CLUSTERS, "pg"))})
    cluster.faults.append(lambda method, path: error if "clusters" in path else None)
    with pytest.raises(raised, match=text):
        namespace_users.of(cluster, SPACE)


def test_data_with_an_owner_that_nobody_may_read_is_an_application_s() -> None:
    cluster = FakeCluster(FakeClock())
    cluster.serve(CLUSTERS)
    cluster.put(CONFIGMAPS, {"metadata": owned(CONFIGMAPS, "c", (CLUSTERS, "pg"))})
    no = errors.Forbidden(403, "clusters is forbidden")
    cluster.faults.append(lambda method, path: no if "clusters" in path else None)
    assert namespace_users.of(cluster, SPACE) == []
