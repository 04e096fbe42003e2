"""Follows one collection: list, watch from there, and start over when that is lost.

Survives everything an API server may do: refusals, resets, an expired watch (410), a restart.
Handlers are called in order on the event loop and must not block.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from resilience.sandbox.kube.api import ApiError, EventType, Obj
from resilience.sandbox.wire.api_client import Client

FIRST_WAIT = 0.02
LONGEST_WAIT = 2.0


@dataclass(slots=True)
class Reflector:
    """`on_change(type, obj, old)` for every change, the first list's objects as ADDED.

    After a gap, objects that disappeared meanwhile are reported DELETED with their last known
    state. `keep` returns the part of an object to remember (by default all of it).
    """

    client: Client
    path: str
    on_change: Callable[[EventType, Obj, Obj | None], None]
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    known: dict[str, Obj] = field(default_factory=dict)
    _version: str = ""

    async def run(self) -> None:
        """Follow the collection until cancelled."""
        wait = FIRST_WAIT
        while True:
            try:
                if not self._version:
                    await self._list()
                    self.synced.set()
                wait = FIRST_WAIT
                await self._watch()
            except (ApiError, ConnectionError, FileNotFoundError, json.JSONDecodeError) as error:
                if isinstance(error, ApiError) and error.code == 410:
                    self._version = ""
                    continue
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    async def _list(self) -> None:
        answer = await self.client.get(self.path)
        gone = dict(self.known)
        kind = answer.get("kind", "List").removesuffix("List")
        for obj in answer["items"]:
            obj.setdefault("kind", kind)
            obj.setdefault("apiVersion", answer.get("apiVersion", "v1"))
            old = gone.pop(obj["metadata"]["uid"], None)
            self._apply("ADDED" if old is None else "MODIFIED", obj)
        for obj in gone.values():
            self._apply("DELETED", obj)
        self._version = answer["metadata"]["resourceVersion"]

    async def _watch(self) -> None:
        question = "&" if "?" in self.path else "?"
        path = f"{self.path}{question}watch=1&allowWatchBookmarks=true"
        async for event in self.client.watch(f"{path}&resourceVersion={self._version}"):
            obj = event["object"]
            if event["type"] == "ERROR":
                raise ApiError(obj.get("code", 500), obj.get("reason", ""), obj.get("message", ""))
            self._version = obj["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._apply(event["type"], obj)

    def _apply(self, kind: Literal["ADDED", "MODIFIED", "DELETED"], obj: Obj) -> None:
        uid = obj["metadata"]["uid"]
        old = self.known.pop(uid, None)
        if kind != "DELETED":
            self.known[uid] = obj
        self.on_change(kind, obj, old)
