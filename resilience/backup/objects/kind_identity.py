"""The identity of an object's kind: `Service`, or with its API group `Ingress.networking.k8s.io`.

A kind alone identifies nothing: any custom resource may be called Namespace, Job or Service. The
version does not matter here, and groups under which the API server used to serve the same objects
count as one. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_MOVED = {
    "Deployment.extensions": "Deployment.apps",
    "DaemonSet.extensions": "DaemonSet.apps",
    "ReplicaSet.extensions": "ReplicaSet.apps",
    "Ingress.extensions": "Ingress.networking.k8s.io",
    "NetworkPolicy.extensions": "NetworkPolicy.networking.k8s.io",
    "Event.events.k8s.io": "Event",
}

_BUILT_IN = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)
"""Groups with a dot that kube-apiserver itself serves. Custom resources use other groups, also
those of Kubernetes projects: `gateway.networking.k8s.io`, `snapshot.storage.k8s.io`."""


def group(api_version: str) -> str:
    """ "apps" of "apps/v1", "" of "v1"."""
    return api_version.rpartition("/")[0]


def identity(obj: Mapping[str, Any]) -> str:
    """The identity of an object's kind, or of an owner reference's; both have `apiVersion` and
    `kind`."""
    return _identity(str(obj["kind"]), str(obj.get("apiVersion", "")))


@lru_cache(1024)
def _identity(kind: str, api_version: str) -> str:
    """Every rule asks for it, many times for each object."""
    name = ".".join(filter(None, (kind, group(api_version))))
    return _MOVED.get(name, name)


def is_built_in(obj: Mapping[str, Any]) -> bool:
    """Whether Kubernetes itself defines the kind. False for every custom resource."""
    found = group(str(obj.get("apiVersion", "")))
    return "." not in found or found in _BUILT_IN
