"""One watch over HTTP: initial events, changes, bookmarks, its end; JSON, Table or metadata only.

Source: k8s.io/apiserver/pkg/endpoints/handlers/watch.go. Errors after the headers were sent are
ERROR events, as in the watch protocol.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from resilience.sandbox.apiserver.kinds import aliases
from resilience.sandbox.apiserver.registry.listing import select
from resilience.sandbox.apiserver.request.negotiate import Form
from resilience.sandbox.apiserver.request.query_options import ListOptions
from resilience.sandbox.apiserver.tables import render
from resilience.sandbox.apiserver.watch.watch_lens import Lens
from resilience.sandbox.apiserver.watch.watching import (
    BOOKMARK_SECONDS,
    Encoded,
    Hub,
    Watcher,
    batches,
)
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Change, EventType, Obj, Resource
from resilience.sandbox.store.store import Record, Table, encode

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_LONGEST = (1800.0, 3600.0)
"""A watch without a timeout ends by itself, as the real server's do."""
_SLICE = 0.004
_INITIAL_END = "k8s.io/initial-events-end"


class _Encoder:
    """Bytes of whole watch events for one client."""

    def __init__(self, table: Table, resource: Resource, form: Form, registry: Registry) -> None:
        self._resource = resource
        self._form = form
        self._registry = registry
        self._alias = aliases.is_alias(resource)
        custom = registry.versions.find(resource) is not None
        self._stored = custom or (not self._alias and table.resource.version == resource.version)
        self._columns_sent = form.view != "Table"
        self._name = f"{form.view}{form.include}{resource.api_version}"

    def change(self, kind: EventType, encoded: Encoded) -> bytes:
        """One queued change. Its bytes are cached, so that watchers with the same form share the
        work."""
        key = (self._name, kind)
        line = encoded.lines.get(key)
        if line is None or not self._columns_sent:
            line = self.event(kind, self._member(kind, encoded))
            if self._columns_sent:
                encoded.lines[key] = line
            self._columns_sent = True
        return line

    def initial(self, record: Record) -> bytes:
        """One object of the initial state."""
        change = Change(
            type="ADDED", resource=self._resource, obj=record.obj, old=None, version=record.version
        )
        return self.change("ADDED", Encoded(change, record))

    def _member(self, kind: EventType, encoded: Encoded) -> bytes:
        change = encoded.change
        if kind == "DELETED" and change.type != "DELETED":
            # The object left this watch's selection: its last selected state, at this version.
            old = change.old or change.obj
            version = change.obj["metadata"]["resourceVersion"]
            return self.object(
                {**old, "metadata": {**old["metadata"], "resourceVersion": version}}, None
            )
        return self.object(change.obj, encoded.body if self._stored else None)

    def object(self, obj: Obj, body: Callable[[], bytes] | None) -> bytes:
        """The `object` member of an event; `body` gives the bytes of the object itself."""
        if self._form.view == "Table":
            return self._table(obj, body)
        if self._form.view:
            return encode(render.partial(obj))
        if body is not None:
            return body()
        if self._alias:
            return encode(aliases.to_alias(obj))
        return encode({**obj, "apiVersion": self._resource.api_version})

    def _table(self, obj: Obj, body: Callable[[], bytes] | None) -> bytes:
        printer = self._registry.printer(self._resource)
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        head = render.head(metadata, None if self._columns_sent else printer.columns)
        now = self._registry.clock.now()
        include = self._form.include
        inside = body() if body is not None and include == "Object" else None
        return head + render.row_bytes(printer, obj, include, now, inside) + b"]}"

    def bookmark(self, version: int, *, initial_end: bool = False) -> bytes:
        """A BOOKMARK, in the client's form."""
        metadata: dict[str, object] = {"resourceVersion": str(version), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {_INITIAL_END: "true"}
        if self._form.view == "Table":
            # A Table's one row carries the object that clients read the annotation from.
            obj = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
            }
            row = encode({"cells": [], "object": obj})
            head = render.head({"resourceVersion": str(version)}, None)
            return self.event("BOOKMARK", head + row + b"]}")
        kind, api_version = self._resource.kind, self._resource.api_version
        if self._form.view:
            kind, api_version = "PartialObjectMetadata", "meta.k8s.io/v1"
        return self.event(
            "BOOKMARK", encode({"kind": kind, "apiVersion": api_version, "metadata": metadata})
        )

    @staticmethod
    def event(kind: str, data: bytes) -> bytes:
        return b'{"type":"' + kind.encode() + b'","object":' + data + b"}\n"


