"""Custom resources in several versions: the stored form, and how each served version shows it.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go. An object is stored
in the version that was the storage version when it was written. When it is read, it is pruned, gets
the defaults of the version that it is stored in, is converted to the version of the request, and is
pruned again. The sandbox's own parts see objects as they are stored. Conversions are cached while
object and definition stay the same.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from resilience.sandbox.apiserver.custom.converter import Answers, Converter
from resilience.sandbox.apiserver.custom.custom_definition import Custom
from resilience.sandbox.apiserver.webhooks.unanswered import settled
from resilience.sandbox.kube.api import Obj, Resource
from resilience.sandbox.kube.call import SYSTEM, Call
from resilience.sandbox.schema import structural
from resilience.sandbox.store.store import Record, clone

_KEPT = 4096
"""Maximum number of objects whose converted form is cached."""
_AT_ONCE = 16
"""Number of objects of one list that are converted concurrently."""
_Key = tuple[str, str, str, int]


class CustomVersions:
    """`find` gives the definition behind a resource, None for a built-in kind."""

    def __init__(self, find: Callable[[Resource], Custom | None], converter: Converter) -> None:
        self.find = find
        self._converter = converter
        self._kept: OrderedDict[_Key, Record | None] = OrderedDict()

    def encoded(self, resource: Resource, obj: Obj, call: Call) -> Obj:
        """The stored form of an object in a request; raises ApiError 500, Unanswered."""
        custom = self.find(resource)
        if custom is None or call is SYSTEM or obj["apiVersion"] == custom.stored_in:
            return obj
        return self._converted(custom, obj, custom.stored_in, call.answers)

    def shown(self, resource: Resource, obj: Obj, call: Call) -> Obj:
        """A stored object as a request sees it; ApiError 500, Unanswered."""
        custom = self.find(resource)
        if custom is None or call is SYSTEM:
            return obj
        return self._seen(custom, resource, obj, call.answers)

    def answer(self, resource: Resource, stored: Obj, call: Call) -> Obj:
        """An object that is about to be stored, as the request sees it; raises ApiError 500,
        Unanswered."""
        custom = self.find(resource)
        if custom is None or call is SYSTEM or stored["apiVersion"] == resource.api_version:
            return stored
        decoded = _decoded(custom, stored)
        return self._converted(custom, decoded, resource.api_version, call.answers)

    async def records(self, resource: Resource, records: Sequence[Record]) -> Sequence[Record]:
        """Stored records as a version shows them; ApiError 500."""
        custom = self.find(resource)
        if custom is None:
            return records
        found: list[Record] = []
        for at in range(0, len(records), _AT_ONCE):
            found += await asyncio.gather(
                *(self._record(custom, resource, each) for each in records[at : at + _AT_ONCE])
            )
        return found

    async def object(self, resource: Resource, obj: Obj) -> Obj:
        """The same for any state of an object."""
        custom = self.find(resource)
        if custom is None:
            return obj
        answers: dict[str, Any] = {}
        return await settled(lambda: self._seen(custom, resource, obj, answers), answers)

    async def _record(self, custom: Custom, resource: Resource, record: Record) -> Record:
        key = _key(custom, resource, record.obj)
        seen = await self.object(resource, record.obj)
        if seen is record.obj:
            return record
        return self._kept.get(key) or Record(record.key, seen, record.version)

    def _seen(self, custom: Custom, resource: Resource, obj: Obj, answers: Answers) -> Obj:
        key = _key(custom, resource, obj)
        if key not in self._kept:
            seen = self._converted(custom, _decoded(custom, obj), resource.api_version, answers)
            self._keep(key, obj, seen)
        self._kept.move_to_end(key)
        kept = self._kept[key]
        return obj if kept is None else kept.obj

    def _keep(self, key: _Key, obj: Obj, seen: Obj) -> None:
        metadata = obj["metadata"]
        place = (metadata.get("namespace", ""), metadata["name"])
        version = int(metadata.get("resourceVersion") or 0)
        self._kept[key] = None if seen == obj else Record(place, seen, version)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def _converted(self, custom: Custom, obj: Obj, target: str, answers: Answers) -> Obj:
        found = self._converter.convert(custom, obj, target, answers)
        if found is obj:
            return obj
        fresh: Obj = clone(found)
        schema = custom.schema(target)
        if schema is not None:
            structural.prune(schema, fresh)
        return fresh


def _decoded(custom: Custom, obj: Obj) -> Obj:
    """A stored object, pruned and with the defaults of its version: a schema may have changed."""
    schema = custom.schema(obj["apiVersion"])
    if schema is None:
        return obj
    fresh: Obj = clone(obj)
    structural.prune(schema, fresh)
    structural.default(schema, fresh)
    return fresh


def _key(custom: Custom, resource: Resource, obj: Obj) -> _Key:
    metadata = obj["metadata"]
    return (
        metadata.get("uid", ""),
        metadata.get("resourceVersion", ""),
        resource.api_version,
        custom.epoch,
    )
