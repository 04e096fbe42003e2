"""Claims with a data source: their volume's directory is filled before the volume exists.

Source: kubernetes-csi/external-provisioner (checkSnapshotAndVolumeSize and friends). Only
VolumeSnapshots of this driver are sources; others are reported and the claim waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from resilience.sandbox.controllers.lifecycle.cluster_bootstrap import PROVISIONER
from resilience.sandbox.controllers.lifecycle.snapshot_kinds import GROUP
from resilience.sandbox.controllers.volumes.snapshot_plan import Unfit, is_for, is_usable, status_of
from resilience.sandbox.controllers.volumes.volume_match import class_of, requested
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_deleting, key_of, uid_of
from resilience.sandbox.reconcile.controller_context import Controller
from resilience.sandbox.reconcile.volume_directories import (
    is_plain,
    snapshot_directory,
    volume_directory,
)

RETRY: Final = 10.0


class Restorer:
    """Part of the volume binder; uses the binder's queue to continue when a copy has ended."""

    def __init__(self, binder: Controller) -> None:
        self._binder = binder
        self._api = binder.api
        self._claims = binder.context.kind("persistentvolumeclaims")
        self._copies: dict[str, str | None] = {}
        """By claim's uid: None while it runs, then "" or the complaint."""

    def start(self, wake: Callable[[], None]) -> None:
        """Wake waiting claims when a snapshot changes."""
        self._snapshots = self._binder.context.kind("volumesnapshots", GROUP)
        self._contents = self._binder.context.kind("volumesnapshotcontents", GROUP)
        self._binder.context.watch(self._snapshots, lambda _: wake())

    def filled(self, claim: Obj, volume: Obj) -> bool:
        """Whether the volume may be created now: at once without a source, else when copied."""
        source = claim["spec"].get("dataSource") or claim["spec"].get("dataSourceRef")
        if not source:
            return True
        try:
            return self._copied(claim, source, volume)
        except Unfit as why:
            text = f'failed to provision volume with StorageClass "{class_of(claim)}": {why}'
            self._binder.event(claim, "ProvisioningFailed", text, warning=True)
            return False

    def _copied(self, claim: Obj, source: Obj, volume: Obj) -> bool:
        uid = uid_of(claim)
        if uid not in self._copies:
            handle = self._handle(claim, source)
            self._copies[uid] = None
            self._binder.context.directories.copy(
                snapshot_directory(handle),
                volume_directory(volume),
                lambda complaint: self._ended(claim, volume, complaint),
            )
        complaint = self._copies[uid]
        if complaint is None:
            return False
        del self._copies[uid]
        if complaint:
            self._binder.enqueue_after(key_of(claim), RETRY)
            raise Unfit(complaint)
        return True

    def _ended(self, claim: Obj, volume: Obj, complaint: str) -> None:
        found = self._api.find(self._claims, *key_of(claim))
        if found is None or uid_of(found) != uid_of(claim) or is_deleting(found):
            del self._copies[uid_of(claim)]
            self._binder.context.directories.remove(volume_directory(volume))
            return
        self._copies[uid_of(claim)] = complaint
        self._binder.enqueue(key_of(claim))

    def _handle(self, claim: Obj, source: Obj) -> str:
        """The handle behind a claim's snapshot; Unfit while there is none to restore from."""
        name = source["name"]
        if (source.get("apiGroup"), source["kind"]) != (GROUP, "VolumeSnapshot"):
            raise Unfit(f"the sandbox has no data source of kind {source['kind']}")
        where = source.get("namespace") or key_of(claim)[0]
        if where != key_of(claim)[0]:
            raise Unfit("a snapshot of another namespace is no data source here")
        snapshot = self._api.find(self._snapshots, where, name)
        prefix = f"error getting handle for DataSource Type VolumeSnapshot by Name {name}: "
        if snapshot is None:
            raise Unfit(f'{prefix}volumesnapshots.{GROUP} "{name}" not found')
        bound = status_of(snapshot).get("boundVolumeSnapshotContentName")
        content = self._api.find(self._contents, "", bound) if bound else None
        if content is None or not is_for(content, snapshot):
            raise Unfit(f"{prefix}snapshot {name} not bound")
        if is_deleting(snapshot):
            raise Unfit(f"{prefix}snapshot {name} is currently being deleted")
        if not is_usable(content) or not is_usable(snapshot):
            raise Unfit(f"{prefix}snapshot {name} is not Ready")
        return self._fitting(claim, name, content)

    def _fitting(self, claim: Obj, name: str, content: Obj) -> str:
        status = status_of(content)
        handle: str = status["snapshotHandle"]
        if content["spec"]["driver"] != PROVISIONER or not is_plain(handle):
            raise Unfit(f"snapshot {name} is of driver {content['spec']['driver']}")
        size = status.get("restoreSize") or 0
        if requested(claim) < size:
            raise Unfit(
                f"requested volume size {requested(claim)} is less than the size {size} for the"
                f" source snapshot {name}"
            )
        return handle