async def serve(
    request: web.BaseRequest,
    hub: Hub,
    table: Table,
    resource: Resource,
    namespace: str | None,
    options: ListOptions,
    form: Form,
    registry: Registry,
) -> web.StreamResponse:
    """Answer one watch until its timeout, the client's end or the server's."""
    encoder = _Encoder(table, resource, form, registry)
    response = web.StreamResponse(headers={"Cache-Control": "no-cache, private"})
    response.content_type = "application/json"
    lens = Lens.of(registry.versions, resource, options)
    try:
        watcher = hub.open(table, namespace, options, whole=lens is not None)
    except ApiError as error:
        return await refuse(request, error)
    try:
        # The state is that of this moment, however long its selection takes: later changes arrive
        # as events.
        version = registry.store.version
        first = await _state(table, namespace, options, lens) if _wants_state(options) else []
        watcher.after = max(watcher.after, version if _wants_state(options) else 0)
        watcher.queue = type(watcher.queue)(
            entry for entry in watcher.queue if entry[1].change.version > watcher.after
        )
        await response.prepare(request)
        await _begin(response, first, encoder)
        if options.initial_events and options.bookmarks:
            await response.write(encoder.bookmark(version, initial_end=True))
        await _follow(request, response, watcher, encoder, options, registry, lens)
        await response.write_eof()
    except (ConnectionResetError, ConnectionError):
        pass
    finally:
        hub.close(table, watcher)
    return response


async def refuse(request: web.BaseRequest, error: ApiError) -> web.StreamResponse:
    """A watch that ends before it began: one ERROR event."""
    response = web.StreamResponse(headers={"Cache-Control": "no-cache, private"})
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(_Encoder.event("ERROR", encode(refusals.status_of(error))))
    await response.write_eof()
    return response


def _wants_state(options: ListOptions) -> bool:
    """Whether the watch begins with the current state as ADDED events."""
    if options.initial_events is not None:
        return options.initial_events
    return not options.version


async def _state(
    table: Table, namespace: str | None, options: ListOptions, lens: Lens | None
) -> Sequence[Record]:
    if lens is None:
        return await select(table, namespace, options)
    found = await select(table, namespace, options, lens.first)
    return found if options.selective else await lens.first(found)


async def _begin(
    response: web.StreamResponse, records: Sequence[Record], encoder: _Encoder
) -> None:
    """The present objects as ADDED events; yields to the loop every few milliseconds."""
    pieces: list[bytes] = []
    deadline = time.perf_counter() + _SLICE
    for record in records:
        pieces.append(encoder.initial(record))
        if time.perf_counter() > deadline:
            await response.write(b"".join(pieces))
            await asyncio.sleep(0)
            pieces, deadline = [], time.perf_counter() + _SLICE
    if pieces:
        await response.write(b"".join(pieces))


async def _follow(
    request: web.BaseRequest,
    response: web.StreamResponse,
    watcher: Watcher,
    encoder: _Encoder,
    options: ListOptions,
    registry: Registry,
    lens: Lens | None,
) -> None:
    timeout = options.timeout or random.uniform(*_LONGEST)
    deadline = asyncio.get_running_loop().time() + timeout
    async for batch in batches(watcher, deadline, BOOKMARK_SECONDS):
        if batch:
            try:
                seen = batch if lens is None else await lens.events(batch)
            except ApiError:
                return  # What cannot be converted ends the watch: its client lists again.
            await response.write(b"".join([encoder.change(kind, item) for kind, item in seen]))
        elif request.transport is None:
            return  # The client is gone, and no event has revealed it.
        elif options.bookmarks:
            await response.write(encoder.bookmark(registry.store.version))
    if options.bookmarks and not watcher.ended:
        await response.write(encoder.bookmark(registry.store.version))
