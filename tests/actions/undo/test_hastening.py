"""Which Pods get a short grace period, and which keep their own."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.undo.hastening import GRACE, hasten
from resilience.actions.undo.object_undo import wait_until_gone
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import DEPLOYMENTS, PODS, REPLICASETS, SERVICES, Object, Resource
from resilience.engine.journal.undo_context import Undoing
from resilience.model.values import RunId
from tests.engine.fakes import FakeClock, FakeCluster


class Deleting(FakeCluster):
    """Notes deletions and carries none out."""

    def __init__(self) -> None:
        self.time = FakeClock()
        super().__init__(self.time)
        self.deletions: list[tuple[str, int | None, str | None]] = []
        self.refuses = False

    def delete(
        self, resource: Resource, name: str, namespace: str = "", *, grace: int | None = None,
        uid: str | None = None, propagation: str = "Background", dry_run: bool = False,
    ) -> Object:  # fmt: skip
        if self.refuses:
            raise Forbidden(403, "pods is forbidden")
        self.deletions.append((name, grace, uid))
        return {}


def owned(name: str, owner: str, **meta: Any) -> Object:
    reference = {"apiVersion": "apps/v1", "kind": "X", "name": owner, "uid": owner,
                 "controller": True}  # fmt: skip
    return {"metadata": {"name": name, "namespace": "shop", "uid": name,
                         "ownerReferences": [reference], **meta}}  # fmt: skip


GOING = {"deletionTimestamp": "2026-03-01T02:00:10Z", "deletionGracePeriodSeconds": 10}
WEB: Object = {"metadata": {"name": "web", "namespace": "shop", "uid": "web"}}


@pytest.fixture
def cluster() -> Deleting:
    made = Deleting()
    made.put(REPLICASETS, owned("web-1", "web"))
    made.put(PODS, owned("slow", "web-1", **GOING))
    return made


def test_a_pod_that_goes_with_its_workload_goes_at_once(cluster: Deleting) -> None:
    hasten(cluster, DEPLOYMENTS, WEB)
    assert cluster.deletions == [("slow", GRACE, "slow")]


@pytest.mark.parametrize(
    "pod",
    [
        owned("lives", "web-1"),
        owned("someone-else's", "other", **GOING),
        owned("quick", "web-1", **{**GOING, "deletionGracePeriodSeconds": GRACE}),
        {**owned("keeps-data", "web-1", **GOING),
         "spec": {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}]}},
    ],
    ids=lambda pod: str(pod["metadata"]["name"]),
)  # fmt: skip
def test_any_other_pod_keeps_its_own_time(cluster: Deleting, pod: Object) -> None:
    cluster.put(PODS, pod)
    hasten(cluster, DEPLOYMENTS, WEB)
    assert [name for name, _, _ in cluster.deletions] == ["slow"]


def test_without_the_permission_pods_end_by_themselves(cluster: Deleting) -> None:
    cluster.refuses = True
    hasten(cluster, DEPLOYMENTS, WEB)
    assert cluster.deletions == []


def test_what_has_no_pods_is_not_looked_at(cluster: Deleting) -> None:
    hasten(cluster, SERVICES, WEB)
    assert cluster.deletions == []


def test_the_wait_for_a_workload_hastens_its_pods(cluster: Deleting) -> None:
    deployment = cluster.put(DEPLOYMENTS, WEB)
    cluster.time.after(1.0, lambda: cluster.remove(DEPLOYMENTS, "shop", "web"))
    context = Undoing(cluster=cluster, run=RunId("r1"), clock=cluster.time, deadline=200.0)
    wait_until_gone(DEPLOYMENTS, deployment, context)
    assert ("slow", GRACE, "slow") in cluster.deletions
