"""Maps a kind, as people and manifests write it, to the resource that permissions name.

Permissions are computed from files alone, without a cluster's discovery: with the rule that kubectl
uses for its first guess (meta.UnsafeGuessKindToResource), and a list of the cluster-scoped kinds of
Kubernetes itself.
"""

from __future__ import annotations

SHORT = {"pvc": "persistentvolumeclaims", "svc": "services", "deploy": "deployments",
         "sts": "statefulsets", "ds": "daemonsets", "cm": "configmaps", "sa": "serviceaccounts",
         "ing": "ingresses", "pdb": "poddisruptionbudgets", "netpol": "networkpolicies",
         "cj": "cronjobs", "po": "pods", "ns": "namespaces", "no": "nodes",
         "pv": "persistentvolumes", "sc": "storageclasses", "pc": "priorityclasses",
         "crd": "customresourcedefinitions"}  # fmt: skip
"""Short names that kubectl knows as well."""

_CLUSTER_SCOPED = {
    "": {"Namespace", "Node", "PersistentVolume"},
    "admissionregistration.k8s.io": {
        "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration",
    },
    "apiextensions.k8s.io": {"CustomResourceDefinition"},
    "apiregistration.k8s.io": {"APIService"},
    "certificates.k8s.io": {"CertificateSigningRequest", "ClusterTrustBundle"},
    "flowcontrol.apiserver.k8s.io": {"FlowSchema", "PriorityLevelConfiguration"},
    "networking.k8s.io": {"IPAddress", "IngressClass", "ServiceCIDR"},
    "node.k8s.io": {"RuntimeClass"},
    "rbac.authorization.k8s.io": {"ClusterRole", "ClusterRoleBinding"},
    "resource.k8s.io": {"DeviceClass", "ResourceSlice"},
    "scheduling.k8s.io": {"PriorityClass"},
    "snapshot.storage.k8s.io": {"VolumeSnapshotClass", "VolumeSnapshotContent"},
    "storage.k8s.io": {"CSIDriver", "CSINode", "StorageClass", "VolumeAttachment",
                       "VolumeAttributesClass"},
}  # fmt: skip


def is_cluster_scoped(kind: str, api_version: str) -> bool:
    """For Kubernetes' own kinds, by group and kind: permissions are derived without a cluster's
    discovery, which the scope of a custom resource would need."""
    return kind in _CLUSTER_SCOPED.get(api_version.rpartition("/")[0], ())


def names_cluster_scoped(word: str) -> bool:
    """The same for a word from a command line: a kind, a plural or a short name, with its group
    behind a dot or without one."""
    name, _, group = word.lower().partition(".")
    wanted = SHORT.get(name, name)
    return any(
        group in ("", served) and wanted in (kind.lower(), plural(kind))
        for served, kinds in _CLUSTER_SCOPED.items()
        for kind in kinds
    )


def plural(kind: str) -> str:
    """`NetworkPolicy` -> `networkpolicies`."""
    word = kind.lower()
    if word == "endpoints":
        return word
    if word.endswith("s"):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def resource(word: str) -> str:
    """The same for a word from a command line, which may already be a plural or a short name, with
    its group behind a dot."""
    word = word.partition(".")[0].lower()
    known = SHORT.get(word, word)
    return known if known.endswith("s") and not known.endswith("ss") else plural(known)
