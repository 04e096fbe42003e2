"""A reverted StatefulSet does not stay with a Pod that the run's template left unready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from resilience.actions.undo import reverting, stuck_pods
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import DEPLOYMENTS, PODS, STATEFULSETS, Object, Resource
from resilience.engine.journal.undo_context import Undoing
from resilience.kube import objects
from resilience.verbs.context import ActionFailed
from tests.actions.undo.test_reverting import RUN, Acting
from tests.engine.fakes import FakeClock, FakeCluster

BROKEN, GOOD = "shop:broken", "shop:1"


def spec(image: str) -> Object:
    return {"containers": [{"name": "db", "image": image}]}


def set_up(cluster: FakeCluster, ready: int = 1, kind: Resource = STATEFULSETS,
           **more: Any) -> Object:  # fmt: skip
    return cluster.put(kind, {
        "metadata": {"name": "db", "namespace": "shop", "generation": 1},
        "spec": {"replicas": 2, "template": {"spec": spec(GOOD)}, **more},
        "status": {"observedGeneration": 99, "readyReplicas": ready},
    })  # fmt: skip


def add(cluster: FakeCluster, name: str, image: str = BROKEN, *, ready: bool = False,
        owner: str = "", **metadata: Any) -> None:  # fmt: skip
    uid = owner or objects.uid(cluster.have(STATEFULSETS, "db", "shop"))
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": uid,
                 "controller": True}  # fmt: skip
    cluster.put(PODS, {
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": [reference], **metadata},
        "spec": spec(image),
        "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": str(ready)}]},
    })  # fmt: skip


def changed(cluster: FakeCluster, kind: Resource = STATEFULSETS) -> Mapping[str, Any]:
    """The record of a change of the image."""
    acting = Acting(cluster)
    there = cluster.have(kind, "db", "shop")
    reverting.change(
        acting, kind, there,  # type: ignore[arg-type]
        lambda obj: obj["spec"]["template"].update(spec=spec(BROKEN)), "set it back",
    )  # fmt: skip
    assert acting.record is not None
    return acting.record


def undo(cluster: FakeCluster, record: Mapping[str, Any], deadline: float = 200.0) -> None:
    reverting.undo(
        record, Undoing(cluster=cluster, run=RUN, clock=cluster.clock, deadline=deadline)
    )


def left(cluster: FakeCluster) -> list[str]:
    """Pods that are not being deleted."""
    return [objects.name(each) for each in cluster.find(PODS, "shop")
            if not objects.is_terminating(each)]  # fmt: skip


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(FakeClock())


def test_the_pod_that_stops_the_controller_is_deleted_and_no_other(cluster: FakeCluster) -> None:
    set_up(cluster)
    record = changed(cluster)
    add(cluster, "db-1")
    add(cluster, "db-0", GOOD)
    add(cluster, "ready", ready=True)
    add(cluster, "others", owner="another")
    add(cluster, "going", deletionTimestamp="2026-01-01T00:00:00Z")
    undo(cluster, record)
    assert left(cluster) == ["db-0", "others", "ready"]
    deletes = [path for method, path in cluster.calls if method == "DELETE"]
    assert deletes == [PODS.path("shop", "db-1")]
    assert cluster.have(STATEFULSETS, "db", "shop")["spec"]["template"]["spec"] == spec(GOOD)


def test_it_is_deleted_also_if_the_undo_was_interrupted_before(cluster: FakeCluster) -> None:
    set_up(cluster)
    record = changed(cluster)
    undo(cluster, record)
    add(cluster, "db-1")
    undo(cluster, record)
    assert left(cluster) == []


@pytest.mark.parametrize(
    "more",
    [
        {"podManagementPolicy": "Parallel"},
        {"updateStrategy": {"type": "OnDelete"}},
        {"ready": 2},
    ],
)
def test_what_the_controller_replaces_itself_or_never_is_left(
    cluster: FakeCluster, more: Any
) -> None:
    set_up(cluster, **more)
    record = changed(cluster)
    add(cluster, "db-1")
    undo(cluster, record)
    assert left(cluster) == ["db-1"]


def test_a_change_that_left_the_template_alone_deletes_nothing(cluster: FakeCluster) -> None:
    there = set_up(cluster)
    acting = Acting(cluster)
    reverting.change(
        acting, STATEFULSETS, there,  # type: ignore[arg-type]
        lambda obj: obj["spec"].update(replicas=3), "scale it back",
    )  # fmt: skip
    add(cluster, "db-1")
    assert acting.record is not None
    undo(cluster, acting.record)
    assert left(cluster) == ["db-1"]


def test_pods_of_other_kinds_are_left(cluster: FakeCluster) -> None:
    set_up(cluster)
    set_up(cluster, kind=DEPLOYMENTS)
    record = changed(cluster, DEPLOYMENTS)
    add(cluster, "db-1")
    undo(cluster, record)
    assert left(cluster) == ["db-1"]
    assert [path for _, path in cluster.calls if "statefulsets" in path] == []


@pytest.mark.parametrize("notices", [True, False])
def test_the_controller_has_to_notice_the_template_first(
    cluster: FakeCluster, notices: bool
) -> None:
    """Else the Pod might come back with the run's template; a stopped one is not waited for."""
    set_up(cluster)
    record = changed(cluster)
    add(cluster, "db-1")
    cluster.change(STATEFULSETS, "shop", "db",
                   lambda obj: obj["status"].update(observedGeneration=0))  # fmt: skip
    began, seen = cluster.clock.now, list[bool]()

    def notice() -> None:
        seen.append(left(cluster) == ["db-1"])
        cluster.change(STATEFULSETS, "shop", "db",
                       lambda obj: obj["status"].update(observedGeneration=99))  # fmt: skip

    if notices:
        cluster.clock.after(3.0, notice)
    undo(cluster, record)
    assert left(cluster) == []
    assert seen == ([True] if notices else [])
    assert cluster.clock.now - began == pytest.approx(3.0 if notices else 10.0, abs=0.2)


