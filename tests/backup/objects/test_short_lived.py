"""What only a recreated Pod owns does not come back: a leader's lock without its Pod is for ever.

opentelemetry-operator#22, cass-operator#407: operators that hold their lock by an owner reference.
"""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.proof.compare import with_cluster
from resilience.backup.restore.outcome import Outcome
from tests.backup.fakes import FakeCluster, config_map, shop
from tests.backup.restore.restoring import brought_back, stored


def owner(kind: str, name: str, cluster: FakeCluster, api: str = "v1", **more: Any) -> Any:
    plural = {"Pod": "pods", "ReplicaSet": "replicasets.apps", "ConfigMap": "configmaps",
              "Deployment": "deployments.apps"}[kind]  # fmt: skip
    uid = cluster.objects[plural, "shop", name]["metadata"]["uid"]
    return {"apiVersion": api, "kind": kind, "name": name, "uid": uid, **more}


def thing(api: str, kind: str, name: str, *owners: Any, **more: Any) -> Any:
    metadata = {"name": name, "namespace": "shop", "ownerReferences": list(owners)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


def running() -> FakeCluster:
    """A Deployment's Pod, and a Pod that nobody made."""
    cluster = shop()
    made_by = owner("Deployment", "checkout", cluster, "apps/v1", controller=True)
    cluster.add(thing("apps/v1", "ReplicaSet", "checkout-1", made_by))
    made_by = owner("ReplicaSet", "checkout-1", cluster, "apps/v1", controller=True)
    cluster.add(thing("v1", "Pod", "checkout-1-a", made_by, spec={}))
    cluster.add(thing("v1", "Pod", "bare", spec={}))
    return cluster


@pytest.mark.parametrize(
    ("kinds", "back"),
    [
        (("Pod/checkout-1-a",), False),
        (("ReplicaSet/checkout-1",), False),
        (("Pod/checkout-1-a", "Pod/bare"), True),
        (("Pod/bare",), True),
        (("Deployment/checkout",), True),
        (("Pod/checkout-1-a", "Deployment/checkout"), True),
    ],
)
def test_it_comes_back_with_any_owner_that_does(kinds: tuple[str, ...], back: bool) -> None:
    source = running()
    pairs = [each.split("/") for each in kinds]
    group = {"Pod": "v1"}
    owners = [owner(kind, name, source, group.get(kind, "apps/v1")) for kind, name in pairs]
    source.add(thing("v1", "ConfigMap", "lock", *owners, data={"leader": "checkout-1-a"}))
    store, target = stored(source), FakeCluster()
    report = brought_back(store, target)
    assert report.complete
    assert (("configmaps", "shop", "lock") in target.objects) == back
    left = {each.name: each.reason for each in report.items if each.outcome is Outcome.LEFT}
    assert left.get("lock", "").startswith("" if back else "deleted with its owner")
    proof = with_cluster(opened(store, "one"), target)
    assert [str(each) for each in proof.changes] == []
    assert any("configmaps shop/lock" in each for each in proof.absent) != back


def test_a_claim_is_restored_whoever_owned_it() -> None:
    source = running()
    pod = owner("Pod", "checkout-1-a", source)
    claim = thing("v1", "PersistentVolumeClaim", "data", pod, spec={})
    source.add(claim)
    target = FakeCluster()
    brought_back(stored(source), target)
    assert ("persistentvolumeclaims", "shop", "data") in target.objects


def test_the_proof_misses_what_had_no_such_owner() -> None:
    source = running()
    source.add(config_map("plain"))
    store, target = stored(source), FakeCluster()
    brought_back(store, target)
    del target.objects["configmaps", "shop", "plain"]
    changes = with_cluster(opened(store, "one"), target).changes
    assert [str(each) for each in changes] == ["configmaps shop/plain was removed"]
