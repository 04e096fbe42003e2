"""Claims of generic ephemeral volumes: created for a Pod from its template, and owned by it.

Source: pkg/controller/volume/ephemeral/controller.go. A claim with that name and another owner is
left alone, and the Pod waits: its data would be another Pod's.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience.sandbox.kube.api import ApiError, Change, Obj
from resilience.sandbox.kube.object_edits import is_deleting, key_of, uid_of
from resilience.sandbox.kube.pod_facts import is_active, is_made_for
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller


def templates(pod: Obj) -> Iterator[tuple[str, Obj]]:
    """Name and template of each claim of a Pod's own."""
    for volume in pod["spec"].get("volumes") or ():
        if "ephemeral" in volume:
            name = f"{pod['metadata']['name']}-{volume['name']}"
            yield name, volume["ephemeral"].get("volumeClaimTemplate") or {}


class EphemeralClaims(Controller):
    """Keys are Pods."""

    name = "ephemeral-volume-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.pods = context.kind("pods")
        self.claims = context.kind("persistentvolumeclaims")

    def start(self) -> None:
        """Watch Pods, and claims that are deleted."""
        self.context.watch(self.pods, self._pod_changed)
        self.context.watch(self.claims, self._claim_changed)

    def reconcile(self, key: Key) -> float | None:
        """Create missing claims."""
        pod = self.api.find(self.pods, *key)
        if pod is None or is_deleting(pod) or not is_active(pod):
            return None
        for name, template in templates(pod):
            claim = self.api.find(self.claims, key[0], name)
            if claim is None:
                self._make(pod, name, template)
            elif not is_made_for(claim, pod):
                why = f"PVC {key[0]}/{name} was not created for pod {key[0]}/{key[1]}"
                raise ApiError(409, "Conflict", f"{why} (pod is not owner)")
        return None

    def _make(self, pod: Obj, name: str, template: Obj) -> None:
        about = template.get("metadata") or {}
        owner = {
            "apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"],
            "uid": uid_of(pod), "controller": True, "blockOwnerDeletion": True,
        }  # fmt: skip
        metadata = {
            "name": name,
            "namespace": pod["metadata"]["namespace"],
            "labels": dict(about.get("labels") or {}),
            "annotations": dict(about.get("annotations") or {}),
            "ownerReferences": [owner],
        }
        kept = {field: value for field, value in metadata.items() if value}
        body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": kept,
                "spec": template.get("spec") or {}}  # fmt: skip
        try:
            self.api.create(self.claims, body)
        except ApiError as error:
            self.event(pod, "FailedBinding", f"ephemeral volume: {error.message}", warning=True)
            raise

    def _pod_changed(self, change: Change) -> None:
        if change.type != "DELETED" and any(templates(change.obj)):
            self.enqueue_object(change)

    def _claim_changed(self, change: Change) -> None:
        for owner in change.obj["metadata"].get("ownerReferences") or ():
            if owner["kind"] == "Pod" and change.type == "DELETED":
                self.enqueue((key_of(change.obj)[0], owner["name"]))
