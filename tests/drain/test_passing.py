"""Which Pods leave without an eviction, whatever their budget says."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import (
    DEPLOYMENTS,
    REPLICASETS,
    REPLICATIONCONTROLLERS,
    STATEFULSETS,
    Object,
    Resource,
)
from resilience.drain.passing import is_operators, passing, reader
from tests.drain.objects import pod
from tests.engine.fakes import FakeClock, FakeCluster

GOING = "2026-01-01T00:00:00Z"
REVISION = "deployment.kubernetes.io/revision"


def owned(name: str = "web-0", kind: str = "ReplicaSet", **spec: Any) -> Object:
    """A Pod of one controller, with its spec."""
    made = pod(name)
    api = "v1" if kind == "ReplicationController" else "apps/v1"
    made["metadata"]["ownerReferences"] = [
        {"apiVersion": api, "kind": kind, "name": "web", "uid": "uid-web", "controller": True}
    ]
    made["spec"] |= spec
    return made


def workload(kind: Resource, uid: str = "uid-web", **parts: Any) -> Object:
    spec, status = parts.pop("spec", {}), parts.pop("status", {})
    metadata = {"name": "web", "namespace": "shop", "uid": uid, "generation": 2, **parts}
    return {"kind": kind.kind, "metadata": metadata, "spec": {"replicas": 1, **spec},
            "status": {"observedGeneration": 2, **status}}  # fmt: skip


def why(leaving: Object, *others: Object, here: dict[Resource, Object] | None = None) -> str:
    """The reason for one Pod; `here` are the controllers that exist."""
    cluster = FakeCluster(FakeClock())
    for resource, each in (here or {}).items():
        cluster.put(resource, each)
    found = passing([leaving], [leaving, *others], reader(cluster))
    return found.get(leaving["metadata"]["uid"], "")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({}, ""),
        ({"restartPolicy": "Always"}, ""),
        ({"restartPolicy": "Never"}, "(restartPolicy Never)"),
        ({"restartPolicy": "OnFailure"}, "(restartPolicy OnFailure)"),
        ({"activeDeadlineSeconds": 60}, "(activeDeadlineSeconds 60)"),
    ],
)
def test_a_pod_whose_containers_end_leaves_by_itself(spec: Any, reason: str) -> None:
    found = why(owned(**spec), here={REPLICASETS: workload(REPLICASETS)})
    assert found.endswith(reason)
    assert bool(found) == bool(reason)


@pytest.mark.parametrize("kind", [REPLICASETS, REPLICATIONCONTROLLERS, STATEFULSETS])
def test_a_pod_whose_controller_is_going_goes_as_well(kind: Resource) -> None:
    mine = owned(kind=kind.kind)
    assert why(mine, here={kind: workload(kind)}) == ""
    assert "does not exist any more" in why(mine)
    assert "does not exist any more" in why(mine, here={kind: workload(kind, "another")})
    going = workload(kind, deletionTimestamp=GOING)
    assert why(mine, here={kind: going}) == f"is deleted soon: its {kind.kind} web is being deleted"
    unseen = workload(kind, generation=3)
    assert "its controller has not seen that yet" in why(mine, here={kind: unseen})


def test_a_controller_that_may_not_be_read_keeps_its_pods() -> None:
    cluster = FakeCluster(FakeClock())
    cluster.faults.append(lambda method, path: Forbidden(403, "no"))
    assert passing([owned()], [owned()], reader(cluster)) == {}


@pytest.mark.parametrize(
    ("others", "wanted", "goes"),
    [
        ([], 1, False),
        ([owned("web-1")], 2, False),
        ([owned("web-1")], 1, True),
        ([owned("web-1") | {"status": {"phase": "Failed"}}], 1, False),
        ([{**owned("web-1"), "metadata": {**owned("web-1")["metadata"], "deletionTimestamp": GOING}}
          ], 1, False),
        ([pod("web-1", owner=None)], 1, False),
    ],
)  # fmt: skip
def test_a_pod_more_than_are_wanted_is_deleted_soon(
    others: list[Object], wanted: int, goes: bool
) -> None:
    here = {REPLICASETS: workload(REPLICASETS, spec={"replicas": wanted})}
    assert why(owned(), *others, here=here) == (
        f"is deleted soon: its ReplicaSet web wants {wanted} of its 2 Pods" if goes else ""
    )


def test_of_several_that_leave_no_more_go_by_themselves_than_are_unwanted() -> None:
    cluster = FakeCluster(FakeClock())
    cluster.put(REPLICASETS, workload(REPLICASETS, spec={"replicas": 1}))
    pods = [owned("web-0"), owned("web-1")]
    assert passing(pods, pods, reader(cluster)) == {}
    assert list(passing(pods[:1], pods, reader(cluster))) == ["uid-web-0"]


def of_deployment(revision: str = "1") -> Object:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-top",
             "controller": True}  # fmt: skip
    return workload(REPLICASETS, ownerReferences=[owner], annotations={REVISION: revision})


@pytest.mark.parametrize(
    ("deployment", "reason"),
    [
        ({"annotations": {REVISION: "1"}}, ""),
        ({"annotations": {REVISION: "2"}}, "is replaced by the rollout of its Deployment web"),
        ({}, ""),
        ({"annotations": {REVISION: "2"}, "spec": {"paused": True}}, ""),
        ({"annotations": {REVISION: "2"}, "status": {"observedGeneration": 2, "conditions": [
            {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}}, ""),
        ({"deletionTimestamp": GOING}, "is deleted soon: its Deployment web is being deleted"),
        ({"generation": 3}, "may be deleted: its Deployment web was changed, and its controller"
         " has not seen that yet"),
    ],
)  # fmt: skip
def test_a_rollout_replaces_pods_of_the_template_before(deployment: Any, reason: str) -> None:
    top = workload(DEPLOYMENTS, "uid-top", **deployment)
    assert why(owned(), here={REPLICASETS: of_deployment(), DEPLOYMENTS: top}) == reason


def test_a_replicaset_whose_deployment_is_gone_goes() -> None:
    assert why(owned(), here={REPLICASETS: of_deployment()}) == (
        "is deleted soon: its Deployment web does not exist any more"
    )


@pytest.mark.parametrize(
    ("name", "spec", "revision", "reason"),
    [
        ("web-0", {}, "new", ""),
        ("web-1", {}, "new", "is deleted soon: its StatefulSet web wants 1 Pod now"),
        ("web-0", {"ordinals": {"start": 1}}, "new", "wants 1 Pod now"),
        ("web-1", {"ordinals": {"start": 1}}, "new", ""),
        ("web-0", {}, "old", "is replaced by the rollout of its StatefulSet web"),
        ("web-0", {"updateStrategy": {"type": "OnDelete"}}, "old", ""),
        ("web-0", {"updateStrategy": {"rollingUpdate": {"partition": 1}}}, "old", ""),
        ("web-1", {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}}, "old",
         "is replaced by the rollout"),
        ("web-1", {"ordinals": {"start": 1},
                   "updateStrategy": {"rollingUpdate": {"partition": 1}}}, "old", ""),
    ],
)  # fmt: skip
def test_a_statefulset_deletes_ordinals_that_it_does_not_want_or_rolls_out(
    name: str, spec: Any, revision: str, reason: str
) -> None:
    mine = owned(name, "StatefulSet")
    mine["metadata"]["labels"] = {"controller-revision-hash": revision}
    owner = workload(STATEFULSETS, spec=spec, status={"updateRevision": "new"})
    found = why(mine, here={STATEFULSETS: owner})
    assert reason in found
    assert bool(found) == bool(reason)


def test_a_statefulset_without_a_revision_yet_rolls_nothing_out() -> None:
    mine = owned("web-0", "StatefulSet")
    mine["metadata"]["labels"] = {"controller-revision-hash": "first"}
    assert why(mine, here={STATEFULSETS: workload(STATEFULSETS)}) == ""


@pytest.mark.parametrize(
    ("api", "kind", "operators"),
    [
        ("kubevirt.io/v1", "VirtualMachineInstance", True),
        ("core.strimzi.io/v1beta2", "StrimziPodSet", True),
        ("apps/v1", "StatefulSet", False),
        ("batch/v1", "Job", False),
        ("v1", "ReplicationController", False),
        ("example.org/v1", "ReplicaSet", True),
    ],
)
def test_an_operator_may_move_its_pods_when_it_is_asked_to(
    api: str, kind: str, operators: bool
) -> None:
    mine = owned(kind=kind)
    mine["metadata"]["ownerReferences"][0]["apiVersion"] = api
    assert is_operators(mine) is operators
    assert ("at an eviction" in why(mine)) is operators


def test_a_bare_pod_stays() -> None:
    assert not is_operators(pod("a", owner=None))
    assert why(pod("a", owner=None)) == ""
