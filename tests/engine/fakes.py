"""A cluster in memory and a clock that jumps: the fast test bed for every path of the engine.

Time is virtual: a wait runs what is scheduled until its condition holds or its deadline comes. The
cluster answers like an API server as far as the engine asks (uids, versions, preconditions, grace
periods, finalizers are honoured) and can be told to answer with errors.
"""

from __future__ import annotations

import copy
import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any

from resilience.cluster import errors
from resilience.cluster.capabilities import processes
from resilience.cluster.capabilities.means import SANDBOX, Means
from resilience.cluster.interface import (
    BUDGETS,
    CONFIGMAPS,
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    EVENTS,
    JOBS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    REPLICASETS,
    SECRETS,
    SERVICES,
    STATEFULSETS,
    Object,
    Resource,
    View,
    WatchEvent,
)
from resilience.cluster.requests.request import Request
from resilience.drain.budgets import selects
from resilience.kube.selectors import Selector
from tests.twin import Twin
from tests.twin_rules import has_fields

KNOWN = (
    BUDGETS,
    CRONJOBS,
    CONFIGMAPS,
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    EVENTS,
    JOBS,
    LEASES,
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
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
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

    def at(self, moment: float, what: Callable[[], object]) -> None:
        with self._shared._lock:
            heapq.heappush(self._shared._queue, (moment, next(self._shared._ids), what))

    def after(self, seconds: float, what: Callable[[], object]) -> None:
        self.at(self.monotonic() + seconds, what)

    def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        """As `RealClock`: the last time is at the deadline or after it."""
        while True:
            self._check()
            asked = self.monotonic()
            if holds():
                return True
            if asked >= deadline:
                return False
            self._shared._advance(deadline)

    def _advance(self, deadline: float) -> None:
        with self._lock:
            if self._queue and self._queue[0][0] <= deadline:
                moment, _, what = heapq.heappop(self._queue)
                self.now = max(self.now, moment)
                what()
            else:
                self.now = max(self.now, deadline)


class FakeView:
    def __init__(
        self, cluster: FakeCluster, resource: Resource, namespace: str, labels: str, fields: str
    ) -> None:
        self._cluster, self._resource, self._namespace = cluster, resource, namespace
        self._selector = Selector.parse(labels) if labels else None
        self._fields = fields
        self._listeners: list[Callable[[WatchEvent], None]] = []

    def objects(self) -> Sequence[Object]:
        return self._cluster.find(self._resource, self._namespace, self._selector, self._fields)

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

    @property
    def trouble(self) -> str:
        return ""

    def hear(self, resource: Resource, event: WatchEvent) -> None:
        if resource == self._resource and self._selects(event.object):
            for listener in tuple(self._listeners):
                listener(event)

    def _selects(self, obj: Object) -> bool:
        metadata = obj["metadata"]
        if self._namespace not in ("", metadata.get("namespace")):
            return False
        if self._selector is not None and not self._selector.matches(metadata.get("labels") or {}):
            return False
        return has_fields(obj, self._fields)


Fault = Callable[[str, str], "Exception | None"]

METHODS = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "replace": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}


class FakeCluster(Twin):
    """`resilience.cluster.interface.Cluster` on virtual time, with watches, grace and evictions.

    `calls` are the requests so far; `faults` are asked before each and may give an error to raise;
    `hooks` hear of every change, as controllers do.
    """

    context = "fake"
    is_sandbox = True

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(KNOWN)
        self.means = SANDBOX
        self.clock = clock
        self.calls: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.hooks: list[Callable[[Resource, str, Object], None]] = []
        self._views: list[FakeView] = []
        for name in ("kube-system", "default", "shop"):
            self.put(NAMESPACES, {"metadata": {"name": name}})

    def as_real(self, means: Means | None = None) -> None:
        """A real cluster from now on, with these means."""
        self.is_sandbox, self.means = False, means or Means()

    def dump(self) -> list[tuple[str, str, str]]:
        """kind, namespace, name of everything but Events, which end by themselves."""
        there = [(self.served[kind].kind, where, name) for kind, where, name in self.objects]
        return sorted(each for each in there if each[0] != "Event")

    def stamp(self) -> str:
        return _stamp(self.clock.wall())

    def changed(self, resource: Resource, kind: str, obj: Object) -> None:
        event = WatchEvent(kind, copy.deepcopy(obj), self.clock.monotonic())
        for view in tuple(self._views):
            view.hear(resource, event)
        for hook in self.hooks:
            hook(resource, kind, obj)

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
        named = "" if verb in ("list", "create") else name
        self._call(METHODS[verb], resource.path(namespace, named, subresource))

    def _call(self, method: str, path: str) -> None:
        self.calls.append((method, path))
        self.clock.tick()
        for fault in tuple(self.faults):
            if error := fault(method, path):
                raise error

    def send(self, request: Request) -> Object:
        method, path, body = request.method, request.path, request.body
        if path == processes.FAULT:
            self._call(method, path)
            return self._crash(body)
        if method == "PUT" and path.startswith("/apis/coordination.k8s.io/"):
            return self.replace(LEASES, body)
        if method == "POST":
            resource, namespace = self._collection(path)
            return self.create(resource, body, namespace)
        if method == "GET" and path.startswith("/openapi/"):
            raise errors.NotFound(404, f"no such path: {path}")
        if method == "GET" and path.startswith("/api/v1/nodes/"):
            return self.get(NODES, path.rpartition("/")[2])
        raise AssertionError(f"not served here: {method} {path}")

    def _crash(self, body: Any) -> Object:
        def crash(pod: Object) -> None:
            for status in pod["status"]["containerStatuses"]:
                status["restartCount"] += 1
            pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]

        self.change(PODS, body["namespace"], body["pod"], crash)
        return {}

    def _collection(self, path: str) -> tuple[Resource, str]:
        for resource in self.served.values():
            tail = path.partition("/namespaces/")[2]
            namespace = tail.partition("/")[0] if "/" in tail else ""
            if resource.path(namespace) == path:
                return resource, namespace
        raise errors.NotFound(404, f"no such path: {path}")

    def take(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        *,
        grace: int | None = None,
        propagation: str = "",
    ) -> Object:
        """A deletion by whoever needs no network for it, such as the controllers."""
        with self._lock:
            obj = copy.deepcopy(self.have(resource, name, namespace))
            metadata = obj["metadata"]
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
            there = self.have(PODS, pod, namespace)
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
        view = FakeView(self, resource, namespace, labels, fields)
        self._views.append(view)
        try:
            yield view
        finally:
            self._views.remove(view)


def _stamp(wall: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
