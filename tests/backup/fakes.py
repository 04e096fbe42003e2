"""The in-memory twin of a cluster for collect and restore, and a clock that only moves when told.

It does what the library relies on: discovery, pages in key order, versions, uids, create with 409
and dry run, merge patch, delete with a uid. `faults` are callables (verb, kind, namespace, name)
asked before each request, which may raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from resilience.cluster.interface import NAMESPACES, Object, Resource, View
from resilience.cluster.requests.request import Request
from tests.twin import Twin, kind_of

Fault = Callable[[str, str, str, str], None]

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]

RESOURCES = (
    Resource("", "v1", "namespaces", "Namespace", False),
    Resource("", "v1", "configmaps", "ConfigMap"),
    Resource("", "v1", "secrets", "Secret"),
    Resource("", "v1", "services", "Service"),
    Resource("", "v1", "serviceaccounts", "ServiceAccount"),
    Resource("", "v1", "pods", "Pod"),
    Resource("", "v1", "events", "Event"),
    Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    Resource("", "v1", "persistentvolumes", "PersistentVolume", False),
    Resource("apps", "v1", "deployments", "Deployment"),
    Resource("apps", "v1", "replicasets", "ReplicaSet"),
    Resource("apps", "v1", "statefulsets", "StatefulSet"),
    Resource("batch", "v1", "jobs", "Job"),
    Resource("batch", "v1", "cronjobs", "CronJob"),
    Resource("networking.k8s.io", "v1", "ingresses", "Ingress"),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", False),
    Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False),
    Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False),
    Resource(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False
    ),
)


class FakeClock:
    """Starts at a fixed moment; `wait` moves it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
        self.waited: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.moment += timedelta(seconds=seconds)


class FakeCluster(Twin):
    """See the module. `objects` is keyed by (plural.group, namespace, name)."""

    context = "twin"
    is_sandbox = False

    def __init__(self, resources: Sequence[Resource] = RESOURCES) -> None:
        super().__init__(resources)
        self.faults: list[Fault] = []
        self.broken_groups: dict[str, Exception] = {}
        self.requests: list[tuple[str, str, str, str]] = []
        self.on_create: Callable[[Object], None] = lambda obj: None
        self.version = 100
        self.without_status = {"configmaps", "secrets", "serviceaccounts"}
        self.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})

    def add(self, *objects: Object) -> None:
        """Put objects in as if they had been created."""
        for obj in objects:
            resource = self.resource(obj["apiVersion"], obj["kind"])
            self.create(resource, obj, obj["metadata"].get("namespace", ""))
        self.requests.clear()

    def namespace(self, name: str, **metadata: Any) -> None:
        """Put a namespace in."""
        self.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}})

    def asked(
        self,
        verb: str,
        resource: Resource,
        namespace: str,
        name: str = "",
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> None:
        asked = (f"dry-{verb}" if dry_run else verb, kind_of(resource), namespace, name)
        self.requests.append(asked)
        for fault in list(self.faults):
            fault(*asked)

    def admit(self, resource: Resource, obj: Object) -> None:
        self.on_create(obj)

    def take(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        *,
        grace: int | None = None,
        propagation: str = "",
    ) -> Object:
        """A namespace takes along what is in it."""
        for key in [key for key in self.objects if resource == NAMESPACES and key[1] == name]:
            del self.objects[key]
        return super().take(resource, name, namespace, grace=grace, propagation=propagation)

    def send(self, request: Request) -> Object:
        method, path, body = request.method, request.path, request.body
        if method == "PUT":
            return self.replace(self.resource(body["apiVersion"], body["kind"]), body)
        if path == "/apis":
            return {"groups": [_group(name, versions) for name, versions in self._groups().items()]}
        group, _, version = path.removeprefix("/apis/").rpartition("/")
        if path == "/api/v1":
            group, version = "", "v1"
        if group in self.broken_groups:
            raise self.broken_groups[group]
        there = [
            each for each in self.served.values() if (each.group, each.version) == (group, version)
        ]
        return {
            "resources": [
                {"name": name, "kind": each.kind, "namespaced": each.namespaced, "verbs": _VERBS}
                for each in there
                for name in (each.plural, f"{each.plural}/status")
                if name == each.plural or each.plural not in self.without_status
            ]
        }

    def _groups(self) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {name: ["v1"] for name in self.broken_groups if name}
        for each in self.served.values():
            if each.group and each.version not in groups.setdefault(each.group, []):
                groups[each.group].append(each.version)
        return groups

    def evict(
        self, pod: str, namespace: str, *, grace: int | None = None, dry_run: bool = False
    ) -> Object:
        raise NotImplementedError("no part of a backup evicts")

    def view(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
    ) -> AbstractContextManager[View]:
        raise NotImplementedError("no part of a backup that runs on the twin watches")


def _group(name: str, versions: Sequence[str]) -> Object:
    found = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": found, "preferredVersion": found[0]}


def config_map(name: str, namespace: str = "shop", **data: str) -> Object:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "data": data,
        "metadata": {"name": name, "namespace": namespace},
    }


def secret(name: str, namespace: str = "shop", **data: str) -> Object:
    """A Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "data": data,
        "metadata": {"name": name, "namespace": namespace},
    }


def deployment(name: str, namespace: str = "shop", **pod: Any) -> Object:
    """A Deployment with one container."""
    containers = [{"name": "app", "image": "registry.k8s.io/pause:3.10"}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers, **pod}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def shop() -> FakeCluster:
    """A cluster with a small application in namespace shop."""
    cluster = FakeCluster()
    cluster.namespace("shop", labels={"team": "checkout"})
    cluster.add(
        config_map("settings", greeting="hello"),
        secret("password", value="c2VjcmV0"),
        deployment("checkout", volumes=[{"name": "s", "secret": {"secretName": "password"}}]),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "checkout", "namespace": "shop"},
            "spec": {
                "clusterIP": "10.0.0.7",
                "clusterIPs": ["10.0.0.7"],
                "type": "ClusterIP",
                "selector": {"app": "checkout"},
                "ports": [{"port": 80, "targetPort": 8080}],
            },
        },
    )
    return cluster
