"""Objects that a restore does not create, and why: one small function each. Pure.

The reason is part of the report; nothing is left out silently.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.rules import is_generated_name
from resilience.backup.objects.written_fields import LAST_APPLIED
from resilience.cluster.interface import Object
from resilience.kube.objects import OURS, ROOT_CERTIFICATES

_GROWN_BY = {
    "Pod": {
        "ReplicaSet.apps",
        "StatefulSet.apps",
        "DaemonSet.apps",
        "Job.batch",
        "ReplicationController",
    },
    "ReplicaSet.apps": {"Deployment.apps"},
    "ControllerRevision.apps": {"StatefulSet.apps", "DaemonSet.apps"},
    "Job.batch": {"CronJob.batch"},
    "PersistentVolumeClaim": {"Pod"},  # of a generic ephemeral volume
    "ResourceClaim.resource.k8s.io": {"Pod"},  # of a template that the Pod names
    "EndpointSlice.discovery.k8s.io": {"Service", "Endpoints"},
}


GROWN = frozenset(_GROWN_BY)
"""Kinds whose objects controllers recreate."""


_RIGHTS = frozenset(
    f"{kind}.rbac.authorization.k8s.io"
    for kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
)


def regrown(obj: Object) -> str:
    """Its controller recreates it, with the right uid, as soon as the controller is restored
    (controllers' owner references, metav1.OwnerReference.controller)."""
    controllers = _GROWN_BY.get(identity(obj), ())
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and identity(owner) in controllers:
            return f"recreated by {owner['kind']} {owner['name']}"
    return ""


def mirror_pod(obj: Object) -> str:
    """The mirror of a static Pod in the API (kubelet, pkg/kubelet/types/pod_update.go)."""
    annotations = obj["metadata"].get("annotations") or {}
    static = identity(obj) == "Pod" and "kubernetes.io/config.mirror" in annotations
    return "the mirror of a static Pod" if static else ""


def finished(obj: Object) -> str:
    """A finished Pod or Job would run again (velero #8800 restores failed Jobs)."""
    found: dict[str, Any] = obj.get("status") or {}
    if identity(obj) == "Pod" and found.get("phase") in ("Succeeded", "Failed"):
        return f"ended: {found['phase']}"
    if identity(obj) == "Job.batch":
        for condition in found.get("conditions") or ():
            if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
                return f"ended: {condition['type']}"
    return ""


_ACCOUNTS = (
    "kubernetes.io/service-account.name",
    "openshift.io/internal-registry-auth-token.service-account",
)
_TOKEN_CONTROLLERS = {"kube-controller-manager", "openshift-controller-manager"}


def account_token(obj: Object) -> str:
    """One that a controller created for an account: a token (tokens_controller.go, before 1.24), or
    on OpenShift the credentials of the cluster's registry, which hold a token of the old account.
    One created by hand is restored."""
    kinds = ("kubernetes.io/service-account-token", "kubernetes.io/dockercfg")
    if identity(obj) != "Secret" or obj.get("type") not in kinds:
        return ""
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    account = next((annotations[key] for key in _ACCOUNTS if key in annotations), "")
    writers = {each.get("manager") for each in metadata.get("managedFields") or ()}
    by_hand = LAST_APPLIED in annotations or bool(writers - _TOKEN_CONTROLLERS)
    generated = account and is_generated_name(metadata["name"], account) and not by_hand
    return f"generated for ServiceAccount {account}" if generated else ""


def root_certificate(obj: Object) -> str:
    """Published into each namespace."""
    ours = identity(obj) == "ConfigMap" and obj["metadata"]["name"] in ROOT_CERTIFICATES
    return "published by the cluster itself" if ours else ""


_ENDPOINT_CONTROLLERS = frozenset(
    {
        "endpoint-controller",
        "endpointslice-controller.k8s.io",
        "endpointslicemirroring-controller.k8s.io",
    }
)
"""Values of the label `managed-by` of the endpoint controllers. People write it too: Kubernetes'
documentation asks for `staff` or `cluster-admins` on an EndpointSlice that is written by hand."""


def managed_endpoints(obj: Object) -> str:
    """Addresses of Pods that are gone (pkg/controller/endpoint, endpointslice)."""
    metadata = obj["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    managed = identity(obj) == "Endpoints" and (
        labels.get("endpoints.kubernetes.io/managed-by") in _ENDPOINT_CONTROLLERS
        or "endpoints.kubernetes.io/last-change-trigger-time" in annotations
    )
    sliced = identity(obj) == "EndpointSlice.discovery.k8s.io"
    manager = labels.get("endpointslice.kubernetes.io/managed-by")
    slices = sliced and manager in _ENDPOINT_CONTROLLERS
    return "managed by the endpoint controllers" if managed or slices else ""


_OF_THE_MOMENT = {
    ("", "Event"): "describes objects that are gone",
    ("events.k8s.io", "Event"): "describes objects that are gone",
    ("", "Node"): "a node registers itself",
    ("storage.k8s.io", "CSINode"): "a node registers itself",
    ("storage.k8s.io", "VolumeAttachment"): "created by the attach controller",
    ("resource.k8s.io", "ResourceSlice"): "published by the driver of a device",
    ("certificates.k8s.io", "CertificateSigningRequest"): "a request, which was answered there",
    ("certificates.k8s.io", "PodCertificateRequest"): "a request, which was answered there",
    ("coordination.k8s.io", "LeaseCandidate"): "the state of an election",
    ("internal.apiserver.k8s.io", "StorageVersion"): "written by each API server about itself",
    ("velero.io", "Backup"): "Velero's own bookkeeping",
    ("velero.io", "Restore"): "Velero's own bookkeeping",
    ("velero.io", "ResticRepository"): "Velero's own bookkeeping",
    ("velero.io", "BackupRepository"): "Velero's own bookkeeping",
}


def of_the_moment(obj: Object) -> str:
    """What Velero archives and never restores either (its pkg/controller/restore_controller.go):
    an API server refuses a moved Event, since it is about an object elsewhere."""
    return _OF_THE_MOMENT.get((obj["apiVersion"].rpartition("/")[0], obj["kind"]), "")


_ADDRESS_OF = "ipaddress.kubernetes.io/managed-by"
"""pkg/registry/core/service/ipallocator: the label of each address that it gave."""

_UPDATED = "apf.kubernetes.io/autoupdate-spec"
"""Kubernetes' own flows and priority levels; `false` where a person has taken one over."""

_FLOWS = frozenset(
    f"{kind}.flowcontrol.apiserver.k8s.io" for kind in ("FlowSchema", "PriorityLevelConfiguration")
)


def automatic(obj: Object) -> str:
    """Managed by the API server: API services of CRDs, default roles, the flows and service
    addresses that it begins with, and each address that it gave to a Service."""
    labels = obj["metadata"].get("labels") or {}
    kind, annotations = identity(obj), obj["metadata"].get("annotations") or {}
    managed = {
        "APIService.apiregistration.k8s.io": "kube-aggregator.kubernetes.io/automanaged" in labels,
        "IPAddress.networking.k8s.io": labels.get(_ADDRESS_OF) == "ipallocator.k8s.io",
        "ServiceCIDR.networking.k8s.io": obj["metadata"]["name"] == "kubernetes",
    }
    if managed.get(kind) or (kind in _FLOWS and annotations.get(_UPDATED) == "true"):
        return "managed by the API server itself"
    default = kind in _RIGHTS and "kubernetes.io/bootstrapping" in labels
    return "one of the API server's default roles" if default else ""


def provisioned_volume(obj: Object) -> str:
    """Its disk is deleted with its claim, or was: the claim gets a new one (pv_controller.go)."""
    if identity(obj) != "PersistentVolume":
        return ""
    policy = (obj.get("spec") or {}).get("persistentVolumeReclaimPolicy")
    return "" if policy == "Retain" else "provisioned again for its claim"


def own_rights(obj: Object) -> str:
    """Output of `resilience rbac` (`pytest-resilience-NAME`) and the chart's
    (`pytest-resilience:NAMESPACE:RELEASE:JOB`): the API server lets no one grant permissions that
    they lack, and one run's account lacks another's."""
    rights = identity(obj) in _RIGHTS
    name = obj["metadata"]["name"]
    ours = rights and (name == OURS or name.startswith((f"{OURS}-", f"{OURS}:")))
    return "the permissions of these runs themselves: `resilience rbac` prints them" if ours else ""


_ENDPOINTS = frozenset({"Endpoints", "EndpointSlice.discovery.k8s.io"})
_MANAGED = frozenset(
    {
        "APIService.apiregistration.k8s.io",
        "IPAddress.networking.k8s.io",
        "ServiceCIDR.networking.k8s.io",
        *_FLOWS,
        *_RIGHTS,
    }
)

SKIPS: tuple[tuple[Callable[[Object], str], frozenset[str] | None], ...] = (
    (of_the_moment, None),
    (regrown, GROWN),
    (mirror_pod, frozenset({"Pod"})),
    (finished, frozenset({"Pod", "Job.batch"})),
    (account_token, frozenset({"Secret"})),
    (root_certificate, frozenset({"ConfigMap"})),
    (managed_endpoints, _ENDPOINTS),
    (automatic, _MANAGED),
    (provisioned_volume, frozenset({"PersistentVolume"})),
    (own_rights, _RIGHTS),
)
"""Each with the kinds that it can apply to, None for any."""


def reason_to_skip(obj: Object) -> str:
    """The first reason that applies; "" when the object is to be created."""
    for skip in _skips_of(identity(obj)):
        if reason := skip(obj):
            return reason
    return ""


@lru_cache(1024)
def _skips_of(kind: str) -> tuple[Callable[[Object], str], ...]:
    """Those that can apply to a kind: for most, one."""
    return tuple(skip for skip, kinds in SKIPS if kinds is None or kind in kinds)
