"""Snapshots of a shop, restored in one call."""

from __future__ import annotations

from typing import Any

from resilience.backup.catalog.catalog import opened
from resilience.backup.restore.outcome import RestoreReport
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.interface import Object
from tests.backup.fakes import (
    FakeClock,
    FakeCluster,
)


def stored(cluster: FakeCluster, *namespaces: str) -> MemoryStore:
    store = MemoryStore()
    scope = Scope(namespaces=namespaces or ("shop",))
    create(Request(name="one", scope=scope), cluster, store, clock=FakeClock())
    return store


def brought_back(
    store: MemoryStore, target: FakeCluster, clock: FakeClock | None = None, **options: Any
) -> RestoreReport:
    settings: dict[str, Any] = {"name": "back", "workers": 4} | options
    request = RestoreRequest(**settings)
    return restore(request, opened(store, "one"), target, clock=clock or FakeClock())


def created(target: FakeCluster) -> list[str]:
    return [kind for verb, kind, _, _ in target.requests if verb == "create"]


def owned(obj: Object, owner: Object, *, controller: bool = False) -> Object:
    obj["metadata"]["ownerReferences"] = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "controller": controller,
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
    ]
    return obj
