"""What a killed snapshot left is found, and nothing else is taken for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from resilience.backup.format import layout
from resilience.backup.plans.lifecycle import make
from resilience.backup.plans.pruning import StartedOver, unfinished
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from tests.backup.fakes import FakeClock, shop
from tests.backup.plans.shop_plan import KEYS, PLAN, clocked, due_run


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


def test_a_scheduled_run_says_what_it_does_not_continue() -> None:
    clock, scheduled = clocked()
    make(PLAN, shop(), scheduled, name="cut", clock=clock, keys=KEYS)
    scheduled.delete(layout.marker("cut"))
    clock.wait(600)
    report = due_run(shop(), scheduled, clock)
    assert report.made
    [line] = report.started_over
    assert line.startswith("snapshot cut is unfinished, last written to on ")
    assert f"{report.made.name} started from the beginning" in line
    assert due_run(shop(), scheduled, clock).started_over == []  # nothing was due


def test_what_was_deleted_since_is_not_told_as_unfinished(store: MemoryStore) -> None:
    store.delete(layout.marker("a"))
    before = StartedOver(store)
    assert len(before.lines("b")) == 1
    for entry in list(store.list(layout.directory("a"))):
        store.delete(entry.key)
    assert before.lines("b") == []


def test_only_one_that_has_saved_a_volume_is_to_be_continued(store: MemoryStore) -> None:
    store.delete(layout.marker("a"))
    [line] = StartedOver(store).lines("b")
    assert "--continue" not in line
    assert "`resilience backup prune` deletes the other one a day after" in line
    store.put(layout.saved_volume("a", "shop", "data"), b"a record")
    [line] = StartedOver(store).lines("b")
    assert "`resilience backup create --continue a` with the same plan or options" in line
    assert "backup prune` deletes what nothing was written to for a day" in line


def test_one_whose_own_name_was_taken_again_was_not_left(store: MemoryStore) -> None:
    store.delete(layout.marker("a"))
    assert StartedOver(store).lines("a") == []
