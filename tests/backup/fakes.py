"""The in-memory twin of a cluster for collect and restore, and a clock that only moves when told.

It does what the library relies on: discovery, pages in key order, versions, uids, create with 409
and dry run, merge patch, delete with a uid. `faults` are callables (verb, kind, namespace, name)
asked before each request, which may raise.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from resilience.cluster.errors import Conflict, Invalid, NotFound
from resilience.cluster.interface import Cluster, Means, Object, Resource, View

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


class FakeCluster(Cluster):
    """See the module. `objects` is keyed by (plural.group, namespace, name)."""

    def __init__(self, resources: Sequence[Resource] = RESOURCES) -> None:
        self.means = Means()
        self.served = {_kind(each): each for each in resources}
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.faults: list[Fault] = []
        self.broken_groups: dict[str, Exception] = {}
        self.requests: list[tuple[str, str, str, str]] = []
        self.on_create: Callable[[Object], None] = lambda obj: None
        self.version = 100
        self._lock = threading.RLock()
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

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeout: float = 30.0,
    ) -> Object:
        if method == "PUT":
            return self._put(body)
        if path == "/apis":
            return {"groups": [_group(name, versions) for name, versions in self._groups().items()]}
        group, _, version = path.removeprefix("/apis/").rpartition("/")
        if path == "/api/v1":
            group, version = "", "v1"
        if group in self.broken_groups:
            raise self.broken_groups[group]
        return {
            "resources": [
                {
                    "name": each.plural,
                    "kind": each.kind,
                    "namespaced": each.namespaced,
                    "verbs": _VERBS,
                }
                for each in self.served.values()
                if (each.group, each.version) == (group, version)
            ]
        }

    def _put(self, body: Object) -> Object:
        """An update that says which version it means."""
        resource = self.resource(body["apiVersion"], body["kind"])
        metadata = body["metadata"]
        now = self._found(resource, metadata["name"], metadata.get("namespace", ""))["metadata"]
        if metadata.get("resourceVersion", now["resourceVersion"]) != now["resourceVersion"]:
            raise Conflict(409, "the object has been modified", reason="Conflict")
        return self.replace(resource, body)

    def _groups(self) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {name: ["v1"] for name in self.broken_groups if name}
        for each in self.served.values():
            if each.group and each.version not in groups.setdefault(each.group, []):
                groups[each.group].append(each.version)
        return groups

    def lines(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        raise NotImplementedError("no part of a backup follows a log")

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        self._asked("get", resource, namespace, name)
        return copy.deepcopy(self._found(resource, name, namespace))

    def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
    ) -> Sequence[Object]:
        return [
            item
            for page in self.pages(resource, namespace, labels=labels, fields=fields)
            for item in page["items"]
        ]

    def pages(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Iterator[Object]:
        keys = sorted(
            key
            for key in self.objects
            if key[0] == _kind(resource)
            and namespace in ("", key[1])
            and self._matches(key, labels)
        )
        keys.sort(key=lambda key: f"{key[1]}/{key[2]}")
        for at in range(0, max(len(keys), 1), limit):
            self._asked("list", resource, namespace, str(at))
            items = [
                copy.deepcopy(self.objects[key])
                for key in keys[at : at + limit]
                if key in self.objects
            ]
            yield {"metadata": {"resourceVersion": str(self.version)}, "items": items}

    def _matches(self, key: tuple[str, str, str], labels: str) -> bool:
        have = self.objects[key]["metadata"].get("labels") or {}
        wanted = (each.partition("=") for each in labels.split(",") if each)
        return all(
            name in have and (not equals or have[name] == value) for name, equals, value in wanted
        )

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        name = body["metadata"]["name"]
        with self._lock:
            self._asked("dry-create" if dry_run else "create", resource, namespace, name)
            if resource.namespaced and ("namespaces", "", namespace) not in self.objects:
                raise NotFound(404, f'namespaces "{namespace}" not found', reason="NotFound")
            key = (_kind(resource), namespace, name)
            if key in self.objects:
                raise Conflict(409, f'{key[0]} "{name}" already exists', reason="AlreadyExists")
            stored = copy.deepcopy(body)
            self.on_create(stored)
            if not dry_run:
                self.version += 1
                self.objects[key] = stored
            stored["metadata"] |= {
                "uid": f"uid-{self.version}",
                "resourceVersion": str(self.version),
                "creationTimestamp": "2026-03-01T00:00:00Z",
            }
            return copy.deepcopy(stored)

    def replace(self, resource: Resource, body: Object, *, subresource: str = "") -> Object:
        with self._lock:
            metadata = body["metadata"]
            namespace = metadata.get("namespace", "")
            self._asked("replace", resource, namespace, metadata["name"])
            self._found(resource, metadata["name"], namespace)
            self.version += 1
            metadata["resourceVersion"] = str(self.version)
            self.objects[_kind(resource), namespace, metadata["name"]] = copy.deepcopy(body)
            return copy.deepcopy(body)

    def patch(
        self,
        resource: Resource,
        name: str,
        body: Any,
        namespace: str = "",
        *,
        type: Literal["merge", "strategic", "json", "apply"] = "merge",
        subresource: str = "",
        dry_run: bool = False,
        force: bool = False,
    ) -> Object:
        with self._lock:
            self._asked("dry-patch" if dry_run else "patch", resource, namespace, name)
            found = self._found(resource, name, namespace)
            patched = _merged(copy.deepcopy(found), body)
            if not dry_run:
                self.version += 1
                patched["metadata"]["resourceVersion"] = str(self.version)
                self.objects[_kind(resource), namespace, name] = patched
            return copy.deepcopy(patched)

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        grace: int | None = None,
        uid: str | None = None,
        propagation: str = "Background",
        dry_run: bool = False,
    ) -> Object:
        with self._lock:
            self._asked("delete", resource, namespace, name)
            found = self._found(resource, name, namespace)
            if uid and found["metadata"]["uid"] != uid:
                raise Conflict(409, "the uid is another one", reason="Conflict")
            self.version += 1
            del self.objects[_kind(resource), namespace, name]
            for key in [
                key for key in self.objects if resource.plural == "namespaces" and key[1] == name
            ]:
                del self.objects[key]
            return {"kind": "Status", "status": "Success"}

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

    def resource(self, api_version: str, kind: str) -> Resource:
        for each in self.served.values():
            if (each.api_version, each.kind) == (api_version, kind):
                return each
        raise Invalid(400, f"{api_version} {kind} is not served")

    def resources(self) -> Sequence[Resource]:
        return list(self.served.values())

    @property
    def context(self) -> str:
        return "twin"

    @property
    def is_sandbox(self) -> bool:
        return False

    def server_version(self) -> str:
        return "v1.36.2"

    def _found(self, resource: Resource, name: str, namespace: str) -> Object:
        try:
            return self.objects[_kind(resource), namespace, name]
        except KeyError:
            text = f'{_kind(resource)} "{name}" not found'
            raise NotFound(404, text, reason="NotFound") from None

    def _asked(self, verb: str, resource: Resource, namespace: str, name: str) -> None:
        asked = (verb, _kind(resource), namespace, name)
        self.requests.append(asked)
        for fault in list(self.faults):
            fault(*asked)


def _kind(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def _group(name: str, versions: Sequence[str]) -> Object:
    found = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": found, "preferredVersion": found[0]}


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    target = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = _merged(target.get(key), value)
    return target


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
