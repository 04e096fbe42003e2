"""One promise, every store: created once, whole, gone when deleted.

With CONTRACT_STORES (URLs, separated by spaces) the same is asked of real stores or of emulators,
as `make referee-stores` does.
"""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.format import layout
from resilience.backup.format.errors import Exists, Missing
from resilience.backup.store import Store, open_store
from resilience.backup.store.create_only import require_create_only
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from tests.backup.fakes import FakeClock, shop
from tests.backup.store.trial import LARGE, in_memory, uploaded

_BEYOND = os.environ.get("CONTRACT_STORES", "").split()


@pytest.fixture(params=["memory", "file", "moto", "obstore", *_BEYOND])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    match request.param:
        case "memory":
            return MemoryStore()
        case "file":
            return open_store(f"file:{tmp_path}/data")
        case "moto":
            found: Store = request.getfixturevalue("bucket")
            return found
        case "obstore":
            return in_memory()
    url, _, query = request.param.partition("?")
    return open_store(f"{url.rstrip('/')}/{uuid.uuid4().hex}{f'?{query}' if query else ''}")


def test_what_is_written_comes_back(store: Store) -> None:
    store.put("backups/a/small.json", b"{}")
    uploaded(store, "backups/a/large", LARGE)
    uploaded(store, "backups/a/empty", b"")
    assert store.read("backups/a/small.json") == b"{}"
    assert store.read("backups/a/empty") == b""
    assert b"".join(store.stream("backups/a/large")) == LARGE
    assert [(each.key, each.size) for each in store.list("backups/a/")] == [
        ("backups/a/empty", 0),
        ("backups/a/large", len(LARGE)),
        ("backups/a/small.json", 2),
    ]
    assert [each.key for each in store.list("backups/a/sm")] == ["backups/a/small.json"]
    assert list(store.directories()) == ["backups"]


def test_a_key_is_created_once(store: Store) -> None:
    store.put("backups/a/x", b"first")
    with pytest.raises(Exists):
        store.put("backups/a/x", b"second")
    with pytest.raises(Exists):
        uploaded(store, "backups/a/x", b"third")
    with pytest.raises(Exists):
        uploaded(store, "backups/a/x", LARGE)
    assert store.read("backups/a/x") == b"first"
    assert [each.key for each in store.list()] == ["backups/a/x"]
    require_create_only(store)


def test_an_upload_that_is_given_up_leaves_nothing(store: Store) -> None:
    with store.upload("backups/a/x") as upload:
        upload.write(LARGE)
    assert list(store.list()) == []
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0


def test_a_missing_key_is_missing_and_a_deleted_one_is_gone(store: Store) -> None:
    with pytest.raises(Missing, match="backups/a/none"):
        store.read("backups/a/none")
    store.delete("backups/a/none")
    store.put("backups/a/x", b"1")
    store.delete("backups/a/x")
    assert list(store.list()) == []


def test_a_snapshot_lies_in_every_store(store: Store) -> None:
    request = Request(name="one", scope=Scope(namespaces=("shop",)))
    create(request, shop(), store, clock=FakeClock())
    assert verify(opened(store, "one")).intact
    assert set(store.directories()) <= layout.KNOWN_DIRECTORIES
