"""Claims, volumes and their binding (rules 3.9)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.volumes.volume_match import best
from resilience.sandbox.kube.api import Obj
from tests.sandbox.controllers.world import World, pod

CLAIMS, VOLUMES = "persistentvolumeclaims", "persistentvolumes"


def a_volume(name: str, size: str = "1Gi", cls: str = "manual", **spec: Any) -> Obj:
    base = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": cls,
        "hostPath": {"path": f"/data/{name}"},
    }
    return {"metadata": {"name": name}, "spec": {**base, **spec}}


def a_claim(name: str = "data", size: str = "1Gi", cls: str = "manual", **spec: Any) -> Obj:
    base = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": cls,
        "resources": {"requests": {"storage": size}},
    }
    return {"metadata": {"name": name}, "spec": {**base, **spec}}


def user(name: str = "user", claim: str = "data") -> Obj:
    return pod(name, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": claim}}])


def phase(world: World, plural: str, name: str) -> str:
    return str(world.get(plural, name).get("status", {}).get("phase"))


def bound_to(world: World, name: str = "data") -> str | None:
    found: str | None = world.get(CLAIMS, name)["spec"].get("volumeName")
    return found


def test_the_smallest_volume_that_fits_is_bound_from_both_sides(world: World) -> None:
    for name, size in (("big", "9Gi"), ("fits", "2Gi"), ("small", "1Gi")):
        world.create(VOLUMES, a_volume(name, size))
    claim = world.create(CLAIMS, a_claim(size="1500Mi"))
    world.run(0)
    assert bound_to(world) == "fits"
    assert (phase(world, CLAIMS, "data"), phase(world, VOLUMES, "fits")) == ("Bound", "Bound")
    assert world.get(VOLUMES, "fits")["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]
    annotations = world.get(CLAIMS, "data")["metadata"]["annotations"]
    assert annotations["pv.kubernetes.io/bind-completed"] == "yes"
    assert annotations["pv.kubernetes.io/bound-by-controller"] == "yes"
    assert world.get(CLAIMS, "data")["status"]["capacity"] == {"storage": "2Gi"}


@pytest.mark.parametrize(
    "volume",
    [
        pytest.param({"size": "512Mi"}, id="too small"),
        pytest.param({"cls": "other"}, id="class"),
        pytest.param({"accessModes": ["ReadOnlyMany"]}, id="access mode"),
        pytest.param({"volumeMode": "Block"}, id="volume mode"),
    ],
)
def test_what_does_not_fit_is_not_bound(world: World, volume: dict[str, Any]) -> None:
    world.create(VOLUMES, a_volume("one", **volume))
    world.create(CLAIMS, a_claim())
    world.run(0)
    assert phase(world, CLAIMS, "data") == "Pending"
    assert phase(world, VOLUMES, "one") == "Available"


def test_a_selector_must_match_the_volumes_labels(world: World) -> None:
    labelled = a_volume("right", "5Gi")
    labelled["metadata"]["labels"] = {"tier": "fast"}
    world.create(VOLUMES, labelled)
    world.create(VOLUMES, a_volume("wrong"))
    world.create(CLAIMS, a_claim(selector={"matchLabels": {"tier": "fast"}}))
    world.run(0)
    assert bound_to(world) == "right"


def test_a_reservation_by_name_wins_over_the_smallest(world: World) -> None:
    reference = {"namespace": "default", "name": "data"}
    world.create(VOLUMES, a_volume("reserved", "9Gi", claimRef=reference))
    world.create(VOLUMES, a_volume("small"))
    world.run(0)
    assert phase(world, VOLUMES, "reserved") == "Available"
    world.create(CLAIMS, a_claim())
    world.run(0)
    assert bound_to(world) == "reserved"


def test_a_claim_that_waits_is_bound_when_a_volume_comes(world: World) -> None:
    world.create(CLAIMS, a_claim())
    world.run(0)
    world.create(VOLUMES, a_volume("late"))
    world.run(0)
    assert bound_to(world) == "late"


def test_a_claim_may_name_its_volume(world: World) -> None:
    world.create(VOLUMES, a_volume("small"))
    world.create(VOLUMES, a_volume("chosen", "9Gi"))
    world.create(CLAIMS, a_claim(volumeName="chosen"))
    world.run(0)
    assert phase(world, CLAIMS, "data") == "Bound"
    assert phase(world, VOLUMES, "small") == "Available"


def test_retain_keeps_a_released_volume_that_does_not_bind_again(world: World) -> None:
    world.create(VOLUMES, a_volume("one", persistentVolumeReclaimPolicy="Retain"))
    world.create(CLAIMS, a_claim())
    world.run(0)
    world.delete(CLAIMS, "data")
    world.run(0)
    assert phase(world, VOLUMES, "one") == "Released"
    world.create(CLAIMS, a_claim())
    world.run(5)
    assert phase(world, CLAIMS, "data") == "Pending"


def test_a_released_volume_binds_again_once_its_uid_is_dropped(world: World) -> None:
    test_retain_keeps_a_released_volume_that_does_not_bind_again(world)
    patch = {"spec": {"claimRef": {"uid": None, "resourceVersion": None}}}
    world.patch(VOLUMES, "one", patch)
    world.run(0)
    assert phase(world, CLAIMS, "data") == "Bound"


def test_a_bound_claim_whose_volume_vanishes_is_lost(world: World) -> None:
    world.create(VOLUMES, a_volume("one"))
    world.create(CLAIMS, a_claim())
    world.run(0)
    world.delete(VOLUMES, "one")
    world.patch(VOLUMES, "one", {"metadata": {"finalizers": None}})
    world.run(0)
    assert phase(world, CLAIMS, "data") == "Lost"
    assert world.events("ClaimLost", "data")


def test_a_claim_of_the_standard_class_waits_for_its_first_consumer(world: World) -> None:
    world.create(CLAIMS, a_claim(cls="standard"))
    world.run(5)
    assert phase(world, CLAIMS, "data") == "Pending"
    assert world.events("WaitForFirstConsumer", "data") == [
        "waiting for first consumer to be created before binding"
    ]
    world.create("pods", user())
    world.run(2)
    assert phase(world, CLAIMS, "data") == "Bound"
    assert world.get("pods", "user")["status"]["phase"] == "Running"
    selected = world.get(CLAIMS, "data")["metadata"]["annotations"]
    assert (
        selected["volume.kubernetes.io/selected-node"]
        == (world.get("pods", "user")["spec"]["nodeName"])
    )


def test_a_provisioned_volume_is_named_after_the_claim_and_goes_with_it(world: World) -> None:
    claim = world.create(CLAIMS, a_claim(cls="standard"))
    world.create("pods", user())
    world.run(2)
    name = f"pvc-{claim['metadata']['uid']}"
    assert bound_to(world) == name
    world.delete("pods", "user")
    world.run(2)
    world.delete(CLAIMS, "data")
    world.run(0)
    assert world.find(VOLUMES, name) is None


def test_an_immediate_class_provisions_at_once(world: World) -> None:
    body = {"metadata": {"name": "now"}, "provisioner": "sandbox.resilience/directory",
            "volumeBindingMode": "Immediate"}  # fmt: skip
    world.create("storageclasses.storage.k8s.io", body)
    world.create(CLAIMS, a_claim(cls="now"))
    world.run(0)
    assert phase(world, CLAIMS, "data") == "Bound"


def test_a_pod_with_an_unbound_immediate_claim_is_not_placed(world: World) -> None:
    world.create(CLAIMS, a_claim())
    world.create("pods", user())
    world.run(0)
    found = world.events("FailedScheduling", "user")[-1]
    assert "pod has unbound immediate PersistentVolumeClaims" in found
    world.create(VOLUMES, a_volume("late"))
    world.run(5)
    assert world.get("pods", "user")["spec"].get("nodeName")


def test_a_volumes_node_affinity_restricts_the_pod(world: World) -> None:
    key = "kubernetes.io/hostname"
    expression = {"key": key, "operator": "In", "values": ["node-2"]}
    required = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    world.create(VOLUMES, a_volume("local", nodeAffinity=required))
    world.create(CLAIMS, a_claim())
    world.run(0)
    world.create("pods", user())
    world.run(0)
    assert world.get("pods", "user")["spec"]["nodeName"] == "node-2"


def test_a_claim_in_use_is_not_removed_until_its_pod_goes(world: World) -> None:
    world.create(CLAIMS, a_claim(cls="standard"))
    world.create("pods", user())
    world.run(2)
    world.delete(CLAIMS, "data")
    world.run(60)
    assert world.get(CLAIMS, "data")["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    world.delete("pods", "user")
    world.run(2)
    assert world.find(CLAIMS, "data") is None


def test_a_bound_volume_is_not_removed_until_its_claim_goes(world: World) -> None:
    world.create(VOLUMES, a_volume("one"))
    world.create(CLAIMS, a_claim())
    world.run(0)
    world.delete(VOLUMES, "one")
    world.run(60)
    assert world.find(VOLUMES, "one") is not None
    world.delete(CLAIMS, "data")
    world.run(0)
    assert world.find(VOLUMES, "one") is None


def test_a_claim_without_class_and_volume_is_told_why_it_waits(world: World) -> None:
    world.create(CLAIMS, a_claim(cls=""))
    world.run(0)
    assert world.events("FailedBinding", "data") == [
        "no persistent volumes available for this claim and no storage class is set"
    ]


def test_a_claim_of_a_missing_class_is_told_so(world: World) -> None:
    world.create(CLAIMS, a_claim(cls="gone"))
    world.run(0)
    assert world.events("ProvisioningFailed", "data") == [
        'storageclass.storage.k8s.io "gone" not found'
    ]


def test_nothing_is_best_of_nothing() -> None:
    assert best({**a_claim(), "metadata": {"namespace": "d", "name": "x", "uid": "u"}}, []) is None
