"""A list that is behind the content: nothing is deleted for it, nothing called broken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data import external_data
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    Archived,
    NoSnapshot,
    StoreError,
    StoreUnreachable,
    Withheld,
)
from resilience.backup.plans.pruning import sweep
from resilience.backup.restic import restic
from resilience.backup.store.base import Entry
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.store_lock import Lock
from tests.backup.fakes import FakeClock, shop
from tests.backup.plans.shop_plan import begun, clocked, due_run
from tests.backup.restore.restoring import stored


class Late(MemoryStore):
    """Lists `unseen` not yet and `gone` still."""

    def __init__(self, held: MemoryStore | None = None) -> None:
        super().__init__()
        self.unseen, self.gone = frozenset[str](), list[str]()
        if held:
            self.files, self._modified = held.files, held._modified

    def wait_a_year(self) -> None:
        self._now = lambda: NEXT_YEAR

    def list(self, prefix: str = "") -> Iterator[Entry]:
        still = [Entry(key=key, size=1, modified=datetime.now(UTC)) for key in self.gone]
        there = [each for each in super().list(prefix) if each.key not in self.unseen]
        found = there + [each for each in still if each.key.startswith(prefix)]
        return iter(sorted(found, key=lambda each: each.key))


class Frozen(Late):
    """Its markers are in an archive class."""

    problem: StoreError = Archived("its marker")

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        if key == layout.marker("one") and key in self.files:
            raise self.problem
        return super().stream(key, version)


class Closed(Frozen):
    """The key of its markers is disabled."""

    problem = Withheld("its marker")


NEXT_YEAR = datetime.now(UTC) + timedelta(days=400)


@pytest.mark.parametrize("kind", [Late, Frozen, Closed])
def test_a_whole_snapshot_whose_marker_is_not_listed_is_never_swept(kind: type[Late]) -> None:
    store = kind(stored(shop()))
    store.unseen = frozenset({layout.marker("one")})
    before = dict(store.files)
    store.wait_a_year()
    assert [*sweep(store, NEXT_YEAR)] == []
    assert store.files == before
    del store.files[layout.marker("one")]
    assert [*sweep(store, NEXT_YEAR)] == ["one: unfinished, deleted"]


def test_a_snapshot_whose_marker_is_not_listed_is_not_called_interrupted() -> None:
    store = Late(stored(shop()))
    store.unseen = frozenset({layout.marker("one")})
    with pytest.raises(StoreUnreachable, match="snapshot one exists, but the store does not list"):
        opened(store, "one")
    del store.files[layout.marker("one")]
    with pytest.raises(NoSnapshot, match="is unfinished"):
        opened(store, "one")


def test_a_run_of_the_same_second_takes_another_name_and_deletes_nothing() -> None:
    clock, plain = clocked()
    store = Late()
    store._now = plain._now
    first = due_run(shop(), store, clock).made
    assert first
    store.unseen = frozenset({layout.marker(first.name)})
    again = due_run(shop(), store, clock).made
    assert again
    assert again.name == f"{first.name}-2"
    store.unseen = frozenset()
    assert verify(opened(store, first.name)).intact


class Engine:
    """Streams of two snapshots; remembers what it was to forget."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def recorded(self) -> dict[str, datetime]:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        return {layout.directory(name) + "data": long_ago for name in ("one", "lost")}

    def forget(self, keys: list[str]) -> None:
        self.forgotten += keys

    def free(self) -> None:
        """Nothing to do."""


def test_data_of_a_snapshot_that_is_not_listed_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    store, engine = Late(stored(shop())), Engine()
    store.put(layout.RESTIC + "/config", b"")
    store.unseen = frozenset(key for key in store.files if key.startswith("backups/one/"))
    monkeypatch.setattr(restic, "repository", lambda store: engine)
    day = timedelta(days=1)
    external_data.swept(store, (), datetime.now(UTC), after=day, dry_run=False)
    assert engine.forgotten == ["backups/lost/data"]


def test_a_lock_record_that_is_only_listed_ends_in_one_line() -> None:
    store = Late()
    store.gone = [f"{layout.locks('plan-p')}{7:012d}.json"]
    with pytest.raises(StoreUnreachable, match=r"000007.json, the record of a lock, but does not"):
        Lock(store, "plan-p", "me", clock=FakeClock()).take()


def test_remains_without_a_marker_are_still_recognized() -> None:
    store = Late()
    store.put(layout.archive("cut"), begun())
    store.wait_a_year()
    assert [*sweep(store, NEXT_YEAR)] == ["cut: unfinished, deleted"]
