"""The content of a view: the objects of one list, updated by events. No I/O, no threads.

A fresh list after a gap is turned into the events that were missed (deleted, then changed and
added, by name), so that listeners see every object come and go exactly once. The same name with
another uid is another object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resilience.cluster.interface import Object, WatchEvent
from resilience.kube import objects

Name = tuple[str, str]


class Copy:
    """Objects by namespace and name."""

    def __init__(self) -> None:
        self._objects: dict[Name, Object] = {}
        self._names: dict[str, Name] = {}
        self._sorted: tuple[Object, ...] | None = None

    def objects(self) -> Sequence[Object]:
        """Sorted by namespace and name."""
        if self._sorted is None:
            self._sorted = tuple(self._objects[name] for name in sorted(self._objects))
        return self._sorted

    def by_uid(self, uid: str) -> Object | None:
        """The object with that uid; None once it is gone."""
        name = self._names.get(uid)
        return None if name is None else self._objects[name]

    def by_name(self, namespace: str, name: str) -> Object | None:
        """None when there is no object with that name."""
        return self._objects.get((namespace, name))

    def apply(self, event: WatchEvent) -> Sequence[WatchEvent]:
        """Apply one event; returns the events for listeners: none if it was known already."""
        if event.type == "DELETED":
            return self._gone(event)
        before = self._objects.get(_name(event.object))
        if before is not None and _uid(before) == _uid(event.object):
            if objects.resource_version(before) == objects.resource_version(event.object):
                return ()
            self._put(event.object)
            return (WatchEvent("MODIFIED", event.object, event.received),)
        told = () if before is None else self._gone(WatchEvent("DELETED", before, event.received))
        self._put(event.object)
        return (*told, WatchEvent("ADDED", event.object, event.received))

    def replace(self, listed: Iterable[Object], received: float) -> Sequence[WatchEvent]:
        """Apply a whole new list; returns the events between the old state and it."""
        fresh = {_uid(obj): obj for obj in listed}
        told: list[WatchEvent] = []
        for obj in self.objects():
            if _uid(obj) not in fresh:
                told += self._gone(WatchEvent("DELETED", obj, received))
        for obj in sorted(fresh.values(), key=_name):
            told += self.apply(WatchEvent("ADDED", obj, received))
        return told

    def _put(self, obj: Object) -> None:
        self._objects[_name(obj)] = obj
        self._names[_uid(obj)] = _name(obj)
        self._sorted = None

    def _gone(self, event: WatchEvent) -> Sequence[WatchEvent]:
        name = self._names.pop(_uid(event.object), None)
        if name is None:
            return ()
        del self._objects[name]
        self._sorted = None
        return (event,)


def _name(obj: Object) -> Name:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _uid(obj: Object) -> str:
    # Objects without a uid exist only in tests, where the name identifies them.
    metadata = obj["metadata"]
    return str(metadata.get("uid") or "/".join(_name(obj)))
