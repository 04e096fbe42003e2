"""The store: every object of the sandbox in memory, with one version counter for all of them.

A write is one step, its version is higher than any before, and its `Change` reaches every
subscriber in commit order, also when a subscriber writes itself. Objects are never changed in place
(see `api.py`); an object's JSON bytes are made once, on first use. Lists are sorted by namespace
and name without sorting; `spec.nodeName` and owners' uids are indexed. A bounded ring of changes
per resource lets watches resume. It implements no rules of Kubernetes; the registry does.
"""

from __future__ import annotations

import json
import marshal
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from resilience.sandbox.kube.api import Change, Obj, Resource
from resilience.sandbox.store.history import History

Key = tuple[str, str]
"""Namespace ("" for cluster-scoped kinds) and name."""

HISTORY = 4096
"""Changes kept per resource: a client that reads a page of 500 and then watches is never late."""


def clone(obj: Any) -> Any:
    """A deep copy of plain JSON, far faster than `copy.deepcopy`; ValueError for other types."""
    return marshal.loads(marshal.dumps(obj))


_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""Made once: `json.dumps` makes an encoder per call. Objects that came as JSON have no circles."""


def encode(obj: Any) -> bytes:
    """Compact JSON."""
    return _ENCODE(obj).encode()


class Record:
    """One stored version of an object, with its bytes once they were needed."""

    __slots__ = ("_body", "key", "obj", "version")

    def __init__(self, key: Key, obj: Obj, version: int) -> None:
        self.key = key
        self.obj = obj
        self.version = version
        self._body: bytes | None = None

    @property
    def body(self) -> bytes:
        if self._body is None:
            self._body = encode(self.obj)
        return self._body


@dataclass(slots=True)
class Table:
    """All objects of one resource. `keys` is sorted."""

    resource: Resource
    history: History
    records: dict[Key, Record] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    by_node: dict[str, dict[Key, None]] = field(default_factory=dict)
    by_owner: dict[str, dict[Key, None]] = field(default_factory=dict)
    subscribers: list[Callable[[Change], None]] = field(default_factory=list)

    def scope(self, namespace: str | None) -> Sequence[Key]:
        """Sorted keys of one namespace, or of all for None."""
        if namespace is None:
            return self.keys
        start = bisect_left(self.keys, (namespace, ""))
        return self.keys[start : bisect_left(self.keys, (namespace + "\0", ""))]

    def after(self, version: int) -> Iterator[Change]:
        """Kept changes newer than `version`, oldest first."""
        return self.history.after(version)

    @property
    def lost(self) -> int:
        """The newest version from which no watch may start, because a later change was dropped."""
        return self.history.lost


class Store:
    """See the module. `history` bounds each resource's ring."""

    def __init__(self, *, history: int = HISTORY) -> None:
        self.version = 1
        self._history = history
        self._tables: dict[tuple[str, str], Table] = {}
        self._pending: deque[tuple[Table, Change]] = deque()
        self._dispatching = False

    def table(self, resource: Resource) -> Table:
        """The table of a resource, shared by all its versions; created on first use."""
        key = (resource.group, resource.plural)
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = Table(resource, History(resource, self._history))
        return table

    def tables(self) -> list[Table]:
        """Every table that was ever used."""
        return list(self._tables.values())

    def drop(self, resource: Resource) -> None:
        """Forget a resource whose definition was deleted; its objects must be gone already."""
        self._tables.pop((resource.group, resource.plural), None)

    def put(self, resource: Resource, obj: Obj) -> Record:
        """Commit `obj`, which the store now owns; stamps its resourceVersion."""
        table = self.table(resource)
        metadata = obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        old = table.records.get(key)
        record = table.records[key] = Record(key, obj, self.version)
        if old is None:
            insort(table.keys, key)
        _reindex(table, key, old.obj if old else None, obj)
        self._commit(
            table,
            Change(
                type="MODIFIED" if old else "ADDED",
                resource=table.resource,
                obj=obj,
                old=old.obj if old else None,
                version=self.version,
            ),
        )
        return record

    def remove(self, resource: Resource, key: Key, last: Obj | None = None) -> Obj:
        """Remove an object; the DELETED change carries its last state at the removal's version."""
        table = self.table(resource)
        record = table.records.pop(key)
        table.keys.pop(bisect_left(table.keys, key))
        _reindex(table, key, record.obj, None)
        self.version += 1
        state = last if last is not None else record.obj
        gone = {**state, "metadata": {**state["metadata"], "resourceVersion": str(self.version)}}
        self._commit(
            table,
            Change(
                type="DELETED",
                resource=table.resource,
                obj=gone,
                old=record.obj,
                version=self.version,
            ),
        )
        return gone

    def subscribe(
        self, resource: Resource, callback: Callable[[Change], None]
    ) -> Callable[[], None]:
        """Call back for every later change of a resource; returns cancel."""
        subscribers = self.table(resource).subscribers
        subscribers.append(callback)

        def cancel() -> None:
            if callback in subscribers:
                subscribers.remove(callback)

        return cancel

    def _commit(self, table: Table, change: Change) -> None:
        table.history.append(change)
        self._pending.append((table, change))
        if not self._dispatching:
            self._dispatch()

    def _dispatch(self) -> None:
        """Notify subscribers. A write inside a callback waits its turn here, so that no
        subscriber sees it before the change that caused it."""
        self._dispatching = True
        try:
            while self._pending:
                table, change = self._pending.popleft()
                for callback in tuple(table.subscribers):
                    callback(change)
        finally:
            self._dispatching = False


def _reindex(table: Table, key: Key, old: Obj | None, new: Obj | None) -> None:
    """Move `key` between index entries where the indexed value changed."""
    for index, read in ((table.by_node, _node), (table.by_owner, _owners)):
        before = read(old) if old is not None else ()
        after = read(new) if new is not None else ()
        if before == after:
            continue
        for value in before:
            entries = index.get(value)
            if entries is not None:
                entries.pop(key, None)
                if not entries:
                    del index[value]
        for value in after:
            index.setdefault(value, {})[key] = None


def _node(obj: Obj) -> tuple[str, ...]:
    """A Pod's node; only Pods have `spec.nodeName`."""
    if obj.get("kind") != "Pod":
        return ()
    name = (obj.get("spec") or {}).get("nodeName")
    return (cast(str, name),) if name else ()


def _owners(obj: Obj) -> tuple[str, ...]:
    """The uids of all owners, controller or not."""
    references = obj["metadata"].get("ownerReferences") or ()
    return tuple(reference.get("uid", "") for reference in references)
