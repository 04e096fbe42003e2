"""What a killed snapshot left is found, and nothing else is taken for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from resilience.backup.format import layout
from resilience.backup.plans.pruning import unfinished
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from tests.backup.fakes import FakeClock, shop


@pytest.fixture
def store() -> MemoryStore:
    """One snapshot."""
    made = MemoryStore()
    create(Request(name="a", scope=Scope(namespaces=("shop",))), shop(), made, clock=FakeClock())
    return made


def test_a_snapshot_is_unfinished_until_its_marker_is_there(store: MemoryStore) -> None:
    assert unfinished(store) == []
    store.delete(layout.marker("a"))
    assert [each.name for each in unfinished(store)] == ["a"]


def test_a_run_killed_after_the_archive_is_recognized_by_it(store: MemoryStore) -> None:
    for entry in list(store.list()):
        if entry.key != layout.archive("a"):
            store.delete(entry.key)
    assert [each.name for each in unfinished(store)] == ["a"]


def test_what_another_program_has_not_finished_is_not_ours(store: MemoryStore) -> None:
    store.put(layout.directory("of-velero") + "of-velero.tar.gz", b"not begun by this program")
    assert unfinished(store) == []


def test_only_what_was_not_written_to_since_then(store: MemoryStore) -> None:
    store.delete(layout.marker("a"))
    newest = unfinished(store)[0].newest
    assert unfinished(store, newest) == []
    assert len(unfinished(store, newest + timedelta(microseconds=1))) == 1
