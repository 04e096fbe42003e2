"""A cluster in memory and a clock that jumps: the fast test bed for every path of the engine.

Time is virtual: a wait runs what is scheduled until its condition holds or its deadline comes. The
cluster answers like an API server as far as the engine asks (uids, versions, preconditions, grace
periods, finalizers are honoured) and can be told to answer with errors.
"""

from __future__ import annotations

import copy
import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import RLock
from typing import Any, Literal

from resilience.actions.workloads import CRONJOBS
from resilience.cluster import errors
from resilience.cluster.interface import (
    BUDGETS,
    CONFIGMAPS,
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    EVENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICASETS,
    SERVICES,
    STATEFULSETS,
    Means,
    Object,
    Resource,
    View,
    WatchEvent,
)
from resilience.drain.budgets import selects
from resilience.model.selector import Selector

SECRETS = Resource("", "v1", "secrets", "Secret")
KNOWN = (
    BUDGETS,
    CRONJOBS,
    CONFIGMAPS,
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    EVENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICASETS,
    SERVICES,
    STATEFULSETS,
    SECRETS,
)
WALL = 1_700_000_000.0


class FakeClock:
    """Virtual time, starting at 100 s."""

    def __init__(
        self, check: Callable[[], None] = lambda: None, parent: FakeClock | None = None
    ) -> None:
        self._check = check
        self._shared: FakeClock = parent or self
        self.now = 100.0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._ids = itertools.count()
        self._lock = RLock()

    def monotonic(self) -> float:
        return self._shared.now

    def wall(self) -> float:
        return WALL + self._shared.now

    def poke(self) -> None: ...

    def checking(self, check: Callable[[], None]) -> FakeClock:
        return FakeClock(check, self._shared)

    def tick(self) -> None:
        """A call takes time, if only a microsecond: no two things happen at once."""
        self._shared.now += 1e-6

    def wait(self, seconds: float) -> None:
        self.until(lambda: False, self.monotonic() + seconds)

    def at(self, moment: float, what: Callable[[], None]) -> None:
        with self._shared._lock:
            heapq.heappush(self._shared._queue, (moment, next(self._shared._ids), what))

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self.at(self.monotonic() + seconds, what)

    def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        while True:
            self._check()
            if holds():
                return True
            if not self._shared._advance(deadline):
                self._check()
                return holds()

    def _advance(self, deadline: float) -> bool:
        with self._lock:
            if self._queue and self._queue[0][0] <= deadline:
                moment, _, what = heapq.heappop(self._queue)
                self.now = max(self.now, moment)
                what()
                return True
            self.now = max(self.now, deadline)
            return False


