"""What every controller receives: the API, the clock, the queue, and the shared Pod index.

`watch` replays what exists as ADDED before it subscribes, so a controller has one code path for the
past and the future. No object can vanish unwatched: the store is in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from resilience.sandbox.kube.api import Api, ApiError, Change, Clock, Obj, Resource
from resilience.sandbox.kube.object_edits import key_of, owner_key
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.pod_index import PodIndex
from resilience.sandbox.reconcile.runner import Reconciler, Runner
from resilience.sandbox.reconcile.volume_directories import Directories, NoDirectories

Issue = Callable[[bytes, Sequence[str], float], str]
"""A certificate, as PEM, for a request (PEM), its usages and its seconds; ValueError."""


@dataclass(slots=True)
class Context:
    """Shared by all controllers of one API server."""

    api: Api
    clock: Clock
    runner: Runner
    root_ca: str = ""
    issue: Issue | None = None
    directories: Directories = field(default_factory=NoDirectories)
    pods: PodIndex = field(default_factory=PodIndex)
    _kinds: dict[tuple[str, str], Resource] = field(default_factory=dict)
    _cancels: list[Callable[[], None]] = field(default_factory=list)

    def kind(self, plural: str, group: str = "") -> Resource:
        """The served resource, remembered."""
        found = self._kinds.get((plural, group))
        if found is None:
            found = self._kinds[plural, group] = self.api.resource(plural, group)
        return found

    def watch(self, resource: Resource, callback: Callable[[Change], None]) -> None:
        """Call back for every existing object, then for every change, until `close`."""
        for obj in self.api.list(resource):
            version = int(obj["metadata"]["resourceVersion"])
            callback(Change("ADDED", resource, obj, None, version))
        self._cancels.append(self.api.subscribe(resource, callback))

    def close(self) -> None:
        """End all watches and the queue."""
        for cancel in self._cancels:
            cancel()
        self._cancels.clear()
        self.runner.stop()


class Controller:
    """Base of a controller: a name for Events, its keys in the queue, one `reconcile`.

    Subclasses subscribe in `start` and do all their work in `reconcile`, which must be safe to
    run at any time and twice.
    """

    name = ""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.api = context.api
        self.clock = context.clock

    def start(self) -> None:
        """Subscribe to changes that make this controller's keys dirty."""
        raise NotImplementedError

    def reconcile(self, key: Key) -> float | None:
        """See `Reconciler.reconcile`."""
        raise NotImplementedError

    def enqueue(self, key: Key) -> None:
        """Reconcile a key soon."""
        self.context.runner.add(self, key)

    def enqueue_after(self, key: Key, delay: float) -> None:
        """Reconcile a key after some sandbox seconds."""
        self.context.runner.add_after(self, key, delay)

    def enqueue_object(self, change: Change) -> None:
        """A watch callback: the changed object itself."""
        self.enqueue(key_of(change.obj))

    def enqueue_owner(self, resource: Resource) -> Callable[[Change], None]:
        """A watch callback: the controller, of one kind, of the changed object, old and new."""

        def callback(change: Change) -> None:
            for obj in (change.obj, change.old):
                key = owner_key(obj, resource) if obj is not None else None
                if key is not None:
                    self.enqueue(key)

        return callback

    def event(self, about: Obj, reason: str, message: str, *, warning: bool = False) -> None:
        """Record an Event of this controller about an object."""
        self.api.event(
            about,
            type="Warning" if warning else "Normal",
            reason=reason,
            message=message,
            component=self.name,
        )


__all__ = ["Context", "Controller", "Reconciler"]


def unless_gone(write: Callable[[], object]) -> bool:
    """Write, and whether that was possible: an object that is gone, or another one of that name,
    needs no write."""
    try:
        write()
    except ApiError as error:
        if error.code not in (404, 409):
            raise
        return False
    return True
