"""What restored objects need of the cluster itself and a dry run does not check.

A claim of a StorageClass that does not exist is created and stays Pending; a workload whose
PriorityClass or RuntimeClass does not exist is created, and all of its Pods are refused
(plugin/pkg/admission/priority, runtimeclass). A claim that selects its volume by labels finds none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.related import Need, needs
from resilience.cluster.errors import ClusterError, NotFound
from resilience.cluster.interface import CLAIMS, VOLUMES, Cluster, Object, Resource
from resilience.kube import objects
from resilience.kube.label_selector import matches

STORAGE_CLASSES = "storageclasses.storage.k8s.io"
_ASKED = {
    STORAGE_CLASSES: Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", False),
    "priorityclasses.scheduling.k8s.io": Resource(
        "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", False
    ),
    "runtimeclasses.node.k8s.io": Resource(
        "node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", False
    ),
}


class ClusterNeeds:
    """Each is looked up once. Objects that may not be read count as existing. Not thread-safe."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[Need, bool] = {}
        self._classes_of_volumes: Collection[str] | None = None
        self._reserved: set[tuple[str, str]] = set()
        self._restored_classes: set[str] = set()

    def live(self, claim: Object) -> Object:
        """The claim as it exists: its own class counts, whatever was recorded."""
        metadata = claim["metadata"]
        try:
            found = self._cluster.get(CLAIMS, metadata["name"], metadata.get("namespace", ""))
        except ClusterError:
            return claim
        return found | {"apiVersion": claim["apiVersion"], "kind": claim["kind"]}

    def lacking(self, obj: Object, coming: Collection[Need]) -> list[Need]:
        """What neither the cluster has nor the restore creates (`coming`). Nothing is known of an
        object whose fields have other types than its kind's: the API server says what it is."""
        try:
            needed = self._needed(obj)
        except (AttributeError, KeyError, TypeError):
            return []
        return [
            need
            for need in needed
            if need.kind in _ASKED and need not in coming and not self._is_there(need, obj)
        ]

    def unmatched(self, claim: Object) -> bool:
        """Whether a claim selects its volume by labels and no free volume has them: provisioners
        refuse such a claim (sigs.k8s.io/sig-storage-lib-external-provisioner), so it stays
        Pending."""
        spec, metadata = claim.get("spec"), claim["metadata"]
        if identity(claim) != "PersistentVolumeClaim" or not isinstance(spec, Mapping):
            return False
        if not spec.get("selector") or not isinstance(spec["selector"], Mapping):
            return False
        own = (metadata.get("namespace", ""), metadata["name"])
        if spec.get("volumeName") or own in self._reserved:
            return False
        try:
            volumes = self._cluster.list(VOLUMES)
        except ClusterError:
            return False
        return not any(_is_for(each, claim, own) for each in volumes)

    def _needed(self, obj: Object) -> list[Need]:
        if identity(obj) == "PersistentVolume":
            claim = (obj.get("spec") or {}).get("claimRef") or {}
            self._reserved.add((claim.get("namespace", ""), claim.get("name", "")))
            self._restored_classes.add(str((obj.get("spec") or {}).get("storageClassName") or ""))
        return [*needs(obj)]

    def _is_there(self, need: Need, obj: Object) -> bool:
        if need not in self._known:
            self._known[need] = self._found(need)
        return self._known[need] or (need.kind == STORAGE_CLASSES and self._is_static(need, obj))

    def _found(self, need: Need) -> bool:
        try:
            self._cluster.get(_ASKED[need.kind], need.name)
        except NotFound:
            return False
        except ClusterError:
            return True
        return True

    def _is_static(self, need: Need, claim: Object) -> bool:
        """Whether a manually created volume is reserved for the claim; then no StorageClass is
        needed."""
        metadata = claim["metadata"]
        if (metadata.get("namespace", ""), metadata["name"]) in self._reserved:
            return True
        if self._classes_of_volumes is None:
            self._classes_of_volumes = self._classes()
        return need.name in self._restored_classes or need.name in self._classes_of_volumes

    def _classes(self) -> set[str]:
        try:
            volumes = self._cluster.list(VOLUMES)
        except ClusterError:
            return set()
        return {str((each.get("spec") or {}).get("storageClassName") or "") for each in volumes}


def _is_for(volume: Object, claim: Object, own: tuple[str, str]) -> bool:
    """Whether labels and class fit, and no other claim has the volume."""
    spec, wanted = volume.get("spec") or {}, claim["spec"]
    holder = spec.get("claimRef") or {}
    return (
        matches(wanted["selector"], objects.labels(volume))
        and (spec.get("storageClassName") or "") == (wanted.get("storageClassName") or "")
        and (not holder or (holder.get("namespace", ""), holder.get("name", "")) == own)
    )
