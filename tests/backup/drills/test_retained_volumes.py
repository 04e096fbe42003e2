"""Volumes with the policy Retain: the drill deletes what was made for it, and names what stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from resilience.backup.drills import retained_volumes
from resilience.backup.drills.drill import run
from resilience.backup.drills.retained_volumes import RETAINED
from resilience.backup.drills.scratch import cleared, scratch
from resilience.backup.plans.lifecycle import newest
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import CLAIMS, VOLUMES, Object
from resilience.cluster.permit.door import NotCovered
from resilience.model.verdict import Result
from tests.backup.drills.test_scratch import TTL, left_by_a_killed_drill, made, origin
from tests.backup.fakes import FakeClock, FakeCluster
from tests.backup.plans.shop_plan import KEYS, PLAN, clocked, due_run, lived_in

OTHER = "00000000-0000-0000-0000-000000000000"


def bound(cluster: FakeCluster, **changed: Any) -> Object:
    """A claim of the scratch namespace and the volume that was made for it."""
    claim = cluster.create(
        CLAIMS,
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
         "metadata": {"name": "data", "namespace": "shop-drill"}, "spec": {}},
        "shop-drill",
    )  # fmt: skip
    uid = claim["metadata"]["uid"]
    name = changed.get("name", f"pvc-{uid}")
    notes = {"pv.kubernetes.io/provisioned-by": "csi.example.com"}
    return cluster.create(
        VOLUMES,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, "annotations": changed.get("annotations", notes)},
            "spec": {
                "capacity": {"storage": "10Gi"},
                "persistentVolumeReclaimPolicy": changed.get("policy", "Retain"),
                "claimRef": {
                    "namespace": "shop-drill",
                    "name": "data",
                    "uid": changed.get("claim", uid),
                },
            },
        },
    )


def policy(cluster: FakeCluster, volume: Object) -> str:
    found = cluster.get(VOLUMES, volume["metadata"]["name"])
    return str(found["spec"]["persistentVolumeReclaimPolicy"])


def drill_with(cluster: FakeCluster, **changed: Any) -> tuple[Object, list[str]]:
    """The volume, and what the scratch namespace told when it went."""
    told = list[str]()
    with scratch(
        cluster, "shop-drill", origin("first"), clock=FakeClock(), ttl=TTL, leave=told.append
    ):
        volume = bound(cluster, **changed)
    return volume, told


def test_a_volume_made_for_the_drill_is_deleted_with_its_disk() -> None:
    cluster = made()
    volume, told = drill_with(cluster)
    assert policy(cluster, volume) == "Delete"
    assert told == []


@pytest.mark.parametrize("error", [NotCovered("no target lists it"), Forbidden(403, "no")])
def test_without_consent_or_permission_it_stays_and_is_named_with_the_next_step(
    error: Exception,
) -> None:
    cluster = made()

    def refused(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("patch", "persistentvolumes"):
            raise error

    cluster.faults.append(refused)
    volume, told = drill_with(cluster)
    assert policy(cluster, volume) == "Retain"
    [line] = told
    name = volume["metadata"]["name"]
    assert line.startswith(f"PersistentVolume {name} (10Gi, claim shop-drill/data) stays")
    assert f"kubectl patch pv {name} -p" in line
    assert "`cluster_scoped`" in line
    assert f"accept: [{RETAINED}]" in line


@pytest.mark.parametrize(
    "changed",
    [{"annotations": {}}, {"name": f"pvc-{OTHER}"}],
    ids=["made by hand", "made for an earlier claim"],
)
def test_a_volume_that_was_there_before_is_never_touched_but_named(changed: dict[str, Any]) -> None:
    cluster = made()
    volume, told = drill_with(cluster, **changed)
    assert policy(cluster, volume) == "Retain"
    [line] = told
    assert volume["metadata"]["name"] in line
    assert "it was there before the drill" in line


def test_volumes_of_other_claims_concern_no_drill() -> None:
    cluster = made()
    volume, told = drill_with(cluster, claim=OTHER, name=f"pvc-{OTHER}")
    assert policy(cluster, volume) == "Retain"
    assert told == []


def test_a_volume_that_goes_with_its_claim_needs_no_write() -> None:
    cluster = made()
    _, told = drill_with(cluster, policy="Delete")
    assert told == []
    assert ("patch", "persistentvolumes") not in {each[:2] for each in cluster.requests}


def test_volumes_that_cannot_be_listed_are_told() -> None:
    cluster = made()

    def unreadable(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("list", "persistentvolumes"):
            raise Forbidden(403, "list persistentvolumes is forbidden")

    assert retained_volumes.kept(cluster, {OTHER}) == []
    cluster.faults.append(unreadable)
    assert retained_volumes.kept(cluster, set()) == []
    [line] = retained_volumes.kept(cluster, {OTHER})
    assert line.startswith("cannot check whether volumes of the drill's claims stay")
    _, told = drill_with(cluster)
    assert told == [line]


def test_what_a_killed_drill_left_is_told_by_the_one_that_clears_it() -> None:
    cluster, clock, told = made(), FakeClock(), list[str]()
    left_by_a_killed_drill(cluster, clock)
    volume = bound(cluster, annotations={})
    cleared(cluster, "shop-drill", "second", clock=clock, leave=told.append)
    assert [line.split(" (")[0] for line in told] == [
        f"PersistentVolume {volume['metadata']['name']}"
    ]


@pytest.mark.parametrize("accepted", [True, False])
def test_a_plan_may_accept_that_volumes_stay(accepted: bool) -> None:
    cluster, told = lived_in(), list[str]()
    settled = cluster.on_create

    def with_a_volume(obj: Object) -> None:
        settled(obj)
        if obj["kind"] == "ConfigMap" and obj["metadata"].get("namespace") == "shop-drill":
            bound(cluster, annotations={})

    clock, store = clocked()
    due_run(cluster, store, clock)
    clock.wait(60)
    cluster.on_create = with_a_volume
    report = run(
        replace(PLAN, accept=(RETAINED,) if accepted else ()),
        newest(store, PLAN),
        cluster,
        clock=clock,
        keys=KEYS,
        leave=told.append,
    )
    found = [each for each in report.findings if each.name == RETAINED]
    assert len(told) == (0 if accepted else 1)
    assert [each.result for each in found] == ([Result.PASSED] if accepted else [])
    assert [each.measured for each in found] == (["1 volume left"] if accepted else [])


def test_a_drill_without_claims_asks_for_no_volume() -> None:
    cluster = made()
    with scratch(cluster, "shop-drill", origin("first"), clock=FakeClock(), ttl=TTL):
        pass
    assert "persistentvolumes" not in {each[1] for each in cluster.requests}
