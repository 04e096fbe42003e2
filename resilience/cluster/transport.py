"""`HttpCluster`: the `Cluster` of the interface over HTTP, for real clusters and the sandbox alike.

Objects stay raw JSON: typed models cost seven times as much and drop fields that they do not know.
Nothing is retried here; a caller that wants to wait reads `retry_after` of the error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self

from resilience.cluster.access.access import Access
from resilience.cluster.capabilities.means import SANDBOX, Means
from resilience.cluster.connection.log_lines import opened
from resilience.cluster.connection.wire import Gate, Wire
from resilience.cluster.discovery import ROOTS, Discovery
from resilience.cluster.errors import (
    ApiError,
    ClusterError,
    Gone,
    NotFound,
    ServerTrouble,
    Unreachable,
)
from resilience.cluster.interface import FOLLOWED, PODS, Object, Resource, View
from resilience.cluster.permit.door import Door, Permit
from resilience.cluster.requests.command import Command, Result, Sink
from resilience.cluster.requests.request import Middleware, Request
from resilience.cluster.sharing import Shared
from resilience.cluster.watching import written

if TYPE_CHECKING:
    from resilience.cluster.connection.websocket import WebSocket

MANAGER = "pytest-resilience"
"""This project's name in managedFields."""

PAGE = 500
"""Objects per page, as in kubectl."""

PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}

_DRY_RUN = {"dryRun": "All"}


