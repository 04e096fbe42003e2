"""VolumeSnapshots of directory volumes, and claims made from them."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.volumes.snapshot_plan import quantity
from resilience.sandbox.kube.api import ApiError, Obj
from tests.sandbox.controllers.volumes.test_volume_binder import (
    CLAIMS,
    VOLUMES,
    a_claim,
    phase,
    user,
)
from tests.sandbox.controllers.world import World

GROUP = "snapshot.storage.k8s.io"
SNAPSHOTS, CONTENTS, CLASSES = (
    f"{plural}.{GROUP}"
    for plural in ("volumesnapshots", "volumesnapshotcontents", "volumesnapshotclasses")
)
IN_USE = "snapshot.storage.kubernetes.io/pvc-as-source-protection"


def with_data(world: World, name: str = "data", data: str = "first") -> str:
    """A bound claim with data; the name of its directory."""
    world.create(CLAIMS, a_claim(name, cls="standard"))
    world.create("pods", user(f"user-of-{name}", name))
    world.run(3)
    place = f"volumes/{world.get(CLAIMS, name)['spec']['volumeName']}"
    world.directories.contents[place] = data
    return place


def snapshot(world: World, name: str = "snap", claim: str = "data", **spec: Any) -> Obj:
    source = {"persistentVolumeClaimName": claim}
    return world.create(SNAPSHOTS, {"metadata": {"name": name}, "spec": {"source": source, **spec}})


def status(world: World, name: str = "snap") -> dict[str, Any]:
    return dict(world.get(SNAPSHOTS, name).get("status") or {})


def content_of(world: World, name: str = "snap") -> str:
    return str(status(world, name)["boundVolumeSnapshotContentName"])


def from_snapshot(world: World, name: str = "again", size: str = "1Gi", of: str = "snap") -> None:
    source = {"apiGroup": GROUP, "kind": "VolumeSnapshot", "name": of}
    world.create(CLAIMS, a_claim(name, size, "standard", dataSource=source))
    world.create("pods", user(f"user-of-{name}", name))


def complaint(world: World, name: str = "snap") -> str:
    return str((status(world, name).get("error") or {}).get("message"))


def test_the_kinds_and_a_default_class_are_there_at_start(world: World) -> None:
    found = world.get(CLASSES, "standard")
    assert found["driver"] == "sandbox.resilience/directory"
    assert found["deletionPolicy"] == "Delete"


def test_a_snapshot_is_ready_when_its_copy_is_complete_and_not_before(world: World) -> None:
    place = with_data(world)
    made = snapshot(world)
    world.run(1)
    before = status(world)
    assert before == {
        "boundVolumeSnapshotContentName": f"snapcontent-{made['metadata']['uid']}",
        "readyToUse": False,
    }
    world.run(2)
    after = status(world)
    assert after["readyToUse"] is True
    assert after["restoreSize"] == "1Gi"
    assert after["creationTime"] == made["metadata"]["creationTimestamp"]
    assert "error" not in after
    world.directories.contents[place] = "second"
    assert world.directories.contents[f"snapshots/{content_of(world)}"] == "first"
    assert world.get(SNAPSHOTS, "snap")["spec"]["volumeSnapshotClassName"] == "standard"
    assert len(world.events("SnapshotReady", "snap")) == 1


def test_the_claim_of_a_running_copy_cannot_go(world: World) -> None:
    with_data(world)
    snapshot(world)
    world.run(1)
    world.delete("pods", "user-of-data", grace=0)
    world.delete(CLAIMS, "data")
    world.run(0.5)
    assert world.get(CLAIMS, "data")["metadata"]["finalizers"] == [IN_USE]
    world.run(2)
    assert world.find(CLAIMS, "data") is None
    assert status(world)["readyToUse"] is True


def test_a_claim_from_a_snapshot_has_its_data(world: World) -> None:
    with_data(world)
    snapshot(world)
    world.run(3)
    from_snapshot(world)
    world.run(1)
    assert phase(world, CLAIMS, "again") == "Pending"
    assert phase(world, "pods", "user-of-again") == "Pending"
    world.run(10)
    assert phase(world, CLAIMS, "again") == "Bound"
    name = world.get(CLAIMS, "again")["spec"]["volumeName"]
    assert world.directories.contents[f"volumes/{name}"] == "first"
    assert phase(world, "pods", "user-of-again") == "Running"


def test_a_claim_waits_for_a_snapshot_that_is_still_to_come(world: World) -> None:
    with_data(world)
    from_snapshot(world)
    world.run(5)
    assert phase(world, CLAIMS, "again") == "Pending"
    told = world.events("ProvisioningFailed", "again")[-1]
    assert f'volumesnapshots.{GROUP} "snap" not found' in told
    snapshot(world)
    world.run(20)
    assert phase(world, CLAIMS, "again") == "Bound"


def test_a_claim_smaller_than_the_snapshot_is_refused(world: World) -> None:
    with_data(world)
    snapshot(world)
    world.run(3)
    from_snapshot(world, size="512Mi")
    world.run(5)
    assert phase(world, CLAIMS, "again") == "Pending"
    assert (
        "requested volume size 536870912 is less than the size 1073741824"
        in (world.events("ProvisioningFailed", "again")[-1])
    )


def test_a_source_of_another_kind_never_yields_an_empty_volume(world: World) -> None:
    source = {"kind": "PersistentVolumeClaim", "name": "data"}
    world.create(CLAIMS, a_claim("clone", cls="standard", dataSource=source))
    world.create("pods", user("user-of-clone", "clone"))
    world.run(5)
    assert phase(world, CLAIMS, "clone") == "Pending"
    assert "no data source of kind" in world.events("ProvisioningFailed", "clone")[-1]


def test_deleting_a_snapshot_removes_its_content_and_data(world: World) -> None:
    with_data(world)
    snapshot(world)
    world.run(3)
    content = content_of(world)
    world.delete(SNAPSHOTS, "snap")
    world.run(1)
    assert world.find(SNAPSHOTS, "snap") is None
    assert world.find(CONTENTS, content) is None
    assert f"snapshots/{content}" not in world.directories.contents


def test_a_retained_content_outlives_its_snapshot_and_binds_to_a_new_one(world: World) -> None:
    with_data(world)
    body = {"driver": "sandbox.resilience/directory", "deletionPolicy": "Retain"}
    world.create(CLASSES, {"metadata": {"name": "kept"}, **body})
    snapshot(world, volumeSnapshotClassName="kept")
    world.run(3)
    content = content_of(world)
    world.delete(SNAPSHOTS, "snap")
    world.run(1)
    assert world.find(SNAPSHOTS, "snap") is None
    world.delete(CONTENTS, content)
    world.run(1)
    assert world.find(CONTENTS, content) is None
    assert world.directories.contents[f"snapshots/{content}"] == "first"
    source = {"snapshotHandle": content}
    reference = {"name": "old", "namespace": "default"}
    spec = {**body, "source": source, "volumeSnapshotRef": reference}
    world.create(CONTENTS, {"metadata": {"name": "mine"}, "spec": spec})
    wanted = {"source": {"volumeSnapshotContentName": "mine"}}
    made = world.create(SNAPSHOTS, {"metadata": {"name": "old"}, "spec": wanted})
    world.run(1)
    assert status(world, "old")["readyToUse"] is True
    bound = world.get(CONTENTS, "mine")["spec"]["volumeSnapshotRef"]["uid"]
    assert bound == made["metadata"]["uid"]
    from_snapshot(world, of="old")
    world.run(10)
    assert phase(world, CLAIMS, "again") == "Bound"


def test_a_bound_content_is_not_removed_until_its_snapshot_goes(world: World) -> None:
    with_data(world)
    snapshot(world)
    world.run(3)
    content = content_of(world)
    world.delete(CONTENTS, content)
    world.run(5)
    assert world.find(CONTENTS, content) is not None
    assert world.directories.exists(f"snapshots/{content}")
    world.delete(SNAPSHOTS, "snap")
    world.run(1)
    assert world.find(CONTENTS, content) is None


@pytest.mark.parametrize("handle", ["../pki", "..", "a/b", ""])
def test_a_handle_never_leaves_its_folder(world: World, handle: str) -> None:
    world.directories.contents[f"snapshots/{handle}"] = "secret"
    spec = {
        "driver": "sandbox.resilience/directory",
        "deletionPolicy": "Delete",
        "source": {"snapshotHandle": handle},
        "volumeSnapshotRef": {"name": "old", "namespace": "default"},
    }
    world.create(CONTENTS, {"metadata": {"name": "mine"}, "spec": spec})
    world.run(1)
    assert world.get(CONTENTS, "mine")["status"]["readyToUse"] is False
    forged = {"status": {"snapshotHandle": handle or "."}}
    world.patch(CONTENTS, "mine", forged, subresource="status")
    world.delete(CONTENTS, "mine")
    world.run(1)
    assert f"snapshots/{handle}" in world.directories.contents


def test_a_snapshot_of_an_unbound_claim_says_so_and_is_taken_later(world: World) -> None:
    snapshot(world)
    world.run(1)
    assert complaint(world) == 'persistentvolumeclaim "data" not found'
    world.create(CLAIMS, a_claim(cls="standard"))
    world.run(1)
    assert "the PVC data is not yet bound to a PV" in complaint(world)
    world.create("pods", user())
    world.run(10)
    assert status(world)["readyToUse"] is True
    assert "error" not in status(world)


def test_a_snapshot_without_a_class_of_its_driver_says_so(world: World) -> None:
    with_data(world)
    world.delete(CLASSES, "standard")
    snapshot(world)
    snapshot(world, "named", volumeSnapshotClassName="gone")
    world.run(1)
    assert complaint(world) == "cannot find default snapshot class"
    assert f'volumesnapshotclass.{GROUP} "gone" not found' in complaint(world, "named")


def test_a_failed_copy_is_told_and_tried_again(world: World) -> None:
    with_data(world)
    world.directories.complaint = "No space left on device: x"
    snapshot(world)
    world.run(3)
    assert complaint(world) == "No space left on device: x"
    assert status(world)["readyToUse"] is False
    world.directories.complaint = ""
    world.run(30)
    assert status(world)["readyToUse"] is True
    assert "error" not in status(world)


def test_a_volume_that_is_no_directory_has_no_snapshots(world: World) -> None:
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "manual",
        "hostPath": {"path": "/data"},
    }
    world.create(VOLUMES, {"metadata": {"name": "host"}, "spec": spec})
    world.create(CLAIMS, a_claim())
    world.run(1)
    snapshot(world)
    world.run(1)
    assert "is not one of driver sandbox.resilience/directory" in complaint(world)


def test_a_snapshot_has_exactly_one_source(world: World) -> None:
    both = {"persistentVolumeClaimName": "data", "volumeSnapshotContentName": "mine"}
    for source in ({}, both):
        with pytest.raises(ApiError) as refused:
            world.create(SNAPSHOTS, {"metadata": {"name": "bad"}, "spec": {"source": source}})
        assert refused.value.reason == "Invalid"


@pytest.mark.parametrize(
    ("count", "text"),
    [(1 << 30, "1Gi"), (1500 << 20, "1500Mi"), (1000, "1000"), (1 << 40, "1Ti"), (0, "0")],
)
def test_sizes_are_written_as_binary_quantities(count: int, text: str) -> None:
    assert quantity(count) == text
