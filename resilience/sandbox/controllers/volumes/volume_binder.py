"""The volume binder and the provisioner of class `standard` (rules 3.9).

A claim and a volume are bound when each names the other. Provisioned volumes are directories; the
objects are created here, the directories by the kubelet on first use.
"""

from __future__ import annotations

from typing import Final

from resilience.sandbox.controllers.lifecycle.cluster_bootstrap import PROVISIONER
from resilience.sandbox.controllers.volumes.volume_match import (
    BIND_COMPLETED,
    PROVISIONED_BY,
    best,
    bound_claim,
    bound_volume,
    capacity,
    claim_status,
    class_of,
    is_meant_for,
    phase_of,
    provisioned,
    requested,
)
from resilience.sandbox.controllers.volumes.volume_restore import Restorer
from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.kube.object_edits import (
    annotations_of,
    is_deleting,
    key_of,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller
from resilience.sandbox.scheduler.claim_placement import SELECTED_NODE

EXTERNAL: Final = (
    "Waiting for a volume to be created either by the external provisioner '{name}' or manually by"
    " the system administrator. If volume creation is delayed, please verify that the provisioner"
    " is running and correctly registered."
)
LOST: Final = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
MISBOUND: Final = "Two claims are bound to the same volume, this one is bound incorrectly"


class VolumeBinder(Controller):
    """Keys with a namespace are claims, those without are volumes."""

    name = "persistentvolume-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.claims = context.kind("persistentvolumeclaims")
        self.volumes = context.kind("persistentvolumes")
        self.classes = context.kind("storageclasses", "storage.k8s.io")
        self._pending: dict[Key, None] = {}
        self._restorer = Restorer(self)

    def start(self) -> None:
        """Watch claims, volumes and classes."""
        self.context.watch(self.classes, self._class_changed)
        self._restorer.start(self._wake_pending)
        self.context.watch(self.volumes, self._volume_changed)
        self.context.watch(self.claims, self._claim_changed)

    def reconcile(self, key: Key) -> float | None:
        """One claim or one volume."""
        if key[0]:
            claim = self.api.find(self.claims, *key)
            if claim is not None:
                self._sync_claim(claim)
        else:
            volume = self.api.find(self.volumes, *key)
            if volume is not None:
                self._sync_volume(volume)
        return None

    def _claim_changed(self, change: Change) -> None:
        claim = change.obj
        key = key_of(claim)
        if change.type == "DELETED" or phase_of(claim) == "Bound":
            self._pending.pop(key, None)
        else:
            self._pending[key] = None
        self.enqueue(key)
        if claim["spec"].get("volumeName"):
            self.enqueue(("", claim["spec"]["volumeName"]))

    def _volume_changed(self, change: Change) -> None:
        volume = change.obj
        self.enqueue(key_of(volume))
        reference = volume["spec"].get("claimRef")
        if reference is not None:
            self.enqueue((reference["namespace"], reference["name"]))
        if change.type != "DELETED" and phase_of(volume) == "Available":
            self._wake_pending()

    def _class_changed(self, change: Change) -> None:
        self._wake_pending()

    def _wake_pending(self) -> None:
        for key in tuple(self._pending):
            self.enqueue(key)

    # -- claims ----------------------------------------------------------------------------------

    def _sync_claim(self, claim: Obj) -> None:
        if BIND_COMPLETED in annotations_of(claim):
            self._check_bound(claim)
        elif claim["spec"].get("volumeName"):
            self._bind_named(claim)
        elif not is_deleting(claim):
            self._find_or_provision(claim)

    def _check_bound(self, claim: Obj) -> None:
        volume = self.api.find(self.volumes, "", claim["spec"].get("volumeName", ""))
        if volume is None:
            self._lose(claim, "ClaimLost", LOST)
        elif volume["spec"].get("claimRef") is None or is_meant_for(volume, claim):
            self._bind(claim, volume)
        else:
            self._lose(claim, "ClaimMisbound", MISBOUND)

    def _lose(self, claim: Obj, reason: str, text: str) -> None:
        if phase_of(claim) != "Lost":
            self.event(claim, reason, text, warning=True)
            status = {**(claim.get("status") or {}), "phase": "Lost"}
            self.api.update(self.claims, with_status(claim, status), "status")

    def _bind_named(self, claim: Obj) -> None:
        """The user chose the volume; the claim waits until it exists and is free."""
        volume = self.api.find(self.volumes, "", claim["spec"]["volumeName"])
        if volume is None or is_deleting(volume):
            return
        if volume["spec"].get("claimRef") is None or is_meant_for(volume, claim):
            if capacity(volume) >= requested(claim) and class_of(volume) == class_of(claim):
                self._bind(claim, volume)
                return
            text = f'Cannot bind to requested volume "{volume["metadata"]["name"]}"'
            why = "requested PV is too small"
            if class_of(volume) != class_of(claim):
                why = "storageClassName does not match"
            self.event(claim, "VolumeMismatch", f"{text}: {why}", warning=True)

    def _find_or_provision(self, claim: Obj) -> None:
        name = class_of(claim)
        found = self.api.find(self.classes, "", name) if name else None
        late = found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"
        chosen = annotations_of(claim).get(SELECTED_NODE, "")
        node = self.api.find(self.context.kind("nodes"), "", chosen) if chosen else None
        waits = late and not chosen
        volume = best(claim, self.api.list(self.volumes), node, only_reserved=waits)
        if volume is not None:
            self._bind(claim, volume)
        elif waits:
            text = "waiting for first consumer to be created before binding"
            self.event(claim, "WaitForFirstConsumer", text)
        elif not name:
            text = "no persistent volumes available for this claim and no storage class is set"
            self.event(claim, "FailedBinding", text)
        elif found is None:
            text = f'storageclass.storage.k8s.io "{name}" not found'
            self.event(claim, "ProvisioningFailed", text, warning=True)
        elif found["provisioner"] == PROVISIONER:
            self._provision(claim, found)
        elif found["provisioner"] != "kubernetes.io/no-provisioner":
            text = EXTERNAL.format(name=found["provisioner"])
            self.event(claim, "ExternalProvisioning", text)

    def _provision(self, claim: Obj, storage_class: Obj) -> None:
        wanted = provisioned(claim, storage_class)
        if not self._restorer.filled(claim, wanted):
            return
        try:
            volume = self.api.create(self.volumes, wanted)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                text = f"Failed to provision volume: {error.message}"
                self.event(claim, "ProvisioningFailed", text, warning=True)
                raise
            volume = self.api.get(self.volumes, "", wanted["metadata"]["name"])
        text = f"Successfully provisioned volume {volume['metadata']['name']}"
        self.event(claim, "ProvisioningSucceeded", text)
        self._bind(claim, volume)

    def _bind(self, claim: Obj, volume: Obj) -> None:
        """Make both name each other; writes only changes."""
        fresh = bound_volume(volume, claim)
        if fresh is not volume:
            volume = self.api.update(self.volumes, fresh)
        self._phase(volume, "Bound")
        wanted = bound_claim(claim, volume)
        if (wanted["spec"], wanted["metadata"]) != (claim["spec"], claim["metadata"]):
            claim = self.api.update(self.claims, wanted)
        volume = self._expand(claim, volume)
        status = claim_status(claim, volume)
        if status != claim.get("status"):
            self.api.update(self.claims, with_status(claim, status), "status")

    def _expand(self, claim: Obj, volume: Obj) -> Obj:
        """A directory has no size of its own: resizing only changes the recorded size."""
        if requested(claim) <= capacity(volume):
            return volume
        if annotations_of(volume).get(PROVISIONED_BY) != PROVISIONER:
            return volume
        size = claim["spec"]["resources"]["requests"]["storage"]
        patch = {"spec": {"capacity": {"storage": size}}}
        return self.api.patch(self.volumes, *key_of(volume), patch)

    # -- volumes ---------------------------------------------------------------------------------

    def _sync_volume(self, volume: Obj) -> None:
        reference = volume["spec"].get("claimRef")
        if reference is None or not reference.get("uid"):
            if not is_deleting(volume):
                self._phase(volume, "Available")
            if reference is not None:
                self.enqueue((reference["namespace"], reference["name"]))
            return
        claim = self.api.find(self.claims, reference["namespace"], reference["name"])
        if claim is not None and uid_of(claim) == reference["uid"]:
            return
        volume = self._phase(volume, "Released")
        policy = volume["spec"].get("persistentVolumeReclaimPolicy", "Retain")
        ours = annotations_of(volume).get(PROVISIONED_BY) == PROVISIONER
        if policy == "Delete" and ours and not is_deleting(volume):
            self.api.delete(self.volumes, *key_of(volume), uid=uid_of(volume))

    def _phase(self, volume: Obj, phase: str) -> Obj:
        if phase_of(volume) == phase and volume.get("status"):
            return volume
        status = {**(volume.get("status") or {}), "phase": phase}
        return self.api.update(self.volumes, with_status(volume, status), "status")