class HttpCluster:
    """One cluster through one `Access`. Close it, or use it as a context manager."""

    def __init__(self, access: Access, *, run: str = "", gate: Gate | None = None) -> None:
        self.access = access
        self._means = SANDBOX if access.sandbox else Means()
        self._around: Middleware | None = None
        self._agent = f"run {run}" if run else ""
        self._wire = Wire(access, gate)
        self._door = Door(peek=self._live, free=access.sandbox)
        self._discovery = Discovery()
        self._shared = Shared(self._wire, self._agent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all views and idle connections."""
        self._shared.close()
        self._wire.close()

    @property
    def context(self) -> str:
        """Name for people."""
        return "sandbox" if self.access.sandbox else self.access.context

    @property
    def is_sandbox(self) -> bool:
        """Whether this is the embedded cluster."""
        return self.access.sandbox

    @property
    def means(self) -> Means:
        """What can be done to it beside its API; `equipped` says more."""
        return self._means

    @property
    def server(self) -> str:
        """As its access says."""
        return self.access.server

    def equipped(self, means: Means) -> HttpCluster:
        """The same cluster with other means. Closing it closes the original."""
        other = copy(self)
        other._means = means
        return other

    def ended(self) -> str:
        """Why it has ended permanently; "" while it has not."""
        return self.access.ended()

    def server_version(self) -> str:
        """gitVersion of /version."""
        return str(self.send(Request("GET", "/version")).get("gitVersion", ""))

    def date(self) -> str:
        """The API server's Date header, unparsed; "" without one."""
        response = self._wire.open(Request("GET", "/version"), self._agent)
        response.close()
        return str(response.headers.get("Date") or "")

    def now(self) -> float:
        """The API server's time, in seconds since the epoch; this host's if it sends none."""
        told = self._wire.clock.at(time.monotonic())
        if told is None:
            self.date()
            told = self._wire.clock.at(time.monotonic())
        return time.time() if told is None else told

    def send(self, request: Request) -> Object:
        """One request, one JSON answer. No retries."""
        return self._send(request) if self._around is None else self._around(request, self._send)

    def _send(self, request: Request) -> Object:
        what = request.method, request.path, request.query, request.body
        self._door.check(*what)
        try:
            answer = self._wire.send(request, self._agent)
        except (Unreachable, ServerTrouble):
            self._wrote(written.lost(*what, time.monotonic()))
            raise
        self._wrote(written.answered(*what, answer, time.monotonic()))
        return answer

    def _wrote(self, write: written.Write | None) -> None:
        if write is not None:
            self._shared.wrote(write)

    def through(self, around: Middleware, agent: str = "") -> HttpCluster:
        """The same cluster over the same connections, views and discovery, with `around` wrapped
        around every request: it may wait, change, refuse or repeat. `agent` goes into the
        User-Agent. Closing it closes the original."""
        other = copy(self)
        other._around = around
        other._agent = agent or self._agent
        return other

    def under(self, *permits: Permit) -> HttpCluster:
        """The same cluster, restricted to requests that one of `permits` covers. Closing it
        closes the original."""
        other = copy(self)
        other._door = Door(peek=self._live, permits=permits)
        return other

    def recording(self, rules_nodes: Callable[[Any], bool]) -> HttpCluster:
        """The same cluster and permits, for writing the objects of a snapshot: any of its Roles and
        bindings may be restored, and what `rules_nodes` where the permits cover that."""
        other = copy(self)
        permits = tuple(replace(each, as_recorded=True) for each in self._door.permits)
        other._door = replace(self._door, permits=permits, rules_nodes=rules_nodes)
        return other

    def _live(self, resource: Resource, name: str, namespace: str) -> Object | None:
        try:
            return self._wire.send(Request("GET", resource.path(namespace, name)), self._agent)
        except NotFound:
            return None

    def logs(
        self, pod: str, namespace: str, query: Mapping[str, str] = FOLLOWED
    ) -> AbstractContextManager[Iterator[bytes]]:
        """The lines of a Pod's log."""
        path = PODS.path(namespace, pod, "log")
        self._door.check("GET", path, query, None)
        return opened(self._wire, path, query, self._agent)

    def exec(
        self,
        command: Command,
        *,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Result:
        """Run a command in a container, as `kubectl exec` does."""
        from resilience.cluster.connection import container_exec

        return container_exec.run(self, command, stdout=stdout, stderr=stderr, cancelled=cancelled)

    def answered(self, path: str, *, timeout: float = 30.0) -> int:
        """The HTTP status that a proxy path of the API server returns, whatever it is. ApiError
        where the API server itself answered."""
        self._door.check("GET", path, {}, None)
        try:
            response = self._wire.open(
                Request("GET", path, accept="*/*", timeout=timeout), self._agent
            )
        except ApiError as error:
            if error.status.get("kind") == "Status":
                raise
            return error.code
        response.close()
        return int(response.status)

    def websocket(self, path: str, protocols: Sequence[str]) -> WebSocket:
        """For `resilience.cluster.connection.container_exec`."""
        self._door.check("CONNECT", path, {}, None)
        return self._wire.websocket(path, protocols, self._agent)

    def unreachable(self, request: str, error: Exception) -> ClusterError:
        """The failure in a sentence that names the server and the context."""
        return self._wire.unreachable(request, error)

    def _get(self, path: str, accept: str) -> Object:
        """For discovery. A group's own server may be away for good: only the roots are waited
        for."""
        request = Request("GET", path, accept=accept)
        return self._read(request) if path in ROOTS else self._wire.send(request, self._agent)

    def _read(self, request: Request) -> Object:
        """Not through the door, and as patiently as all that this caller asks."""

        def send(request: Request) -> Object:
            return self._wire.send(request, self._agent)

        return send(request) if self._around is None else self._around(request, send)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        """NotFound when absent."""
        return self.send(Request("GET", resource.path(namespace, name)))

    def list(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> Sequence[Object]:
        """All objects. A list whose continuation expired halfway is started again, once."""
        try:
            return self._list(resource, namespace, labels, fields)
        except Gone:
            return self._list(resource, namespace, labels, fields)

    def _list(
        self, resource: Resource, namespace: str, labels: str, fields: str
    ) -> Sequence[Object]:
        found: list[Object] = []
        for page in self.pages(resource, namespace, labels=labels, fields=fields):
            found += items(page, resource)
        return found

    def pages(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = PAGE,
    ) -> Iterator[Object]:
        """The raw List answers; Gone when the continuation expired between two pages."""
        query = {"limit": str(limit)} | selectors(labels, fields)
        while True:
            page = self.send(
                Request("GET", resource.path(namespace), query=dict(query), timeout=60.0)
            )
            yield page
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = str(token)

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        """POST."""
        path = resource.path(namespace or _namespace(body))
        return self.send(Request("POST", path, body=body, query=_DRY_RUN if dry_run else {}))

    def replace(self, resource: Resource, body: Object, *, subresource: str = "") -> Object:
        """PUT; Conflict when metadata.resourceVersion is stale."""
        path = resource.path(_namespace(body), body["metadata"]["name"], subresource)
        return self.send(Request("PUT", path, body=body))

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
        """PATCH."""
        query = dict(_DRY_RUN) if dry_run else {}
        if type == "apply":
            query |= {"fieldManager": MANAGER, "force": "true" if force else "false"}
        path, content = resource.path(namespace, name, subresource), PATCH_TYPES[type]
        return self.send(Request("PATCH", path, body=body, query=query, content_type=content))

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
        """DELETE, with the uid as a precondition."""
        options: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        options |= _grace(grace, dry_run)
        return self.send(Request("DELETE", resource.path(namespace, name), body=options))

    def evict(
        self, pod: str, namespace: str, *, grace: int | None = None, dry_run: bool = False
    ) -> Object:
        """POST eviction."""
        body: Object = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        if options := _grace(grace, dry_run):
            body["deleteOptions"] = options
        return self.send(Request("POST", PODS.path(namespace, pod, "eviction"), body=body))

    def view(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> AbstractContextManager[View]:
        """A shared live copy; entering it has listed once, and raises what that list met."""
        return self._shared.view((resource, namespace, labels, fields), self._read)

    def resource(self, api_version: str, kind: str) -> Resource:
        """From discovery."""
        return self._discovery.resource(api_version, kind, self._get)

    def resources(self) -> Sequence[Resource]:
        """All preferred listable resources."""
        return self._discovery.resources(self._get)


def items(page: Object, resource: Resource) -> list[Object]:
    """The objects of one List, each with the apiVersion and kind that lists leave out."""
    kinds = {"apiVersion": resource.api_version, "kind": resource.kind}
    return [{**kinds, **item} for item in page.get("items") or ()]


def selectors(labels: str, fields: str) -> dict[str, str]:
    """The query parameters of label and field selectors."""
    named = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in named.items() if value}


def _namespace(body: Object) -> str:
    return str((body.get("metadata") or {}).get("namespace") or "")


def _grace(grace: int | None, dry_run: bool) -> Object:
    options: Object = {} if grace is None else {"gracePeriodSeconds": grace}
    return options | ({"dryRun": ["All"]} if dry_run else {})
