"""What the snapshot controller writes: contents, statuses, classes. Pure.

Source: kubernetes-csi/external-snapshotter, pkg/common-controller and pkg/sidecar-controller. Sizes
are those of the volume, as its restored copy needs at least as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from resilience.sandbox.controllers.lifecycle.snapshot_kinds import DEFAULT_CLASS, GROUP
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import annotations_of, key_of, uid_of
from resilience.sandbox.kube.times import stamp

BOUND: Final = "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection"
CONTENT_BOUND: Final = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"
CLAIM_IN_USE: Final = "snapshot.storage.kubernetes.io/pvc-as-source-protection"
UNITS: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


class Unfit(Exception):
    """The snapshot cannot be taken now; the text goes into its `status.error`."""


def status_of(obj: Obj) -> dict[str, Any]:
    """Status, {} when there is none."""
    return dict(obj.get("status") or {})


def is_usable(obj: Obj) -> bool:
    """`readyToUse` of a snapshot or content."""
    return status_of(obj).get("readyToUse") is True


def content_name(snapshot: Obj) -> str:
    """The content a snapshot is bound to, requests, or will get."""
    asked = snapshot["spec"]["source"].get("volumeSnapshotContentName")
    return asked or f"snapcontent-{uid_of(snapshot)}"


def chosen_class(snapshot: Obj, classes: Iterable[Obj], driver: str) -> Obj:
    """The class a snapshot names, else the driver's default one; Unfit when there is none."""
    name = snapshot["spec"].get("volumeSnapshotClassName")
    if name:
        found = next((c for c in classes if c["metadata"]["name"] == name), None)
        if found is None:
            raise Unfit(
                f"failed to get snapshot class {name}: volumesnapshotclass.{GROUP}"
                f' "{name}" not found'
            )
        if found["driver"] != driver:
            raise Unfit(
                f"snapshot class {name} is of driver {found['driver']}, the volume of {driver}"
            )
        return found
    fitting = [
        c for c in classes
        if annotations_of(c).get(DEFAULT_CLASS) == "true" and c["driver"] == driver
    ]  # fmt: skip
    if len(fitting) != 1:
        raise Unfit(
            "cannot find default snapshot class"
            if not fitting
            else f"{len(fitting)} default snapshot classes were found"
        )
    return fitting[0]


def new_content(snapshot: Obj, snapshot_class: Obj, volume: Obj) -> Obj:
    """The content of a snapshot of a volume."""
    namespace, name = key_of(snapshot)
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "VolumeSnapshotContent",
        "metadata": {"name": content_name(snapshot), "finalizers": [CONTENT_BOUND]},
        "spec": {
            "deletionPolicy": snapshot_class["deletionPolicy"],
            "driver": snapshot_class["driver"],
            "source": {"volumeHandle": volume["spec"]["csi"]["volumeHandle"]},
            "sourceVolumeMode": volume["spec"].get("volumeMode", "Filesystem"),
            "volumeSnapshotClassName": snapshot_class["metadata"]["name"],
            "volumeSnapshotRef": {
                "apiVersion": f"{GROUP}/v1",
                "kind": "VolumeSnapshot",
                "namespace": namespace,
                "name": name,
                "uid": uid_of(snapshot),
                "resourceVersion": snapshot["metadata"]["resourceVersion"],
            },
        },
    }


def is_for(content: Obj, snapshot: Obj) -> bool:
    """Whether a content's reference names the snapshot, by uid if it has one."""
    reference = content["spec"]["volumeSnapshotRef"]
    if (reference.get("namespace"), reference.get("name")) != key_of(snapshot):
        return False
    return reference.get("uid") in (None, "", uid_of(snapshot))


def taken(handle: str, size: int, now: float) -> dict[str, Any]:
    """Status of a content whose data are complete; size 0 is unknown and left out."""
    status = {
        "snapshotHandle": handle,
        "creationTime": int(now * 1e9),
        "readyToUse": True,
        "restoreSize": size,
    }
    return {field: value for field, value in status.items() if field != "restoreSize" or value}


def failed(status: dict[str, Any], message: str, now: float) -> dict[str, Any]:
    """Status with an error; the time moves only with the message."""
    if (status.get("error") or {}).get("message") == message and not status.get("readyToUse"):
        return status
    return {**status, "readyToUse": False, "error": {"message": message, "time": stamp(now)}}


def mirrored(content: Obj) -> dict[str, Any]:
    """A snapshot's status, from its content's."""
    there = status_of(content)
    status: dict[str, Any] = {
        "boundVolumeSnapshotContentName": content["metadata"]["name"],
        "readyToUse": is_usable(content),
    }
    if there.get("creationTime"):
        status["creationTime"] = stamp(there["creationTime"] / 1e9)
    if there.get("restoreSize"):
        status["restoreSize"] = quantity(there["restoreSize"])
    if there.get("error"):
        status["error"] = there["error"]
    return status


def quantity(count: int) -> str:
    """Bytes as Kubernetes writes a binary quantity: the largest unit without a remainder."""
    power = 0
    while count and count % 1024 == 0 and power < len(UNITS) - 1:
        count, power = count // 1024, power + 1
    return f"{count}{UNITS[power]}"
