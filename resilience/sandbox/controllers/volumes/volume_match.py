"""Which volume matches a claim, and what binding writes (rules 3.9). Pure.

Source: component-helpers/storage/volume/pv_helpers.go (FindMatchingVolume, GetBindVolumeToClaim).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from resilience.sandbox.kube.amounts import amount
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.node_affinity import terms
from resilience.sandbox.kube.object_edits import (
    annotations_of,
    is_deleting,
    key_of,
    labels_of,
    uid_of,
)
from resilience.sandbox.kube.selector_index import from_spec

BOUND_BY: Final = "pv.kubernetes.io/bound-by-controller"
BIND_COMPLETED: Final = "pv.kubernetes.io/bind-completed"
PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"


def requested(claim: Obj) -> int:
    """Bytes a claim asks for."""
    resources = claim["spec"].get("resources") or {}
    return amount("storage", (resources.get("requests") or {}).get("storage", "0"))


def capacity(volume: Obj) -> int:
    """Bytes a volume has."""
    return amount("storage", (volume["spec"].get("capacity") or {}).get("storage", "0"))


def class_of(obj: Obj) -> str:
    """`storageClassName` of a claim or volume, "" for none."""
    name: str = obj["spec"].get("storageClassName") or ""
    return name


def phase_of(obj: Obj) -> str:
    """`status.phase`; "Pending" before it is set."""
    phase: str = (obj.get("status") or {}).get("phase") or "Pending"
    return phase


def is_meant_for(volume: Obj, claim: Obj) -> bool:
    """Whether the volume's claimRef names the claim, by uid if it has one."""
    reference = volume["spec"].get("claimRef")
    if reference is None:
        return False
    if (reference.get("namespace"), reference.get("name")) != key_of(claim):
        return False
    return reference.get("uid") in (None, "", uid_of(claim))


def best(
    claim: Obj, volumes: Iterable[Obj], node: Obj | None = None, *, only_reserved: bool = False
) -> Obj | None:
    """The volume reserved for the claim, else the smallest suitable one."""
    fitting = [volume for volume in volumes if _fits(claim, volume)]
    reserved = [volume for volume in fitting if is_meant_for(volume, claim)]
    if reserved:
        return reserved[0]
    if only_reserved:
        return None
    free = [v for v in fitting if _is_free(v) and _is_wanted(claim, v) and _reaches(v, node)]
    return min(free, key=lambda v: (capacity(v), v["metadata"]["name"]), default=None)


def _fits(claim: Obj, volume: Obj) -> bool:
    """Requirements that even a reserved volume has to satisfy."""
    mode = claim["spec"].get("volumeMode", "Filesystem")
    modes = set(claim["spec"].get("accessModes") or ())
    return (
        capacity(volume) >= requested(claim)
        and volume["spec"].get("volumeMode", "Filesystem") == mode
        and modes <= set(volume["spec"].get("accessModes") or ())
        and not is_deleting(volume)
    )


def _is_free(volume: Obj) -> bool:
    return volume["spec"].get("claimRef") is None and phase_of(volume) in ("Available", "Pending")


def _is_wanted(claim: Obj, volume: Obj) -> bool:
    selector = claim["spec"].get("selector")
    matches = selector is None or from_spec(selector).matches(labels_of(volume))
    return matches and class_of(claim) == class_of(volume)


def _reaches(volume: Obj, node: Obj | None) -> bool:
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    if node is None or required is None:
        return True
    labels, name = labels_of(node), node["metadata"]["name"]
    return any(term.matches(labels, name) for term in terms(required["nodeSelectorTerms"]))


def bound_volume(volume: Obj, claim: Obj) -> Obj:
    """The volume with its claimRef; the annotation says that the binder chose it."""
    namespace, name = key_of(claim)
    old = volume["spec"].get("claimRef")
    reference = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": namespace,
        "name": name,
        "uid": uid_of(claim),
        "resourceVersion": claim["metadata"]["resourceVersion"],
    }
    if old is not None and old.get("uid") == uid_of(claim):
        return volume
    annotations = dict(annotations_of(volume))
    if old is None:
        annotations[BOUND_BY] = "yes"
    metadata = {**volume["metadata"], "annotations": annotations}
    return {**volume, "metadata": metadata, "spec": {**volume["spec"], "claimRef": reference}}


def bound_claim(claim: Obj, volume: Obj) -> Obj:
    """The claim with its volume's name and both annotations."""
    annotations = {**annotations_of(claim), BIND_COMPLETED: "yes"}
    if not claim["spec"].get("volumeName"):
        annotations[BOUND_BY] = "yes"
    metadata = {**claim["metadata"], "annotations": annotations}
    spec = {**claim["spec"], "volumeName": volume["metadata"]["name"]}
    return {**claim, "metadata": metadata, "spec": spec}


def claim_status(claim: Obj, volume: Obj) -> dict[str, Any]:
    """Status of a bound claim."""
    return {
        **(claim.get("status") or {}),
        "phase": "Bound",
        "accessModes": volume["spec"].get("accessModes") or [],
        "capacity": volume["spec"].get("capacity") or {},
    }


def provisioned(claim: Obj, storage_class: Obj) -> Obj:
    """A new volume for a claim, a directory that the kubelet creates on first use."""
    name = f"pvc-{uid_of(claim)}"
    provisioner = storage_class["provisioner"]
    source: dict[str, Any] = {"driver": provisioner, "volumeHandle": name}
    if claim["spec"].get("dataSource"):
        data = claim["spec"]["dataSource"]
        source["volumeAttributes"] = {"sourceKind": data["kind"], "sourceName": data["name"]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {PROVISIONED_BY: provisioner},
            "finalizers": ["kubernetes.io/pv-protection"],
        },
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"].get("accessModes") or ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
            "storageClassName": storage_class["metadata"]["name"],
            "volumeMode": claim["spec"].get("volumeMode", "Filesystem"),
            "csi": source,
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": key_of(claim)[0],
                "name": key_of(claim)[1],
                "uid": uid_of(claim),
            },
        },
    }
