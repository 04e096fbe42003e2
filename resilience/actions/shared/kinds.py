"""Maps a kind, as people and manifests write it, to the resource that permissions name.

Permissions are computed from files alone, without a cluster's discovery: with the rule that kubectl
uses for its first guess (meta.UnsafeGuessKindToResource), and a list of cluster-scoped kinds.
"""

from __future__ import annotations

SHORT = {"pvc": "persistentvolumeclaims", "svc": "services", "deploy": "deployments",
         "sts": "statefulsets", "ds": "daemonsets", "cm": "configmaps", "sa": "serviceaccounts",
         "ing": "ingresses", "pdb": "poddisruptionbudgets", "netpol": "networkpolicies",
         "cj": "cronjobs", "po": "pods"}  # fmt: skip
"""Short names that kubectl knows as well."""

CLUSTER_SCOPED = frozenset({
    "APIService", "CSIDriver", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding",
    "CustomResourceDefinition", "FlowSchema", "IngressClass", "MutatingWebhookConfiguration",
    "Namespace", "Node", "PersistentVolume", "PriorityClass", "PriorityLevelConfiguration",
    "RuntimeClass", "StorageClass", "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration", "VolumeSnapshotClass",
    "VolumeSnapshotContent",
})  # fmt: skip
"""Cluster-scoped kinds; permissions are derived without a cluster's discovery."""


def plural(kind: str) -> str:
    """`NetworkPolicy` -> `networkpolicies`."""
    word = kind.lower()
    if word == "endpoints":
        return word
    if word.endswith("s"):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def resource(word: str) -> str:
    """The same for a word from a command line, which may already be a plural or a short name."""
    known = SHORT.get(word.lower(), word.lower())
    return known if known.endswith("s") and not known.endswith("ss") else plural(known)
