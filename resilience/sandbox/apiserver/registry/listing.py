"""Lists: selection, resource version rules, pages with continue tokens, bytes in chunks.

Sources: k8s.io/apiserver/pkg/storage (continue.go, errors), handlers/get.go. A list is a snapshot:
records are immutable, so holding references is enough, also for the later pages of a limited list.
Snapshots are few and expire like compacted versions do; an expired token gets 410 and a token to
continue inconsistently. Long work yields to the loop every few milliseconds.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from resilience.sandbox.apiserver.request.query_options import ListOptions, too_large_version
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Clock, Resource
from resilience.sandbox.store.store import Key, Record, Store, Table

_SNAPSHOTS = 64
_SNAPSHOT_SECONDS = 300.0
_SLICE = 0.004
_CHUNK = 1 << 17
_TOKEN = "meta.k8s.io/v1"


Shown = Callable[[Sequence[Record]], Awaitable[Sequence[Record]]]
"""Records as the version of a request shows them."""


async def as_stored(records: Sequence[Record]) -> Sequence[Record]:
    """For kinds whose objects have one form."""
    return records


@dataclass(frozen=True, slots=True)
class Page:
    """The content of one list answer, before encoding."""

    records: Sequence[Record]
    version: int
    token: str = ""
    remaining: int | None = None


class Lister:
    """Serves pages from one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._snapshots: OrderedDict[tuple[object, ...], tuple[float, list[Record]]] = OrderedDict()
        self._expiring = False

    @property
    def held(self) -> int:
        """How many snapshots are kept for later pages."""
        return len(self._snapshots)

    async def page(
        self,
        table: Table,
        namespace: str | None,
        options: ListOptions,
        shown: Shown = as_stored,
    ) -> Page:
        """One page; ApiError 400, 410 or 504."""
        page = await self._page(table, namespace, options, shown)
        return page if options.selective else replace(page, records=await shown(page.records))

    async def _page(
        self, table: Table, namespace: str | None, options: ListOptions, shown: Shown
    ) -> Page:
        if options.token:
            return await self._next_page(table, namespace, options, shown)
        version = self._store.version
        if options.version is not None and options.version > version:
            raise too_large_version(options.version, version)
        if options.match == "Exact" and options.version != version:
            raise refusals.expired(
                f"The resourceVersion for the provided list is too old: {options.version}"
                if (options.version or 0) <= table.lost
                else f"The resourceVersion {options.version} is no longer held"
            )
        found = await select(table, namespace, options, shown)
        # Version "0" is answered from the cache, which ignores the limit: as in the real server.
        if not options.limit or len(found) <= options.limit or options.version == 0:
            return Page(found, version)
        return self._cut(table, namespace, found, 0, version, options)

    def _cut(
        self,
        table: Table,
        namespace: str | None,
        found: list[Record],
        start: int,
        version: int,
        options: ListOptions,
    ) -> Page:
        end = start + options.limit if options.limit else len(found)
        page = found[start:end]
        if end >= len(found):
            return Page(page, version)
        self._remember(_snapshot_key(table, namespace, version, options), found)
        return Page(
            page,
            version,
            token=encode_token(version, page[-1].key),
            remaining=None if options.selective else len(found) - end,
        )

    def _remember(self, key: tuple[object, ...], found: list[Record]) -> None:
        if key in self._snapshots:
            return  # It expires even if it is requested often, like a version before compaction.
        self._snapshots[key] = (self._clock.monotonic(), found)
        if len(self._snapshots) > _SNAPSHOTS:
            self._snapshots.popitem(last=False)
        if not self._expiring:
            self._expire()

    def _expire(self) -> None:
        """Drop old snapshots: each holds every object that was deleted since."""
        now = self._clock.monotonic()
        while self._snapshots:
            left = next(iter(self._snapshots.values()))[0] + _SNAPSHOT_SECONDS - now
            if left > 0:
                break
            self._snapshots.popitem(last=False)
        self._expiring = bool(self._snapshots)
        if self._expiring:
            self._clock.call_later(left, self._expire)

    async def _next_page(
        self, table: Table, namespace: str | None, options: ListOptions, shown: Shown
    ) -> Page:
        version, after = decode_token(options.token)
        if version < 0:
            current = self._store.version
            found = await select(table, namespace, options, shown)
            return self._cut(table, namespace, found, _position(found, after), current, options)
        key = _snapshot_key(table, namespace, version, options)
        held = self._snapshots.get(key)
        if held is None or self._clock.monotonic() - held[0] > _SNAPSHOT_SECONDS:
            self._snapshots.pop(key, None)
            raise _too_old(after)
        found = held[1]
        return self._cut(table, namespace, found, _position(found, after), version, options)


