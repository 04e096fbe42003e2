"""An API version that is no longer served."""

from __future__ import annotations

import json
from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.kube import objects
from resilience.kube.objects import Object

LAST = "kubectl.kubernetes.io/last-applied-configuration"

REMOVED: dict[str, tuple[str, str]] = {
    "extensions/v1beta1": ("1.16 or 1.22", "apps/v1, networking.k8s.io/v1 or policy/v1"),
    "apps/v1beta1": ("1.16", "apps/v1"),
    "apps/v1beta2": ("1.16", "apps/v1"),
    "admissionregistration.k8s.io/v1beta1": ("1.22", "admissionregistration.k8s.io/v1"),
    "apiextensions.k8s.io/v1beta1": ("1.22", "apiextensions.k8s.io/v1"),
    "apiregistration.k8s.io/v1beta1": ("1.22", "apiregistration.k8s.io/v1"),
    "authentication.k8s.io/v1beta1": ("1.22", "authentication.k8s.io/v1"),
    "authorization.k8s.io/v1beta1": ("1.22", "authorization.k8s.io/v1"),
    "certificates.k8s.io/v1beta1": ("1.22", "certificates.k8s.io/v1"),
    "coordination.k8s.io/v1beta1": ("1.22", "coordination.k8s.io/v1"),
    "networking.k8s.io/v1beta1": ("1.22", "networking.k8s.io/v1"),
    "rbac.authorization.k8s.io/v1alpha1": ("1.22", "rbac.authorization.k8s.io/v1"),
    "rbac.authorization.k8s.io/v1beta1": ("1.22", "rbac.authorization.k8s.io/v1"),
    "scheduling.k8s.io/v1beta1": ("1.22", "scheduling.k8s.io/v1"),
    "storage.k8s.io/v1beta1": ("1.22 to 1.27", "storage.k8s.io/v1"),
    "autoscaling/v2beta1": ("1.25", "autoscaling/v2"),
    "batch/v1beta1": ("1.25", "batch/v1"),
    "discovery.k8s.io/v1beta1": ("1.25", "discovery.k8s.io/v1"),
    "events.k8s.io/v1beta1": ("1.25", "events.k8s.io/v1"),
    "node.k8s.io/v1beta1": ("1.25", "node.k8s.io/v1"),
    "policy/v1beta1": ("1.25", "policy/v1"),
    "autoscaling/v2beta2": ("1.26", "autoscaling/v2"),
    "flowcontrol.apiserver.k8s.io/v1beta1": ("1.26", "flowcontrol.apiserver.k8s.io/v1"),
    "flowcontrol.apiserver.k8s.io/v1beta2": ("1.29", "flowcontrol.apiserver.k8s.io/v1"),
    "flowcontrol.apiserver.k8s.io/v1beta3": ("1.32", "flowcontrol.apiserver.k8s.io/v1"),
}
"""apiVersion to the release that no longer serves it, and its replacement
(https://kubernetes.io/docs/reference/using-api/deprecation-guide/)."""

SERVED_STILL = {"networking.k8s.io/v1beta1": {"IPAddress", "ServiceCIDR"},
                "storage.k8s.io/v1beta1": {"VolumeAttributesClass"},
                "certificates.k8s.io/v1beta1": {"ClusterTrustBundle", "PodCertificateRequest"},
                "admissionregistration.k8s.io/v1beta1": {
                    "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
                    "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"},
                "coordination.k8s.io/v1beta1": {"LeaseCandidate"}}  # fmt: skip
"""Younger kinds of those groups and versions."""


def find(inventory: Inventory) -> Iterator[Hit]:
    """Manifests in such a version; in a cluster, what was last applied in one."""
    for obj in inventory.objects:
        version = _applied(obj) if inventory.live else str(obj.get("apiVersion"))
        if version in REMOVED and obj.get("kind") not in SERVED_STILL.get(version, ()):
            release, instead = REMOVED[version]
            text = f"{version} is not served since Kubernetes {release}; use {instead}"
            yield Hit(obj, text)


def _applied(obj: Object) -> str:
    text = objects.annotation(obj, LAST)
    if not text:
        return ""
    try:
        return str(json.loads(text).get("apiVersion"))
    except (ValueError, AttributeError):
        return ""


RULE = Rule(
    id="api-goes-away",
    level=Level.ERROR,
    title="an API version that is no longer served",
    reason=(
        "The object itself survives an upgrade, but its manifest cannot be applied any more:"
        " neither by a release nor when a cluster is rebuilt from these files."
        " Restores fail as well."
    ),
    remedy="Change the manifest to the version that replaces it.",
    link="https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
    source="pkg/controlplane/instance.go",
    find=find,
)
