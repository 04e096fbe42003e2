"""What every cluster starts with: namespaces, priority classes, Service kubernetes.

Done synchronously at start, so that the first request finds it. The uid of kube-system identifies
the cluster, as on real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from resilience.sandbox.controllers.lifecycle import snapshot_kinds
from resilience.sandbox.kube.api import Api, ApiError, Obj
from resilience.sandbox.kube.object_edits import key_of

NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
SYSTEM_PRIORITIES: Final = {
    "system-cluster-critical": (
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another"
        " node if necessary.",
    ),
    "system-node-critical": (
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
}
DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"
PROVISIONER: Final = "sandbox.resilience/directory"
SNAPSHOTTER: Final = PROVISIONER


def bootstrap(api: Api, service_address: str = "") -> None:
    """Create what is missing; Service kubernetes at `service_address`, if that is given."""
    for plural, group, obj in (
        *_namespaces(),
        *_priorities(),
        *_storage(),
        *_snapshots(),
        *_service(service_address),
    ):
        _ensure(api, plural, group, obj)


def _ensure(api: Api, plural: str, group: str, obj: Obj) -> None:
    try:
        resource = api.resource(plural, group)
    except KeyError:  # a kind this server does not serve
        return
    if api.find(resource, *key_of(obj)) is not None:
        return
    full = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
    try:
        api.create(resource, full)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise


Entry = tuple[str, str, dict[str, Any]]


def _namespaces() -> Iterator[Entry]:
    for name in NAMESPACES:
        yield "namespaces", "", {"metadata": {"name": name}}


def _priorities() -> Iterator[Entry]:
    for name, (value, text) in SYSTEM_PRIORITIES.items():
        body = {"metadata": {"name": name}, "value": value, "description": text}
        yield "priorityclasses", "scheduling.k8s.io", body


def _storage() -> Iterator[Entry]:
    standard = {
        "metadata": {"name": "standard", "annotations": {DEFAULT_CLASS: "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }
    yield "storageclasses", "storage.k8s.io", standard


def _snapshots() -> Iterator[Entry]:
    for definition in snapshot_kinds.definitions():
        yield "customresourcedefinitions", "apiextensions.k8s.io", definition
    yield (
        "volumesnapshotclasses",
        snapshot_kinds.GROUP,
        snapshot_kinds.default_class(SNAPSHOTTER),
    )


def _service(address: str) -> Iterator[Entry]:
    labels = {"component": "apiserver", "provider": "kubernetes"}
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}
    body: dict[str, Any] = {
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
        "spec": {"type": "ClusterIP", "ports": [port], "sessionAffinity": "None"},
    }
    if address:
        body["spec"] = {**body["spec"], "clusterIP": address}
    yield "services", "", body