def _snapshot_key(
    table: Table, namespace: str | None, version: int, options: ListOptions
) -> tuple[object, ...]:
    return table.resource.group, table.resource.plural, version, namespace, options.selector_text


def _position(found: Sequence[Record], after: Key) -> int:
    return bisect_right(found, after, key=lambda record: record.key)


def _too_old(after: Key) -> ApiError:
    error = refusals.expired(
        "The provided continue parameter is too old to display a consistent list result. You can"
        " start a new list without the continue parameter, or use the continue token in this"
        " response to retrieve the remainder of the results. Continuing with the provided token"
        " results in an inconsistent list - objects that were created, modified, or deleted between"
        " the time the first chunk was returned and now may show up in the list."
    )
    error.token = encode_token(-1, after)
    return error


def encode_token(version: int, after: Key) -> str:
    """A continue token in the real server's own form."""
    start = f"{after[0]}/{after[1]}\0" if after[0] else f"{after[1]}\0"
    text = json.dumps({"v": _TOKEN, "rv": version, "start": start})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str) -> tuple[int, Key]:
    """Version and the last key that was sent; ApiError 400."""
    try:
        padded = token + "=" * (-len(token) % 4)
        value = json.loads(base64.urlsafe_b64decode(padded.encode()))
        namespace, _, name = value["start"].rstrip("\0").rpartition("/")
        if value["v"] != _TOKEN or isinstance(value["rv"], bool):
            raise ValueError("unknown version")
        return int(value["rv"]), (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise refusals.bad_request(
            "invalid continue token: continue key is not valid: illegal base64 data at input byte 0"
        ) from None


async def select(
    table: Table, namespace: str | None, options: ListOptions, shown: Shown = as_stored
) -> list[Record]:
    """Records in scope that pass the selectors; an index is used if a field selector allows it.
    Without a selector they are as they are stored, else as `shown` gives them."""
    records = table.records
    keys = _keys(table, namespace, options)
    if not options.selective:
        return [records[key] for key in keys]
    held = await shown([records[key] for key in keys if key in records])
    found: list[Record] = []
    deadline = time.perf_counter() + _SLICE
    for at, record in enumerate(held):
        if options.selects(record.obj):
            found.append(record)
        if at % 256 == 255 and time.perf_counter() > deadline:
            await asyncio.sleep(0)
            deadline = time.perf_counter() + _SLICE
    return found


def _keys(table: Table, namespace: str | None, options: ListOptions) -> Sequence[Key]:
    node = options.fields.exact("spec.nodeName")
    if node and (table.resource.group, table.resource.plural) == ("", "pods"):
        keys = sorted(table.by_node.get(node, ()))
        return [key for key in keys if namespace is None or key[0] == namespace]
    name = options.fields.exact("metadata.name")
    inside = options.fields.exact("metadata.namespace") if namespace is None else namespace
    if name is not None and (inside is not None or not table.resource.namespaced):
        key = (inside or "", name)
        return [key] if key in table.records else []
    return list(table.scope(namespace if namespace is not None else inside or None))


def list_head(resource: Resource, page: Page, kind: str = "", api_version: str = "") -> bytes:
    """The list's JSON up to and including the opening of `items`."""
    metadata: dict[str, Any] = {"resourceVersion": str(page.version)}
    if page.token:
        metadata["continue"] = page.token
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    head = {
        "kind": kind or f"{resource.kind}List",
        "apiVersion": api_version or resource.api_version,
        "metadata": metadata,
    }
    return json.dumps(head, separators=(",", ":"))[:-1].encode() + b',"items":['


async def chunks(
    head: bytes, records: Sequence[Record], encode: Callable[[Record], bytes], tail: bytes = b"]}"
) -> AsyncIterator[bytes]:
    """A whole list's bytes in pieces of about 128 KiB, yielding to the loop in between."""
    parts, size = [head], len(head)
    deadline = time.perf_counter() + _SLICE
    for at, record in enumerate(records):
        data = encode(record)
        if at:
            parts.append(b",")
        parts.append(data)
        size += len(data) + 1
        if size >= _CHUNK:
            yield b"".join(parts)
            parts, size = [], 0
        if time.perf_counter() > deadline:
            await asyncio.sleep(0)
            deadline = time.perf_counter() + _SLICE
    parts.append(tail)
    yield b"".join(parts)
