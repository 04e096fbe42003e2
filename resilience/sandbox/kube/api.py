"""The seam inside the API server process: the calls that controllers make, and their results.

The HTTP layer and every controller go through one implementation of `Api`, so that a controller's
write passes the same admission, validation and versioning as a client's. Everything here runs in
one thread on one event loop: calls are synchronous and never block.

Objects are plain JSON mappings. An object from the store is never changed in place: `copy.deepcopy`
it (or rebuild the path you change) first. Readers and cached bytes rely on that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Obj = dict[str, Any]
"""One API object as JSON; treat what you did not make yourself as read-only."""

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
Subresource = Literal[
    "", "status", "scale", "binding", "eviction", "finalize", "ephemeralcontainers", "resize"
]
PatchType = Literal["merge", "json", "strategic", "apply"]


@dataclass(frozen=True, slots=True)
class Resource:
    """One served resource, e.g. group "apps", version "v1", plural "deployments"."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """An object's `apiVersion`: "v1", "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class Change:
    """One committed write, in commit order; `old` is None for ADDED."""

    type: EventType
    resource: Resource
    obj: Obj
    old: Obj | None
    version: int


class ApiError(Exception):
    """A refusal with the `Status` a real API server would send.

    `code` is the HTTP status, `reason` the machine word ("NotFound", "Conflict", "Invalid" ...),
    `details` the Status' details, `retry_after` whole seconds for the header of that name.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.retry_after = retry_after
        self.token = ""
        """The continue token that a 410 on an expired list offers."""


class NoAnswerYet(ApiError):
    """A webhook is being asked about a controller's write, which is tried again: no failure, and
    nothing to tell anyone."""


class Clock(Protocol):
    """Time as an argument. The sandbox's `--time-scale` and the tests' virtual time are clocks."""

    def now(self) -> float:
        """Wall time, seconds since the epoch, in the sandbox's own (maybe scaled) time."""

    def monotonic(self) -> float:
        """Monotonic seconds in the sandbox's own time."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Run `callback` after `delay` sandbox seconds on the loop; returns a cancel function."""


class Api(Protocol):
    """Typed by `Resource`; every method raises `ApiError` with the real API server's answer."""

    def resource(self, plural: str, group: str = "") -> Resource:
        """The served resource of that plural name in its preferred version; KeyError if unknown."""

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        """ApiError 404 when absent. `namespace` is "" for cluster-scoped kinds."""

    def find(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """Like `get`, None when absent."""

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        node: str | None = None,
        owner: str | None = None,
    ) -> Sequence[Obj]:
        """Objects sorted by namespace and name; `namespace` None means all.

        `labels` is matchLabels; `node` (Pods, spec.nodeName) and `owner` (controller's uid) are
        indexed and cost only what they return.
        """

    def dependents(self, uid: str) -> Iterator[tuple[Resource, Obj]]:
        """Every object of any kind with an ownerReference to `uid`, controller or not; indexed."""

    def served(self) -> Sequence[Resource]:
        """Every stored resource in its preferred version, custom ones included."""

    def create(self, resource: Resource, obj: Obj) -> Obj:
        """Returns the stored object with uid, resourceVersion, defaults."""

    def update(self, resource: Resource, obj: Obj, subresource: Subresource = "") -> Obj:
        """Full replace; 409 Conflict when metadata.resourceVersion is given and stale.

        A write that changes nothing returns the stored object and creates no new version. With
        "status" only `status` counts; with "scale", "binding" and "eviction" `obj` is a Scale, a
        Binding (`target.name` is the node) or an Eviction whose metadata names the object.
        """

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Any,
        *,
        type: PatchType = "merge",
        subresource: Subresource = "",
    ) -> Obj:
        """Apply a patch to the latest version (retried inside, so it never answers 409)."""

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        grace: int | None = None,
        uid: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
    ) -> Obj:
        """Begin or finish deletion by the rules of rules 3.7 and 3.11."""

    def subscribe(
        self, resource: Resource, callback: Callable[[Change], None]
    ) -> Callable[[], None]:
        """Call back for every later change, in order, right after its commit; returns cancel."""

    def event(
        self,
        about: Obj,
        *,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        component: str,
    ) -> None:
        """Record a Kubernetes Event about an object; repeats raise its count."""