class FakeView:
    def __init__(
        self, cluster: FakeCluster, resource: Resource, namespace: str, labels: str
    ) -> None:
        self._cluster, self._resource, self._namespace = cluster, resource, namespace
        self._selector = Selector.parse(labels) if labels else None
        self._listeners: list[Callable[[WatchEvent], None]] = []

    def objects(self) -> Sequence[Object]:
        return self._cluster.find(self._resource, self._namespace, self._selector)

    def by_uid(self, uid: str) -> Object | None:
        return next((o for o in self.objects() if o["metadata"]["uid"] == uid), None)

    def subscribe(self, listener: Callable[[WatchEvent], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def wait(self, holds: Callable[[Sequence[Object]], bool], timeout: float) -> bool:
        raise AssertionError("the engine waits by its clock, so that an abort can cut it short")

    @property
    def version(self) -> str:
        return str(self._cluster.version)

    def hear(self, resource: Resource, event: WatchEvent) -> None:
        metadata = event.object["metadata"]
        if resource != self._resource or self._namespace not in ("", metadata.get("namespace")):
            return
        if self._selector is None or self._selector.matches(metadata.get("labels") or {}):
            for listener in tuple(self._listeners):
                listener(event)


Fault = Callable[[str, str], "Exception | None"]


class FakeCluster:
    """`resilience.cluster.interface.Cluster` over a dictionary."""

    context = "fake"
    is_sandbox = True

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.means = Means()
        self.version = 0
        self.calls: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.hooks: list[Callable[[Resource, str, Object], None]] = []
        self._objects: dict[tuple[Resource, str, str], Object] = {}
        self._views: list[FakeView] = []
        self._uids = itertools.count(1)
        self._lock = RLock()
        for name in ("kube-system", "default", "shop"):
            self.put(NAMESPACES, {"metadata": {"name": name}})

    # ----- what tests and controllers use

    def put(self, resource: Resource, body: Object) -> Object:
        """Store as it is, as a controller would; a uid and a version are given."""
        with self._lock:
            obj = copy.deepcopy(body)
            metadata = obj.setdefault("metadata", {})
            key = (resource, metadata.get("namespace", ""), metadata["name"])
            kind = "MODIFIED" if key in self._objects else "ADDED"
            metadata.setdefault("uid", f"uid-{next(self._uids)}")
            metadata.setdefault("creationTimestamp", _stamp(self.clock.wall()))
            self.version += 1
            metadata["resourceVersion"] = str(self.version)
            obj.setdefault("apiVersion", resource.api_version)
            obj.setdefault("kind", resource.kind)
            self._objects[key] = obj
            self._tell(resource, kind, obj)
            return copy.deepcopy(obj)

    def change(
        self, resource: Resource, namespace: str, name: str, edit: Callable[[Object], None]
    ) -> None:
        """Edit in place, if it is still there."""
        with self._lock:
            obj = self._objects.get((resource, namespace, name))
            if obj is not None:
                edited = copy.deepcopy(obj)
                edit(edited)
                self.put(resource, edited)

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Take it out at once."""
        with self._lock:
            obj = self._objects.pop((resource, namespace, name), None)
            if obj is not None:
                self.version += 1
                self._tell(resource, "DELETED", obj)

    def find(
        self, resource: Resource, namespace: str = "", selector: Selector | None = None
    ) -> list[Object]:
        with self._lock:
            return [
                copy.deepcopy(obj)
                for (kind, where, _), obj in sorted(self._objects.items(), key=lambda item: item[0])
                if kind == resource
                and namespace in ("", where)
                and (selector is None or selector.matches(obj["metadata"].get("labels") or {}))
            ]

    def dump(self) -> list[tuple[str, str, str]]:
        """kind, namespace, name of everything."""
        return [(kind.kind, namespace, name) for kind, namespace, name in sorted(self._objects)]

    def _tell(self, resource: Resource, kind: str, obj: Object) -> None:
        event = WatchEvent(kind, copy.deepcopy(obj), self.clock.monotonic())
        for view in tuple(self._views):
            view.hear(resource, event)
        for hook in self.hooks:
            hook(resource, kind, obj)

    # ----- the Cluster protocol

    def _call(self, method: str, path: str) -> None:
        self.calls.append((method, path))
        self.clock.tick()
        for fault in tuple(self.faults):
            if error := fault(method, path):
                raise error

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
        if path == "/sandbox/v1/faults/crash":
            self._call(method, path)
            return self._crash(body)
        if method == "POST":
            resource, namespace = self._collection(path)
            return self.create(resource, body, namespace)
        raise AssertionError(f"not served here: {method} {path}")

    def _crash(self, body: Any) -> Object:
        def crash(pod: Object) -> None:
            for status in pod["status"]["containerStatuses"]:
                status["restartCount"] += 1
            pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]

        self.change(PODS, body["namespace"], body["pod"], crash)
        return {}

    def _collection(self, path: str) -> tuple[Resource, str]:
        for resource in KNOWN:
            tail = path.partition("/namespaces/")[2]
            namespace = tail.partition("/")[0] if "/" in tail else ""
            if resource.path(namespace) == path:
                return resource, namespace
        raise errors.NotFound(404, f"no such path: {path}")

    def lines(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        raise AssertionError(f"not served here: {path}")

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        self._call("GET", resource.path(namespace, name))
        with self._lock:
            return copy.deepcopy(self._have(resource, name, namespace))

    def _have(self, resource: Resource, name: str, namespace: str) -> Object:
        obj = self._objects.get((resource, namespace if resource.namespaced else "", name))
        if obj is None:
            raise errors.NotFound(404, f'{resource.plural} "{name}" not found', reason="NotFound")
        return obj

    def list(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> Sequence[Object]:
        self._call("GET", resource.path(namespace))
        return self.find(resource, namespace, Selector.parse(labels) if labels else None)

    def pages(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Iterator[Object]:
        yield {"items": self.list(resource, namespace, labels=labels)}

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        self._call("POST", resource.path(namespace))
        with self._lock:
            name = body["metadata"]["name"]
            if resource.namespaced and (NAMESPACES, "", namespace) not in self._objects:
                raise errors.NotFound(404, f'namespaces "{namespace}" not found')
            if (resource, namespace, name) in self._objects:
                raise errors.Conflict(
                    409, f'{resource.plural} "{name}" already exists', reason="AlreadyExists"
                )
            obj = copy.deepcopy(body)
            if resource.namespaced:
                obj["metadata"]["namespace"] = namespace
            obj["metadata"]["generation"] = 1
            return obj if dry_run else self.put(resource, obj)

    def replace(self, resource: Resource, body: Object, *, subresource: str = "") -> Object:
        metadata = body["metadata"]
        namespace = metadata.get("namespace", "")
        self._call("PUT", resource.path(namespace, metadata["name"]))
        with self._lock:
            old = self._have(resource, metadata["name"], namespace)
            if metadata.get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
                raise errors.Conflict(409, "the object has been modified", reason="Conflict")
            new = copy.deepcopy(body)
            new["metadata"]["uid"] = old["metadata"]["uid"]
            new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
            if "status" in old:
                new["status"] = old["status"]
            return self.put(resource, new)

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
        self._call("PATCH", resource.path(namespace, name, subresource))
        with self._lock:
            old = self._have(resource, name, namespace)
            new = merged(old, body)
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
        self._call("DELETE", resource.path(namespace, name))
        return self.take(resource, name, namespace, grace=grace, uid=uid, propagation=propagation)

    def take(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        *,
        grace: int | None = None,
        uid: str | None = None,
        propagation: str = "",
    ) -> Object:
        """A deletion by whoever needs no network for it, such as the controllers."""
        with self._lock:
            obj = copy.deepcopy(self._have(resource, name, namespace))
            metadata = obj["metadata"]
            if uid is not None and metadata["uid"] != uid:
                raise errors.Conflict(409, f"the uid is {metadata['uid']}", reason="Conflict")
            if resource == PODS and grace != 0:
                own = obj.get("spec", {}).get("terminationGracePeriodSeconds", 30)
                metadata["deletionGracePeriodSeconds"] = own if grace is None else grace
                metadata["deletionTimestamp"] = _stamp(self.clock.wall() + own)
                return self.put(resource, obj)
            if resource in (DEPLOYMENTS, NAMESPACES) or metadata.get("finalizers"):
                metadata["deletionTimestamp"] = _stamp(self.clock.wall())
                return self.put(resource, obj)
            self.remove(resource, metadata.get("namespace", ""), name)
            return {"kind": "Status", "status": "Success"}

    def evict(
        self, pod: str, namespace: str, *, grace: int | None = None, dry_run: bool = False
    ) -> Object:
        self._call("POST", PODS.path(namespace, pod, "eviction"))
        with self._lock:
            there = self._have(PODS, pod, namespace)
            for budget in self.find(BUDGETS, namespace):
                if selects(budget, there):
                    self._debit(budget)
            return self.take(PODS, pod, namespace, grace=grace)

    def _debit(self, budget: Object) -> None:
        name, left = budget["metadata"]["name"], budget["status"]["disruptionsAllowed"]
        if left < 1:
            cause = {
                "reason": "DisruptionBudget",
                "message": f"The disruption budget {name} is low",
            }
            raise errors.Throttled(429, "Cannot evict pod", status={"details": {"causes": [cause]}})
        self.change(
            BUDGETS,
            budget["metadata"]["namespace"],
            name,
            lambda obj: obj["status"].update(disruptionsAllowed=left - 1),
        )

    @contextmanager
    def view(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> Iterator[View]:
        self._call("GET", resource.path(namespace) + "?watch")
        view = FakeView(self, resource, namespace, labels)
        self._views.append(view)
        try:
            yield view
        finally:
            self._views.remove(view)

    def resource(self, api_version: str, kind: str) -> Resource:
        for resource in KNOWN:
            if (resource.api_version, resource.kind) == (api_version, kind):
                return resource
        raise errors.Invalid(404, f"{kind} of {api_version} is not served")

    def resources(self) -> Sequence[Resource]:
        return KNOWN

    def server_version(self) -> str:
        return "v1.36.2"


def merged(old: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(old) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _stamp(wall: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
