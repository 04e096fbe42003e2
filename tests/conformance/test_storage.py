"""Claims and volumes. Source: pkg/controller/volume/persistentvolume."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.objects import condition, pod
from tests.conformance.wire import Cluster, Obj

Maker = Callable[..., str]


@pytest.fixture
def volume(cluster: Cluster) -> Iterator[Maker]:
    """Makes volumes of a class of this test's own; they go after it."""
    made: list[str] = []

    def make(size: str = "1Gi", **spec: Any) -> str:
        name = f"{cluster.namespace}-{uuid.uuid4().hex[:6]}"
        base = {
            "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": cluster.namespace, "hostPath": {"path": f"/tmp/{name}"},
            "persistentVolumeReclaimPolicy": "Retain",
        }  # fmt: skip
        cluster.create("persistentvolumes", {"metadata": {"name": name}, "spec": {**base, **spec}})
        made.append(name)
        return name

    yield make
    for name in made:
        cluster.request("DELETE", cluster.path("persistentvolumes", name))


def claim(cluster: Cluster, size: str = "1Gi", name: str = "data", **spec: Any) -> Obj:
    base = {
        "accessModes": ["ReadWriteOnce"], "storageClassName": cluster.namespace,
        "resources": {"requests": {"storage": size}},
    }  # fmt: skip
    body = {"metadata": {"name": name}, "spec": {**base, **spec}}
    return cluster.create("persistentvolumeclaims", body)


def phase(wanted: str) -> Callable[[Obj], bool]:
    return lambda obj: (obj.get("status") or {}).get("phase") == wanted


def test_the_smallest_volume_that_fits_is_bound(cluster: Cluster, volume: Maker) -> None:
    names = [volume(size) for size in ("9Gi", "2Gi", "1Gi")]
    for name in names:
        cluster.until_one("persistentvolumes", name, phase("Available"))
    claim(cluster, "1500Mi")
    found = cluster.until_one("persistentvolumeclaims", "data", phase("Bound"))
    assert found["spec"]["volumeName"] == names[1]
    assert found["status"]["capacity"] == {"storage": "2Gi"}


def test_a_bound_claim_and_its_volume_name_each_other(cluster: Cluster, volume: Maker) -> None:
    name = volume()
    made = claim(cluster)
    found = cluster.until_one("persistentvolumeclaims", "data", phase("Bound"))
    bound = cluster.until_one("persistentvolumes", name, phase("Bound"))
    assert bound["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]
    assert found["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] == "yes"


def test_a_volume_reserved_by_name_wins(cluster: Cluster, volume: Maker) -> None:
    volume("1Gi")
    reserved = volume("9Gi", claimRef={"namespace": cluster.namespace, "name": "data"})
    cluster.until_one("persistentvolumes", reserved, phase("Available"))
    claim(cluster)
    found = cluster.until_one("persistentvolumeclaims", "data", phase("Bound"))
    assert found["spec"]["volumeName"] == reserved


def test_a_volume_that_is_too_small_is_not_bound(cluster: Cluster, volume: Maker) -> None:
    cluster.until_one("persistentvolumes", volume("512Mi"), phase("Available"))
    claim(cluster)
    cluster.never("persistentvolumeclaims", lambda c: phase("Bound")(c["data"]), during=2)


def test_retain_leaves_a_released_volume_that_does_not_bind_again(
    cluster: Cluster, volume: Maker
) -> None:
    name = volume()
    claim(cluster)
    cluster.until_one("persistentvolumeclaims", "data", phase("Bound"))
    cluster.delete("persistentvolumeclaims", "data")
    cluster.until_one("persistentvolumes", name, phase("Released"))
    claim(cluster)
    cluster.never("persistentvolumeclaims", lambda c: phase("Bound")(c["data"]), during=2)


def test_a_released_volume_binds_again_once_its_uid_is_dropped(
    cluster: Cluster, volume: Maker
) -> None:
    name = volume()
    claim(cluster)
    cluster.until_one("persistentvolumeclaims", "data", phase("Bound"))
    cluster.delete("persistentvolumeclaims", "data")
    cluster.until_one("persistentvolumes", name, phase("Released"))
    patch = {"spec": {"claimRef": {"uid": None, "resourceVersion": None}}}
    cluster.patch("persistentvolumes", name, patch)
    claim(cluster)
    cluster.until_one("persistentvolumeclaims", "data", phase("Bound"))


def test_a_claim_whose_volume_vanishes_is_lost(cluster: Cluster, volume: Maker) -> None:
    name = volume()
    claim(cluster)
    cluster.until_one("persistentvolumeclaims", "data", phase("Bound"))
    cluster.delete("persistentvolumes", name)
    cluster.patch("persistentvolumes", name, {"metadata": {"finalizers": None}})
    cluster.until_one("persistentvolumeclaims", "data", phase("Lost"))


def test_a_bound_volume_is_protected(cluster: Cluster, volume: Maker) -> None:
    name = volume()
    claim(cluster)
    cluster.until_one("persistentvolumeclaims", "data", phase("Bound"))
    cluster.delete("persistentvolumes", name)
    assert cluster.get("persistentvolumes", name)["metadata"]["finalizers"] == [
        "kubernetes.io/pv-protection"
    ]
    cluster.delete("persistentvolumeclaims", "data")
    cluster.until_gone("persistentvolumes", name)


def test_a_claim_is_protected_from_the_start(cluster: Cluster) -> None:
    claim(cluster)
    cluster.until_one(
        "persistentvolumeclaims", "data",
        lambda c: c["metadata"].get("finalizers") == ["kubernetes.io/pvc-protection"],
    )  # fmt: skip


def test_a_pod_waits_for_an_unbound_claim(cluster: Cluster, nodes: list[str]) -> None:
    claim(cluster)
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    cluster.create("pods", pod("one", volumes=volumes))
    found = cluster.until_one("pods", "one", lambda p: condition(p, "PodScheduled") is not None)
    text = (condition(found, "PodScheduled") or {})["message"]
    assert "pod has unbound immediate PersistentVolumeClaims" in text or "not found" in text
