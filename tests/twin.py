"""A cluster in memory: what the twins of the engine's and of the backup's tests have in common.

It answers as a cluster does: versions, uids, 404 and 409, preconditions, dry runs, selectors and
pages (`tests.cluster.test_contract` holds it against the sandbox). It runs nothing: no controller,
no kubelet, no watch. A subclass says when things happen, who hears of it, and adds what it needs.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from threading import RLock
from typing import Any, Literal, Self

from resilience.cluster.errors import Conflict, Invalid, NotFound
from resilience.cluster.interface import FOLLOWED, Means, Object, Resource
from resilience.cluster.requests.command import Command, Result, Sink
from resilience.cluster.requests.request import Middleware
from resilience.kube.clock import of_stamp
from resilience.kube.selectors import Selector
from tests.twin_rules import has_fields, merged

Key = tuple[str, str, str]
"""Plural and group, namespace, name: ("deployments.apps", "shop", "web")."""


class Twin:
    """See the module. `objects` may be edited by tests; `put` is how a controller would write."""

    def __init__(self, served: Sequence[Resource]) -> None:
        self.means = Means()
        self.server = ""
        self.served = {kind_of(each): each for each in served}
        self.objects: dict[Key, Object] = {}
        self.version = 0
        self.gone = ""
        self._uids = itertools.count(1)
        self._lock = RLock()

    def ended(self) -> str:
        """What a test says of it."""
        return self.gone

    def now(self) -> float:
        """The clock of its stamps."""
        return of_stamp(self.stamp())

    # ----- what a subclass says

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
        """A request came in; may raise what the server would answer instead."""

    def stamp(self) -> str:
        """The time now, as in `creationTimestamp`."""
        return "2026-03-01T00:00:00Z"

    def admit(self, resource: Resource, obj: Object) -> None:
        """Change what is about to be created."""

    def changed(self, resource: Resource, kind: str, obj: Object) -> None:
        """Something was ADDED, MODIFIED or DELETED."""

    # ----- what tests and controllers use

    def serve(self, resource: Resource) -> None:
        """As if its definition had been applied."""
        self.served[kind_of(resource)] = resource

    def withdraw(self, resource: Resource) -> None:
        """As if it had never been served."""
        del self.served[kind_of(resource)]

    def put(self, resource: Resource, body: Object) -> Object:
        """Store as it is, as a controller would; a uid and a version are given."""
        with self._lock:
            obj = self._whole(resource, body)
            key = key_of(resource, obj)
            kind = "MODIFIED" if key in self.objects else "ADDED"
            self.version += 1
            obj["metadata"]["resourceVersion"] = str(self.version)
            self.objects[key] = obj
            self.changed(resource, kind, obj)
            return copy.deepcopy(obj)

    def _whole(self, resource: Resource, body: Object) -> Object:
        """A copy with what every object has."""
        obj = copy.deepcopy(body)
        metadata = obj.setdefault("metadata", {})
        metadata.setdefault("uid", f"uid-{next(self._uids)}")
        metadata.setdefault("creationTimestamp", self.stamp())
        obj.setdefault("apiVersion", resource.api_version)
        obj.setdefault("kind", resource.kind)
        return obj

    def change(
        self, resource: Resource, namespace: str, name: str, edit: Callable[[Object], object]
    ) -> None:
        """Edit in place, if it is still there."""
        with self._lock:
            obj = self.objects.get((kind_of(resource), namespace, name))
            if obj is not None:
                edited = copy.deepcopy(obj)
                edit(edited)
                self.put(resource, edited)

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Take it out at once."""
        with self._lock:
            obj = self.objects.pop((kind_of(resource), namespace, name), None)
            if obj is not None:
                self.version += 1
                self.changed(resource, "DELETED", obj)

    def find(
        self,
        resource: Resource,
        namespace: str = "",
        selector: Selector | None = None,
        fields: str = "",
    ) -> list[Object]:
        """Copies, by namespace and name."""
        with self._lock:
            return [
                copy.deepcopy(obj)
                for (kind, where, _), obj in sorted(self.objects.items(), key=lambda item: item[0])
                if kind == kind_of(resource)
                and namespace in ("", where)
                and (selector is None or selector.matches(obj["metadata"].get("labels") or {}))
                and has_fields(obj, fields)
            ]

    def have(self, resource: Resource, name: str, namespace: str) -> Object:
        """The stored object itself; NotFound."""
        key = (kind_of(resource), namespace if resource.namespaced else "", name)
        if key not in self.objects:
            raise NotFound(404, f'{key[0]} "{name}" not found', reason="NotFound")
        return self.objects[key]

    # ----- the Cluster protocol

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        self.asked("get", resource, namespace, name)
        with self._lock:
            return copy.deepcopy(self.have(resource, name, namespace))

    def list(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> Sequence[Object]:
        pages = self.pages(resource, namespace, labels=labels, fields=fields)
        return [each for page in pages for each in page["items"]]

    def pages(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Iterator[Object]:
        """Of what was there at first; what goes between two pages is missing from the later one.
        `asked` hears of each page, with its first place as the name."""
        selector = Selector.parse(labels) if labels else None
        keys = [key_of(resource, each) for each in self.find(resource, namespace, selector, fields)]
        for at in range(0, max(len(keys), 1), limit):
            self.asked("list", resource, namespace, str(at))
            with self._lock:
                there = [key for key in keys[at : at + limit] if key in self.objects]
                items = [copy.deepcopy(self.objects[key]) for key in there]
                yield {"metadata": {"resourceVersion": str(self.version)}, "items": items}

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        name = body["metadata"].get("name") or f"{body['metadata']['generateName']}x7k2p"
        with self._lock:
            self.asked("create", resource, namespace, name, dry_run=dry_run)
            if resource.namespaced and ("namespaces", "", namespace) not in self.objects:
                raise NotFound(404, f'namespaces "{namespace}" not found', reason="NotFound")
            if (kind_of(resource), namespace, name) in self.objects:
                text = f'{kind_of(resource)} "{name}" already exists'
                raise Conflict(409, text, reason="AlreadyExists")
            obj = copy.deepcopy(body)
            obj["metadata"]["name"] = name
            if resource.namespaced:
                obj["metadata"]["namespace"] = namespace
            for given in ("uid", "resourceVersion", "creationTimestamp"):
                obj["metadata"].pop(given, None)
            if "spec" in obj:
                obj["metadata"]["generation"] = 1
            self.admit(resource, obj)
            return self._whole(resource, obj) if dry_run else self.put(resource, obj)

    def replace(self, resource: Resource, body: Object, *, subresource: str = "") -> Object:
        metadata = body["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        with self._lock:
            self.asked("replace", resource, namespace, name, subresource=subresource)
            old = self.have(resource, name, namespace)
            if metadata.get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
                raise Conflict(409, "the object has been modified", reason="Conflict")
            new = copy.deepcopy(body)
            if "status" in old:
                new["status"] = old["status"]
            return self._renewed(resource, old, new)

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
            self.asked("patch", resource, namespace, name, subresource=subresource, dry_run=dry_run)
            old = self.have(resource, name, namespace)
            version = (body.get("metadata") or {}).get("resourceVersion")
            if version not in (None, old["metadata"]["resourceVersion"]):
                raise Conflict(409, "the object has been modified", reason="Conflict")
            new = merged(old, body)
            return new if dry_run else self._renewed(resource, old, new)

    def _renewed(self, resource: Resource, old: Object, new: Object) -> Object:
        new["metadata"]["uid"] = old["metadata"]["uid"]
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        return self.put(resource, new)

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
            self.asked("delete", resource, namespace, name, dry_run=dry_run)
            found = self.have(resource, name, namespace)
            if uid is not None and found["metadata"]["uid"] != uid:
                text = f"the uid is {found['metadata']['uid']}"
                raise Conflict(409, text, reason="Conflict")
            if dry_run:
                return copy.deepcopy(found)
            return self.take(resource, name, namespace, grace=grace, propagation=propagation)

    def take(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        *,
        grace: int | None = None,
        propagation: str = "",
    ) -> Object:
        """A deletion that nobody has to be asked for any more."""
        self.remove(resource, namespace if resource.namespaced else "", name)
        return {"kind": "Status", "status": "Success"}

    def resource(self, api_version: str, kind: str) -> Resource:
        for each in self.served.values():
            if (each.api_version, each.kind) == (api_version, kind):
                return each
        raise Invalid(404, f"{kind} of {api_version} is not served")

    def resources(self) -> Sequence[Resource]:
        return list(self.served.values())

    def through(self, around: Middleware, agent: str = "") -> Self:
        raise NotImplementedError("a twin has no wire to wrap")

    def recording(self, rules_nodes: Callable[[Any], bool]) -> Self:
        return self  # it asks for no permit

    def logs(
        self, pod: str, namespace: str, query: Mapping[str, str] = FOLLOWED
    ) -> AbstractContextManager[Iterator[bytes]]:
        raise AssertionError(f"a twin runs nothing: {namespace}/{pod} has no log")

    def exec(
        self,
        command: Command,
        *,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Result:
        raise AssertionError(f"a twin runs nothing: {command}")

    def server_version(self) -> str:
        return "v1.36.2"


def kind_of(resource: Resource) -> str:
    """As in `kubectl get`: "pods", "deployments.apps"."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def key_of(resource: Resource, obj: Object) -> Key:
    """Where it is stored."""
    metadata = obj["metadata"]
    return kind_of(resource), metadata.get("namespace", ""), metadata["name"]
