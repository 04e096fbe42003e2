"""Finalizers that keep a claim while a Pod uses it, and a volume while it is bound (rules 3.9).

Source: pkg/controller/volume/{pvcprotection,pvprotection}. Only Pods with a node count as users: no
kubelet has seen the others.
"""

from __future__ import annotations

from typing import Final

from resilience.sandbox.controllers.volumes.volume_match import phase_of
from resilience.sandbox.kube.api import Change, Obj, Resource
from resilience.sandbox.kube.object_edits import finalizers_of, is_deleting, key_of, uid_of
from resilience.sandbox.kube.pod_facts import node_of
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller
from resilience.sandbox.scheduler.demand import claims_of

CLAIM_FINALIZER: Final = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER: Final = "kubernetes.io/pv-protection"


class VolumeProtection(Controller):
    """Keys with a namespace are claims, those without are volumes."""

    name = "pvc-protection-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.claims = context.kind("persistentvolumeclaims")
        self.volumes = context.kind("persistentvolumes")
        self._users: dict[Key, set[str]] = {}

    def start(self) -> None:
        """Watch Pods, claims and volumes."""
        self.context.watch(self.context.kind("pods"), self._pod_changed)
        self.context.watch(self.claims, self.enqueue_object)
        self.context.watch(self.volumes, self.enqueue_object)

    def reconcile(self, key: Key) -> float | None:
        """Add the finalizer, or remove it when the object may go."""
        kind, finalizer = (
            (self.claims, CLAIM_FINALIZER) if key[0] else (self.volumes, VOLUME_FINALIZER)
        )
        obj = self.api.find(kind, *key)
        if obj is None:
            return None
        in_use = bool(self._users.get(key)) if key[0] else phase_of(obj) == "Bound"
        if not is_deleting(obj):
            if finalizer not in finalizers_of(obj):
                self._write(kind, obj, [*finalizers_of(obj), finalizer])
        elif finalizer in finalizers_of(obj) and not in_use:
            self._write(kind, obj, [f for f in finalizers_of(obj) if f != finalizer])
        return None

    def _pod_changed(self, change: Change) -> None:
        pod = change.obj
        namespace, name = key_of(pod)
        uses = bool(node_of(pod)) and change.type != "DELETED"
        for claim in claims_of(pod):
            users = self._users.setdefault((namespace, claim), set())
            if uses:
                users.add(name)
            elif name in users:
                users.discard(name)
                self.enqueue((namespace, claim))

    def _write(self, kind: Resource, obj: Obj, finalizers: list[str]) -> None:
        patch = {"metadata": {"uid": uid_of(obj), "finalizers": finalizers or None}}
        self.api.patch(kind, *key_of(obj), patch)
