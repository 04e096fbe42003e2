"""What a plan keeps, and which leftovers go."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from resilience.backup.catalog.catalog import Snapshot, listed
from resilience.backup.format import layout
from resilience.backup.format.errors import StoreRefused, StoreUnreachable, Undeletable, Withheld
from resilience.backup.plans.cli_output import row
from resilience.backup.plans.lifecycle import make
from resilience.backup.plans.plan_judge import fresh, intact
from resilience.backup.plans.plan_snapshots import of_plan
from resilience.backup.plans.pruning import prune, remove_all, stays, sweep
from resilience.backup.store import Store
from resilience.backup.store.base import Entry, Stored
from resilience.backup.store.memory import MemoryStore
from resilience.model.scenario import Keep
from resilience.model.verdict import Result
from tests.backup.fakes import FakeClock, shop
from tests.backup.plans.shop_plan import KEYS, PLAN, begun, clocked, due_run


def test_prune_keeps_the_plan_and_the_last_verified_and_says_what_it_did() -> None:
    clock, store = clocked()
    for _ in range(4):
        make(
            PLAN,
            shop(),
            store,
            clock=clock,
            keys=KEYS,
            name=layout.stamped_name("shop", clock.now()),
        )
        clock.wait(86400)
    foreign = "backups/velero-daily-20200101000000/velero-backup.json"
    store.put(foreign, b"{}")
    assert prune(PLAN, store, clock=clock, dry_run=True).lines == [
        "shop-20260302020000: would be deleted",
        "shop-20260301020000: would be deleted",
    ]
    assert len(of_plan(store, "shop")) == 4
    prune(PLAN, store, clock=clock)
    assert [each.name for each in of_plan(store, "shop")] == [
        "shop-20260303020000",
        "shop-20260304020000",
    ]
    assert foreign in store.files


def three() -> tuple[FakeClock, MemoryStore, list[str]]:
    """A snapshot a day, each verified when it was made; their names, the oldest first."""
    clock, store = clocked()
    names = [layout.stamped_name("shop", clock.now() + timedelta(days=n)) for n in range(3)]
    for name in names:
        make(PLAN, shop(), store, clock=clock, keys=KEYS, name=name)
        clock.wait(86400)
    return clock, store, names


@pytest.mark.parametrize("cut", [True, False])
def test_a_snapshot_that_lost_a_file_is_no_reason_to_delete_a_good_one(cut: bool) -> None:
    """The newest was verified once; since then its archive was cut, or a lifecycle rule took it."""
    clock, store, names = three()
    archive = layout.archive(names[-1])
    if cut:
        store.files[archive] = store.files[archive][:-1]
    else:
        del store.files[archive]
    pruned = prune(replace(PLAN, keep=Keep(last=1)), store, clock=clock)
    assert pruned.damaged
    what = "has " if cut else "is missing"
    assert pruned.lines[0].startswith(f"{names[2]}: kept: snapshot {names[2]}: {archive} {what}")
    assert pruned.lines[1:] == [f"{names[0]}: deleted"]
    assert [each.name for each in of_plan(store, "shop")] == names[1:]
    found = row(Snapshot(store, next(each for each in listed(store) if each.name == names[2])))
    assert (found.kind, archive in found.damage) == ("damaged", True)


def test_a_snapshot_that_was_never_verified_competes_like_others() -> None:
    clock, store, names = three()
    for key in [key for key in store.files if layout.is_verification(key)]:
        del store.files[key]
    pruned = prune(replace(PLAN, keep=Keep(last=1)), store, clock=clock)
    assert (pruned.damaged, pruned.lines) == (
        False,
        [f"{names[1]}: deleted", f"{names[0]}: deleted"],
    )


class Closed(MemoryStore):
    """Files whose names hold one of `names` are listed and not given out."""

    names: tuple[str, ...] = ()

    def read(self, key: str, version: str = "") -> bytes:
        if any(name in key for name in self.names):
            raise Withheld(f"{key}: its key is disabled")
        return super().read(key, version)


def test_a_snapshot_that_the_store_does_not_give_out_hides_no_other() -> None:
    clock, store, names = three()
    store.__class__, first = Closed, names[0]
    assert isinstance(store, Closed)
    store.names = (f"/{first}/",)
    pruned = prune(replace(PLAN, keep=Keep(last=1)), store, clock=clock)
    assert pruned.damaged
    assert pruned.lines[0] == (f"{first}: kept: {layout.manifest(first)}: its key is disabled")
    assert pruned.lines[1:] == [f"{names[1]}: deleted"]
    rows = [row(Snapshot(store, each)) for each in listed(store)]
    assert [each.kind for each in rows] == ["damaged", "ours"]
    assert fresh(PLAN, store, clock=clock)[0].result is Result.PASSED
    store.names = tuple(f"/{name}/" for name in names)
    rpo = fresh(PLAN, store, clock=clock)[0]
    assert rpo.result is Result.FAILED
    assert rpo.measured == (
        f"none of 2 snapshots counts: {names[2]} cannot be read: {layout.manifest(names[2])}: its "
        "key is disabled"
    )


class Going(MemoryStore):
    """It answers no request once `left` deletions were made; None: it stays."""

    left: int | None = None
    ends: int | None = None

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> Stored:
        """It goes away after `ends` deletions once a verification was recorded."""
        stored = super().put(key, data, retain_until=retain_until)
        if layout.is_verification(key):
            self.left = self.ends
        return stored

    def _ask(self) -> None:
        if self.left is not None and self.left <= 0:
            raise StoreUnreachable(f"{self.url}: connection refused")

    def delete(self, key: str) -> None:
        self._ask()
        super().delete(key)
        if self.left is not None:
            self.left -= 1

    def list(self, prefix: str = "") -> Iterator[Entry]:
        self._ask()
        return super().list(prefix)


@pytest.mark.parametrize("files", [0, 1])
def test_what_was_deleted_is_told_when_the_store_goes_away_in_the_middle(files: int) -> None:
    """The second one loses no file, or its marker."""
    clock, store, names = three()
    first = len(list(store.list(layout.directory(names[1]))))
    store.__class__ = Going
    assert isinstance(store, Going)
    store.left = first + files
    pruned = prune(replace(PLAN, keep=Keep(last=1)), store, clock=clock)
    assert (pruned.failed, pruned.damaged) == (True, False)
    assert pruned.lines == [
        f"{names[1]}: deleted",
        f"{names[0]}: not deleted, or only in part (prune again): {store.url}: connection refused",
    ]
    store.left = None
    clock.wait(86401)
    prune(replace(PLAN, keep=Keep(last=1)), store, clock=clock)
    assert [each.name for each in listed(store)] == names[2:]


def test_the_snapshots_after_the_one_at_which_the_store_went_are_named() -> None:
    store = Going()
    store.put("backups/a/a.tar.gz", b"")
    store.put("backups/b/b.tar.gz", b"")
    store.left = 0
    done = remove_all(store, ["a", "b"])
    assert done["b"] == "not deleted: the store failed before"
    assert all(map(stays, done.values()))


def test_leftovers_that_were_deleted_are_told_when_the_store_goes_away() -> None:
    clock, store, _ = three()
    store.put(layout.archive("cut"), begun())
    store.put(layout.archive("cut-2"), begun())
    clock.wait(100000)
    store.__class__ = Going
    assert isinstance(store, Going)
    store._now = clock.now
    store.left = 2  # the probe of its clock is one
    pruned = prune(replace(PLAN, keep=Keep(last=3)), store, clock=clock)
    assert (pruned.failed, pruned.lines) == (
        True,
        [
            "cut-2: unfinished, deleted",
            f"other leftovers stay: {store.url}: connection refused",
        ],
    )


@pytest.mark.parametrize("files", [0, 1])
def test_a_snapshot_that_was_due_is_told_although_the_store_goes_away_after_it(files: int) -> None:
    """Before it can even be asked what there is, and while old ones are deleted."""
    clock, store, names = three()
    store.put(layout.archive("cut"), begun())
    store.__class__ = Going
    assert isinstance(store, Going)
    store.ends = files
    report = due_run(shop(), store, clock)
    assert report.made is not None
    assert report.failed
    lines = [f"old snapshots stay: {store.url}: connection refused"]
    if files:
        lines = [
            f"{names[1]}: not deleted, or only in part (prune again): {store.url}: "
            "connection refused",
            f"{names[0]}: not deleted: the store failed before",
        ]
    assert report.pruned == lines


class AppendOnly(MemoryStore):
    """Its credentials may write and read, until they are `privileged`."""

    privileged = False

    def delete(self, key: str) -> None:
        if not self.privileged:
            raise Undeletable(f"{key}: access denied")
        super().delete(key)

    def sweep(self, older_than: datetime) -> int:
        if not self.privileged:
            raise StoreRefused("the list of uploads: access denied")
        return super().sweep(older_than)


def test_credentials_that_may_not_delete_take_every_snapshot_that_is_due() -> None:
    """Old snapshots, records of locks and probes of the clock stay."""
    clock, store = FakeClock(), AppendOnly()
    store._now = clock.now
    for _ in range(4):
        clock.wait(86400)
        assert due_run(shop(), store, clock).made
    names = [each.name for each in of_plan(store, "shop")]
    assert len(names) == 4
    pruned = prune(PLAN, store, clock=clock)
    assert pruned.refused
    assert not pruned.damaged
    assert pruned.lines[:2] == [
        f"{name}: not deleted: {layout.marker(name)}: access denied" for name in names[1::-1]
    ]
    assert pruned.lines[2].startswith("unfinished uploads stay: the list of uploads: access denied")
    assert len(of_plan(store, "shop")) == 4
    store.privileged = True
    assert not prune(PLAN, store, clock=clock).refused
    assert len(of_plan(store, "shop")) == 2


def test_data_of_an_engine_goes_with_the_snapshots_that_went(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, store = FakeClock(), AppendOnly()
    store._now = clock.now
    for _ in range(4):
        clock.wait(86400)
        assert due_run(shop(), store, clock).made
    old = {each.name for each in of_plan(store, "shop")[:2]}
    freed: list[set[str]] = []

    def swept(store: Store, gone: list[str], *more: object, **options: object) -> list[str]:
        freed.append(set(gone))
        return []

    monkeypatch.setattr("resilience.backup.plans.pruning.swept", swept)
    prune(PLAN, store, clock=clock)
    store.privileged = True
    prune(PLAN, store, clock=clock)
    assert freed == [set(), old]


def test_a_snapshot_that_was_found_damaged_is_no_reason_to_delete_a_good_one() -> None:
    """It was verified when it was made. A bit that flips later changes no size. A good one has its
    place among those that are kept; it has it again once it passes a verification."""
    clock, store, names = three()
    archive = layout.archive(names[-1])
    whole = store.files[archive]
    store.files[archive] = whole[:-1] + bytes([whole[-1] ^ 1])
    [found] = intact(PLAN, store, clock=clock, keys=KEYS)
    assert found.result is Result.FAILED
    kept = f"{names[2]}: kept: it was found damaged on 2026-03-04"
    two = prune(replace(PLAN, keep=Keep(last=2)), store, clock=clock)
    assert (two.damaged, two.lines) == (True, [kept])
    least = replace(PLAN, keep=Keep(last=1))
    assert prune(least, store, clock=clock).lines == [kept, f"{names[0]}: deleted"]
    assert [each.name for each in of_plan(store, "shop")] == names[1:]
    store.files[archive] = whole  # from another copy
    clock.wait(60)
    assert intact(PLAN, store, clock=clock, keys=KEYS)[0].result is Result.PASSED
    assert prune(least, store, clock=clock).lines == [f"{names[1]}: deleted"]


def test_remains_older_than_a_day_are_swept_and_foreign_ones_are_not() -> None:
    clock, store = clocked()
    store.put("backups/cut/cut.tar.gz", begun())
    store.put("backups/foreign/readme.txt", b"not ours")
    store.put("backups/velero/velero.tar.gz", gzip.compress(b"metadata/version" + bytes(9000)))
    store.put("backups/velero2/velero2-logs.gz", b"")
    clock.wait(80000)
    store.put("backups/young/young.tar.gz", b"half")
    assert [*sweep(store, clock.now())] == []
    clock.wait(10000)
    assert [*sweep(store, clock.now())] == ["cut: unfinished, deleted"]
    assert "backups/cut/cut.tar.gz" not in store.files
    assert len(store.files) == 4


def test_the_files_of_a_run_at_work_do_not_age_by_the_difference_of_two_clocks() -> None:
    clock = FakeClock()
    behind = MemoryStore(now=lambda: clock.now() - timedelta(days=2))
    behind.put(layout.archive("young"), begun())
    told = [*sweep(behind, clock.now())]
    assert told == [
        "the store's clock differs from this machine's: 2026-02-27 02:00:00 and 2026-03-01 "
        "02:00:00 UTC; correct the wrong one"
    ]
    assert list(behind.files) == [layout.archive("young")]
    clock.wait(86401)
    assert [*sweep(behind, clock.now())][1:] == ["young: unfinished, deleted"]


def test_leftovers_of_a_store_whose_clock_is_ahead_stay_until_they_are_a_day_old_here() -> None:
    clock = FakeClock()
    ahead = MemoryStore(now=lambda: clock.now() + timedelta(days=2))
    ahead.put(layout.archive("young"), begun())
    assert len([*sweep(ahead, clock.now())]) == 1
    assert list(ahead.files) == [layout.archive("young")]


def test_nothing_is_swept_while_the_store_does_not_show_what_was_just_written() -> None:
    class Blind(MemoryStore):
        def list(self, prefix: str = "") -> Iterator[Entry]:
            return (each for each in super().list(prefix) if "/clock/" not in each.key)

    clock = FakeClock()
    store = Blind(now=clock.now)
    store.put(layout.archive("old"), begun())
    clock.wait(90000)
    assert [*sweep(store, clock.now())] == [
        "leftovers stay: the store does not list yet what was just written"
    ]
