"""The writes of this process, and which of them a view has not shown yet. Pure: no I/O, no threads.

The API server answers a write at once, while a watch shows it later. A view that is read in between
would show the cluster as it was before the write. Each answer says what a view has to show first:
the object's resourceVersion, or, if the answer is only a Status (a deletion, an eviction), that the
object with that name is gone or terminating. A write whose answer was lost, and one whose version
is not a number, is only shown by a list that began after it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.cluster.copy import Copy
from resilience.cluster.interface import Object, WatchEvent
from resilience.kube import objects

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})

STORED = frozenset(
    {"", "status", "scale", "eviction", "ephemeralcontainers", "resize", "finalize", "approval"}
)
"""Subresources whose requests change the stored object; the others (exec, proxy, token) do not."""

REMEMBERED = 1000
"""Names of deleted objects that a view remembers: an event may arrive before the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What a request path names. `name` is "" for a collection."""

    group: str
    plural: str
    namespace: str
    name: str
    subresource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write. `version` None and not `gone`: only a later list can show it. `answered` is
    monotonic seconds; `object` is what the server sent back, None when that was only a Status."""

    address: Address
    answered: float
    uid: str = ""
    version: int | None = None
    gone: bool = False
    object: Object | None = None


def address(path: str) -> Address | None:
    """None for a path that names no stored object."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"]:
        group, rest = "", parts[2:]
    elif parts[:1] == ["apis"]:
        group, rest = "".join(parts[1:2]), parts[3:]
    else:
        return None
    namespace = ""
    inside = len(rest) > 2 and (len(rest) > 3 or rest[2] not in ("status", "finalize"))
    if rest[:1] == ["namespaces"] and inside:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest[:3], "", "", "")[:3]
    if not plural or subresource not in STORED:
        return None
    return Address(
        group=group, plural=plural, namespace=namespace, name=name, subresource=subresource
    )


def answered(
    method: str, path: str, query: Mapping[str, str], body: Any, answer: Object, now: float
) -> Write | None:
    """What an answered request wrote; None when it stored nothing."""
    where = _writes(method, path, query, body)
    if where is None:
        return None
    if not where.name and method == "DELETE":
        return Write(address=where, answered=now)
    if where.subresource == "eviction" or answer.get("kind") == "Status":
        details = answer.get("details") or {}
        return Write(address=where, answered=now, uid=str(details.get("uid") or ""), gone=True)
    if not objects.uid(answer) and not objects.metadata(answer).get("resourceVersion"):
        return None  # a review is answered and not stored
    return Write(
        address=_named(where, answer),
        answered=now,
        uid=objects.uid(answer),
        version=number(objects.metadata(answer).get("resourceVersion")),
        object=answer if where.subresource != "scale" else None,
    )


def lost(method: str, path: str, query: Mapping[str, str], body: Any, now: float) -> Write | None:
    """What a request without an answer may have written; None when it could write nothing."""
    where = _writes(method, path, query, body)
    return None if where is None else Write(address=where, answered=now)


def number(version: object) -> int | None:
    """A resourceVersion as Kubernetes compares them (KEP-5504); None if it is not a number."""
    text = str(version or "")
    return int(text) if text.isdecimal() else None


def _writes(method: str, path: str, query: Mapping[str, str], body: Any) -> Address | None:
    if method not in WRITING or query.get("dryRun"):
        return None
    if isinstance(body, Mapping):
        options = body.get("deleteOptions") or {}
        if (method == "DELETE" and body.get("dryRun")) or options.get("dryRun"):
            return None
    return address(path)


def _named(where: Address, answer: Object) -> Address:
    """A creation is sent to a collection; its answer has the name."""
    return Address(
        group=where.group,
        plural=where.plural,
        namespace=objects.namespace(answer) or where.namespace,
        name=objects.name(answer) or where.name,
        subresource=where.subresource,
    )


class Unseen:
    """The writes that one view has not shown yet. `selects` None: the view contains every
    object."""

    def __init__(self, namespace: str, selects: Callable[[Object], bool] | None = None) -> None:
        self._namespace = namespace
        self._selects = selects
        self._waiting: list[Write] = []
        self._gone: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def names(self) -> str:
        """The objects, for messages."""
        return ", ".join(sorted({each.address.name or "a lost write" for each in self._waiting}))

    def expect(self, write: Write, copy: Copy, version: str) -> None:
        """Wait for it, unless the view, which has shown everything up to `version`, shows it."""
        if self._concerns(write, copy) and not self._shown(write, copy, version):
            self._waiting.append(write)

    def told(self, event: WatchEvent) -> None:
        """The view has passed this event to all listeners."""
        key = _key(event.object)
        if event.type == "DELETED":
            self._gone[key] = None
            if len(self._gone) > REMEMBERED:
                self._gone.popitem(last=False)
        elif event.type != "BOOKMARK":
            self._gone.pop(key, None)
        if self._waiting:
            self._waiting = [each for each in self._waiting if not _shows(event, each)]

    def listed(self, began: float, version: str) -> None:
        """The view has shown a list that was requested at `began`."""
        self._waiting = [
            each for each in self._waiting if each.answered > began and not _reached(version, each)
        ]

    def _concerns(self, write: Write, copy: Copy) -> bool:
        where = write.address
        if self._namespace not in ("", where.namespace):
            return False
        if self._selects is None or not where.name:
            return True
        held = copy.by_name(where.namespace, where.name) is not None
        if held or any(_same(each.address, where) for each in self._waiting):
            return True
        return write.object is not None and self._selects(write.object)

    def _shown(self, write: Write, copy: Copy, version: str) -> bool:
        where = write.address
        if any(_same(each.address, where) for each in self._waiting):
            return False  # not before earlier writes
        if not write.gone:
            return _reached(version, write)
        there = copy.by_name(where.namespace, where.name)
        if there is None:
            return (where.namespace, where.name) in self._gone
        return _is_gone(there, write)


def _reached(version: str, write: Write) -> bool:
    seen = number(version)
    return write.version is not None and seen is not None and seen >= write.version


def _shows(event: WatchEvent, write: Write) -> bool:
    if write.gone:
        if _key(event.object) != (write.address.namespace, write.address.name):
            return False
        return event.type == "DELETED" or _is_gone(event.object, write)
    return _reached(objects.resource_version(event.object), write)


def _is_gone(there: Object, write: Write) -> bool:
    other = bool(write.uid) and objects.uid(there) != write.uid
    return objects.is_terminating(there) or other


def _same(one: Address, other: Address) -> bool:
    return bool(one.name) and (one.namespace, one.name) == (other.namespace, other.name)


def _key(obj: Object) -> tuple[str, str]:
    return objects.namespace(obj), objects.name(obj)
