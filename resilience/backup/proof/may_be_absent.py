"""The closed list of recorded objects that a restored copy may lack, each with its reason.

It belongs to the proof and shares no code with the restore's own list (`skips`): what a restore
leaves out by mistake is reported as removed. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.cluster.interface import Object

_MADE_BY_CONTROLLERS = frozenset(
    {
        ("Pod", "ReplicaSet.apps"),
        ("Pod", "StatefulSet.apps"),
        ("Pod", "DaemonSet.apps"),
        ("Pod", "Job.batch"),
        ("Pod", "ReplicationController"),
        ("ReplicaSet.apps", "Deployment.apps"),
        ("ControllerRevision.apps", "StatefulSet.apps"),
        ("ControllerRevision.apps", "DaemonSet.apps"),
        ("Job.batch", "CronJob.batch"),
        ("EndpointSlice.discovery.k8s.io", "Service"),
        ("EndpointSlice.discovery.k8s.io", "Endpoints"),
        ("PersistentVolumeClaim", "Pod"),
        ("ResourceClaim.resource.k8s.io", "Pod"),
    }
)
_CERTIFICATES = ("kube-root-ca.crt", "openshift-service-ca.crt")
_TOKEN = {
    "kubernetes.io/service-account-token": r"-token-[a-z0-9]{5}",
    "kubernetes.io/dockercfg": r"-dockercfg-[a-z0-9]{5}",
}
_OF_ACCOUNT = (
    "kubernetes.io/service-account.name",
    "openshift.io/internal-registry-auth-token.service-account",
)
_SLICES_MADE = re.compile(r"endpointslice(mirroring)?-controller\.k8s\.io")
"""Other programs and people also set this label, and their slices must exist."""
_OWN_RIGHTS = frozenset(
    f"{kind}.rbac.authorization.k8s.io"
    for kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
)

_NEVER_MOVED = {
    "Event": "describes objects that are gone",
    "Event.events.k8s.io": "describes objects that are gone",
    "Node": "a node registers itself",
    "CSINode.storage.k8s.io": "a node registers itself",
    "VolumeAttachment.storage.k8s.io": "created by the attach controller",
    "ResourceSlice.resource.k8s.io": "published by the driver of a device",
    "CertificateSigningRequest.certificates.k8s.io": "a request, which was answered there",
    "PodCertificateRequest.certificates.k8s.io": "a request, which was answered there",
    "LeaseCandidate.coordination.k8s.io": "the state of an election",
    "StorageVersion.internal.apiserver.k8s.io": "written by each API server about itself",
    "Backup.velero.io": "Velero's own bookkeeping",
    "Restore.velero.io": "Velero's own bookkeeping",
    "ResticRepository.velero.io": "Velero's own bookkeeping",
    "BackupRepository.velero.io": "Velero's own bookkeeping",
}
"""What Velero archives and never restores (its pkg/controller/restore_controller.go)."""


def made_by_controller(obj: Object) -> str:
    """Which built-in controller recreates it, "" for none."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and (identity(obj), identity(owner)) in _MADE_BY_CONTROLLERS:
            return f"recreated by {owner['kind']} {owner['name']}"
    return ""


def _ended(obj: Object) -> str:
    status: dict[str, Any] = obj.get("status") or {}
    if identity(obj) == "Pod" and status.get("phase") in ("Succeeded", "Failed"):
        return f"ended: {status['phase']}"
    for condition in status.get("conditions") or () if identity(obj) == "Job.batch" else ():
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True":
            return f"ended: {condition['type']}"
    return ""