def test_the_wait_for_the_controller_ends_with_the_undo(cluster: FakeCluster) -> None:
    set_up(cluster)
    record = changed(cluster)
    cluster.change(STATEFULSETS, "shop", "db",
                   lambda obj: obj["status"].update(observedGeneration=0))  # fmt: skip
    undo(cluster, record, deadline=cluster.clock.now + 1.0)
    assert cluster.clock.now < 102.0


@pytest.mark.parametrize("how", ["gone", "replaced", "terminating"])
def test_a_statefulset_that_is_no_longer_there_keeps_its_pods(
    cluster: FakeCluster, how: str
) -> None:
    set_up(cluster)
    record = {**changed(cluster)}
    add(cluster, "db-1")
    if how == "gone":
        cluster.remove(STATEFULSETS, "shop", "db")
    elif how == "replaced":
        record["uid"] = "other"
    else:
        cluster.change(STATEFULSETS, "shop", "db", lambda obj: obj["metadata"].update(
            deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["x"]))  # fmt: skip
    stuck_pods.release(
        STATEFULSETS, record,
        Undoing(cluster=cluster, run=RUN, clock=cluster.clock, deadline=200.0),
    )  # fmt: skip
    assert "db-1" in left(cluster)


def test_pods_that_may_not_be_read_are_told(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(cluster)
    record = changed(cluster)

    def listing(*_: object, **__: object) -> list[Object]:
        raise Forbidden(403, "pods is forbidden")

    monkeypatch.setattr(cluster, "list", listing)
    with pytest.raises(ActionFailed, match="shop/db is back, but not all of its Pods are ready"):
        undo(cluster, record)


@pytest.mark.parametrize(
    ("version", "kind", "found"),
    [("apps/v1", "StatefulSet", ["list", "delete"]), ("apps/v1", "Deployment", []),
     ("apps.kruise.io/v1beta1", "StatefulSet", [])],
)  # fmt: skip
def test_a_manifest_with_a_statefulset_may_need_to_delete_pods(
    version: str, kind: str, found: list[str]
) -> None:
    asked = stuck_pods.rights({"apiVersion": version, "kind": kind}, "shop")
    assert [each.verb for each in asked] == found
    assert all(each.optional and each.namespace == "shop" for each in asked)
