"""What a plan keeps, and which leftovers go."""

from __future__ import annotations

import gzip

from resilience.backup.format import layout
from resilience.backup.plans.lifecycle import make
from resilience.backup.plans.plan_snapshots import of_plan
from resilience.backup.plans.pruning import prune, sweep
from tests.backup.fakes import shop
from tests.backup.plans.shop_plan import KEYS, PLAN, begun, clocked


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


def test_remains_older_than_a_day_are_swept_and_foreign_ones_are_not() -> None:
    clock, store = clocked()
    store.put("backups/cut/cut.tar.gz", begun())
    store.put("backups/foreign/readme.txt", b"not ours")
    store.put("backups/velero/velero.tar.gz", gzip.compress(b"metadata/version" + bytes(9000)))
    store.put("backups/velero2/velero2-logs.gz", b"")
    clock.wait(80000)
    store.put("backups/young/young.tar.gz", b"half")
    assert sweep(store, clock.now()) == []
    clock.wait(10000)
    assert sweep(store, clock.now()) == ["cut: unfinished, deleted"]
    assert "backups/cut/cut.tar.gz" not in store.files
    assert len(store.files) == 4