def of_the_cluster(obj: Object) -> str:
    """Why the cluster itself manages it, "" for users' objects."""
    kind, metadata = identity(obj), obj["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if kind == "ConfigMap" and metadata["name"] in _CERTIFICATES:
        return "published by the cluster itself"
    if kind == "Pod" and "kubernetes.io/config.mirror" in annotations:
        return "the mirror of a static Pod"
    if kind == "Endpoints" and (
        labels.get("endpoints.kubernetes.io/managed-by") == "endpoint-controller"
        or "endpoints.kubernetes.io/last-change-trigger-time" in annotations
    ):
        return "managed by the endpoint controllers"
    slices = str(labels.get("endpointslice.kubernetes.io/managed-by", ""))
    if kind == "EndpointSlice.discovery.k8s.io" and _SLICES_MADE.fullmatch(slices):
        return "managed by the endpoint controllers"
    if _is_the_servers(kind, str(metadata["name"]), labels, annotations):
        return "managed by the API server itself"
    default = kind in _OWN_RIGHTS and "kubernetes.io/bootstrapping" in labels
    return "one of the API server's default roles" if default else ""


def _is_the_servers(
    kind: str, name: str, labels: Mapping[str, Any], annotations: Mapping[str, Any]
) -> bool:
    if kind == "APIService.apiregistration.k8s.io":
        return "kube-aggregator.kubernetes.io/automanaged" in labels
    if kind == "IPAddress.networking.k8s.io":
        return labels.get("ipaddress.kubernetes.io/managed-by") == "ipallocator.k8s.io"
    if kind.endswith(".flowcontrol.apiserver.k8s.io"):
        return annotations.get("apf.kubernetes.io/autoupdate-spec") == "true"
    return kind == "ServiceCIDR.networking.k8s.io" and name == "kubernetes"


def _generated_token(obj: Object) -> str:
    if identity(obj) != "Secret" or obj.get("type") not in _TOKEN:
        return ""
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    accounts = [str(annotations[key]) for key in _OF_ACCOUNT if key in annotations]
    name, ending = str(metadata["name"]), re.compile(_TOKEN[obj["type"]])
    if not any(name.startswith(each) and ending.fullmatch(name, len(each)) for each in accounts):
        return ""
    managers = {each.get("manager") for each in metadata.get("managedFields") or ()}
    people = managers - {"kube-controller-manager", "openshift-controller-manager"}
    return "" if people else "generated by the token controller"


def why_absent(obj: Object) -> str:
    """The reason, "" for objects that must exist."""
    kind, metadata = identity(obj), obj["metadata"]
    if kind in _NEVER_MOVED:
        return _NEVER_MOVED[kind]
    reclaim = (obj.get("spec") or {}).get("persistentVolumeReclaimPolicy")
    if kind == "PersistentVolume" and reclaim != "Retain":
        return "provisioned again for its claim"
    if kind in _OWN_RIGHTS and re.match(r"pytest-resilience([-:]|$)", metadata["name"]):
        return "the permissions of these runs themselves"
    return made_by_controller(obj) or _ended(obj) or of_the_cluster(obj) or _generated_token(obj)


def tied(obj: Object, recreated: Mapping[str, str]) -> str:
    """Why it may be absent if all its owners are among those that controllers recreate, which
    `recreated` names by their recorded uid. The garbage collector deleted it with the last one."""
    owners = {str(each["uid"]) for each in obj["metadata"].get("ownerReferences") or ()}
    if not owners or owners - recreated.keys() or identity(obj) == "PersistentVolumeClaim":
        return ""
    names = ", ".join(sorted(recreated[uid] for uid in owners))
    return f"owned by {names} alone, which is recreated without it"


def is_derived(obj: Object, helpers: Collection[str] = ()) -> bool:
    """Whether a live object that is not in the snapshot belongs to the cluster itself."""
    labels = obj["metadata"].get("labels") or {}
    default = identity(obj) == "ServiceAccount" and obj["metadata"]["name"] == "default"
    return bool(
        default
        or made_by_controller(obj)
        or of_the_cluster(obj)
        or labels.get("app.kubernetes.io/managed-by") == "pytest-resilience"
        or obj["metadata"]["name"] in helpers
    )
