"""VolumeSnapshots of directory volumes: taken, bound, protected while in use, and deleted.

Source: kubernetes-csi/external-snapshotter (its common and sidecar controllers in one, as driver
and controller are one here). A snapshot is ready when its copy is complete; its source claim cannot
be deleted before. Contents that a user creates for an existing handle are bound as well.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.controllers.lifecycle.cluster_bootstrap import SNAPSHOTTER
from resilience.sandbox.controllers.lifecycle.snapshot_kinds import GROUP
from resilience.sandbox.controllers.volumes.snapshot_plan import (
    BOUND,
    CLAIM_IN_USE,
    CONTENT_BOUND,
    Unfit,
    chosen_class,
    content_name,
    failed,
    is_for,
    is_usable,
    mirrored,
    new_content,
    status_of,
    taken,
)
from resilience.sandbox.controllers.volumes.volume_match import capacity, phase_of
from resilience.sandbox.kube.api import Change, Obj, Resource
from resilience.sandbox.kube.object_edits import (
    finalizers_of,
    is_deleting,
    key_of,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller
from resilience.sandbox.reconcile.volume_directories import is_plain, snapshot_directory

RETRY = 10.0
"""Sandbox seconds until a failed copy is tried again."""


class SnapshotController(Controller):
    """Keys with a namespace are snapshots, those without are contents."""

    name = "snapshot-controller"
    snapshots: Resource
    contents: Resource
    classes: Resource

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.claims = context.kind("persistentvolumeclaims")
        self.volumes = context.kind("persistentvolumes")
        self._waiting: dict[Key, None] = {}
        self._copying: dict[str, tuple[float, Key]] = {}
        self._results: dict[str, tuple[float, str]] = {}

    def start(self) -> None:
        """Watch the three kinds, and the claims that snapshots wait for."""
        self.snapshots = self.context.kind("volumesnapshots", GROUP)
        self.contents = self.context.kind("volumesnapshotcontents", GROUP)
        self.classes = self.context.kind("volumesnapshotclasses", GROUP)
        self.context.watch(self.contents, self._content_changed)
        self.context.watch(self.snapshots, self._snapshot_changed)
        self.context.watch(self.classes, self._wake)
        self.context.watch(self.claims, self._wake)

    def reconcile(self, key: Key) -> float | None:
        """One snapshot or one content."""
        if key[0]:
            snapshot = self.api.find(self.snapshots, *key)
            if snapshot is not None:
                self._sync_snapshot(snapshot)
            return None
        content = self.api.find(self.contents, *key)
        return None if content is None else self._sync_content(content)

    def _snapshot_changed(self, change: Change) -> None:
        key = key_of(change.obj)
        if change.type == "DELETED":
            self._waiting.pop(key, None)
        self.enqueue(key)
        self.enqueue(("", content_name(change.obj)))

    def _content_changed(self, change: Change) -> None:
        reference = change.obj["spec"]["volumeSnapshotRef"]
        self.enqueue(key_of(change.obj))
        if reference.get("namespace") and reference.get("name"):
            self.enqueue((reference["namespace"], reference["name"]))

    def _wake(self, change: Change) -> None:
        for key in tuple(self._waiting):
            self.enqueue(key)

    # -- snapshots -------------------------------------------------------------------------------

    def _sync_snapshot(self, snapshot: Obj) -> None:
        content = self.api.find(self.contents, "", content_name(snapshot))
        if is_deleting(snapshot):
            self._let_go(snapshot, content)
            return
        if BOUND not in finalizers_of(snapshot):
            snapshot = self._finalizers(self.snapshots, snapshot, add=BOUND)
        try:
            content = self._bound(snapshot, content)
        except Unfit as why:
            self._waiting[key_of(snapshot)] = None
            self._write(self.snapshots, snapshot, self._fail(snapshot, str(why)))
            return
        self._waiting.pop(key_of(snapshot), None)
        was_ready = is_usable(snapshot)
        # The latest one: its class may just have been written into it.
        snapshot = self.api.get(self.snapshots, *key_of(snapshot))
        self._write(self.snapshots, snapshot, mirrored(content))
        if is_usable(content) and not was_ready:
            text = f"Snapshot {'/'.join(key_of(snapshot))} is ready to use."
            self.event(snapshot, "SnapshotReady", text)

    def _bound(self, snapshot: Obj, content: Obj | None) -> Obj:
        """The content that belongs to the snapshot, created if necessary; Unfit if it cannot be."""
        asked = snapshot["spec"]["source"].get("volumeSnapshotContentName")
        if content is None and (asked or is_usable(snapshot)):
            raise Unfit("VolumeSnapshotContent is missing")
        if content is None:
            return self._create(snapshot)
        if not is_for(content, snapshot):
            raise Unfit("VolumeSnapshotContent is bound to a different VolumeSnapshot")
        if not content["spec"]["volumeSnapshotRef"].get("uid"):
            patch = {"spec": {"volumeSnapshotRef": {"uid": uid_of(snapshot)}}}
            content = self.api.patch(self.contents, *key_of(content), patch)
        return content

    def _create(self, snapshot: Obj) -> Obj:
        volume = self._volume(snapshot)
        found = chosen_class(snapshot, self.api.list(self.classes), SNAPSHOTTER)
        if not snapshot["spec"].get("volumeSnapshotClassName"):
            patch = {"spec": {"volumeSnapshotClassName": found["metadata"]["name"]}}
            self.api.patch(self.snapshots, *key_of(snapshot), patch)
        content = self.api.create(self.contents, new_content(snapshot, found, volume))
        where = "/".join(key_of(snapshot))
        text = f"Waiting for a snapshot {where} to be created by the CSI driver."
        self.event(snapshot, "CreatingSnapshot", text)
        return content

    def _volume(self, snapshot: Obj) -> Obj:
        """The directory volume behind the snapshot's claim."""
        name = snapshot["spec"]["source"]["persistentVolumeClaimName"]
        claim = self.api.find(self.claims, key_of(snapshot)[0], name)
        if claim is None or is_deleting(claim):
            raise Unfit(f'persistentvolumeclaim "{name}" not found')
        if phase_of(claim) != "Bound":
            raise Unfit(
                f"the PVC {name} is not yet bound to a PV, will not attempt to take a snapshot"
            )
        volume = self.api.find(self.volumes, "", claim["spec"]["volumeName"])
        if volume is None or (volume["spec"].get("csi") or {}).get("driver") != SNAPSHOTTER:
            raise Unfit(f"the volume of PVC {name} is not one of driver {SNAPSHOTTER}")
        return volume

    def _let_go(self, snapshot: Obj, content: Obj | None) -> None:
        """A content with policy Delete is deleted before its snapshot; a retained one stays."""
        ours = content is not None and is_for(content, snapshot)
        if content is not None and ours and content["spec"]["deletionPolicy"] == "Delete":
            if not is_deleting(content):
                self.api.delete(self.contents, *key_of(content), uid=uid_of(content))
            if self.api.find(self.contents, *key_of(content)) is not None:
                return
        if BOUND in finalizers_of(snapshot):
            self._finalizers(self.snapshots, snapshot, drop=BOUND)

    def _fail(self, snapshot: Obj, message: str) -> dict[str, Any]:
        fresh = failed(status_of(snapshot), message, self.clock.now())
        if fresh != status_of(snapshot):
            text = f"Failed to create snapshot content with error {message}"
            self.event(snapshot, "SnapshotContentCreationFailed", text, warning=True)
        return fresh

    # -- contents --------------------------------------------------------------------------------

    def _sync_content(self, content: Obj) -> float | None:
        if content["spec"]["driver"] != SNAPSHOTTER:
            return None
        if is_deleting(content):
            self._remove(content)
        elif self._is_orphan(content) and content["spec"]["deletionPolicy"] == "Delete":
            self.api.delete(self.contents, *key_of(content), uid=uid_of(content))
        elif CONTENT_BOUND not in finalizers_of(content):
            self._finalizers(self.contents, content, add=CONTENT_BOUND)
        elif not is_usable(content):
            return self._take(content)
        return None

    def _owner(self, content: Obj) -> Obj | None:
        reference = content["spec"]["volumeSnapshotRef"]
        key = (reference.get("namespace") or "", reference.get("name") or "")
        found = self.api.find(self.snapshots, *key) if all(key) else None
        return found if found is not None and is_for(content, found) else None

    def _is_orphan(self, content: Obj) -> bool:
        return bool(content["spec"]["volumeSnapshotRef"].get("uid")) and not self._owner(content)

    def _remove(self, content: Obj) -> None:
        """Data is deleted with a content of policy Delete, once no snapshot needs it."""
        owner = self._owner(content)
        if owner is not None and not is_deleting(owner):
            return
        handle = status_of(content).get("snapshotHandle") or content["metadata"]["name"]
        if content["spec"]["deletionPolicy"] == "Delete" and is_plain(handle):
            self.context.directories.remove(snapshot_directory(handle))
        if CONTENT_BOUND in finalizers_of(content):
            self._finalizers(self.contents, content, drop=CONTENT_BOUND)

    def _take(self, content: Obj) -> float | None:
        name, source = content["metadata"]["name"], content["spec"]["source"]
        if "snapshotHandle" in source:
            return self._adopt(content, source["snapshotHandle"])
        if name in self._copying:
            return None
        result = self._results.pop(name, None)
        if result is None:
            self._copy(content, name, source["volumeHandle"])
            return None
        began, complaint = result
        if complaint:
            self._write(self.contents, content, failed(status_of(content), complaint, began))
            return RETRY
        volume = self.api.find(self.volumes, "", source["volumeHandle"])
        size = capacity(volume) if volume is not None else 0
        self._write(self.contents, content, taken(name, size, began))
        return None

    def _adopt(self, content: Obj, handle: str) -> float | None:
        """A content for existing data, such as that of a retained snapshot."""
        if is_plain(handle) and self.context.directories.exists(snapshot_directory(handle)):
            self._write(self.contents, content, taken(handle, 0, self.clock.now()))
            return None
        status = failed(status_of(content), f"snapshot {handle} not found", self.clock.now())
        self._write(self.contents, content, status)
        return RETRY

    def _copy(self, content: Obj, name: str, handle: str) -> None:
        began = self.clock.now()
        try:
            claim = self._hold_source(content, handle)
        except Unfit as why:
            self._results[name] = (began, str(why))
            self.enqueue(("", name))
            return
        self._copying[name] = (began, claim)
        self.context.directories.copy(
            f"volumes/{handle}",
            snapshot_directory(name),
            lambda complaint: self._copied(name, complaint),
            needed=False,  # the kubelet creates it on first use: never used means empty
        )

    def _hold_source(self, content: Obj, handle: str) -> Key:
        """Protect the claim, and so the volume, until the copy has ended; Unfit when it is
        terminating."""
        volume = self.api.find(self.volumes, "", handle) if is_plain(handle) else None
        reference = (volume["spec"].get("claimRef") if volume is not None else None) or {}
        key = (reference.get("namespace", ""), reference.get("name", ""))
        claim = self.api.find(self.claims, *key) if all(key) else None
        if claim is None or uid_of(claim) != reference.get("uid") or is_deleting(claim):
            raise Unfit(f"volume {handle} is not bound to a claim")
        if CLAIM_IN_USE not in finalizers_of(claim):
            self._finalizers(self.claims, claim, add=CLAIM_IN_USE)
        return key

    def _copied(self, name: str, complaint: str) -> None:
        began, claim = self._copying.pop(name)
        self._results[name] = (began, complaint)
        if claim not in {other for _, other in self._copying.values()}:
            found = self.api.find(self.claims, *claim)
            if found is not None and CLAIM_IN_USE in finalizers_of(found):
                self._finalizers(self.claims, found, drop=CLAIM_IN_USE)
        self.enqueue(("", name))

    # -- writes ----------------------------------------------------------------------------------

    def _finalizers(self, kind: Resource, obj: Obj, *, add: str = "", drop: str = "") -> Obj:
        wanted = [name for name in finalizers_of(obj) if name != drop] + ([add] if add else [])
        patch = {"metadata": {"uid": uid_of(obj), "finalizers": wanted or None}}
        return self.api.patch(kind, *key_of(obj), patch)

    def _write(self, kind: Resource, obj: Obj, status: dict[str, Any]) -> None:
        if status != status_of(obj):
            self.api.update(kind, with_status(obj, status), "status")
