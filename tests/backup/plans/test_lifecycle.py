"""A plan is made once per scheduled run, whoever else runs, and named after its beginning."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    BackupError,
    Busy,
    StoreError,
)
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.plans.lifecycle import RunReport, due, make, newest, run_due
from resilience.backup.plans.plan_judge import fresh
from resilience.backup.plans.plan_snapshots import of_plan
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.snapshot_files import Files
from resilience.backup.store.store_lock import Lock
from resilience.backup.store.unfinished.saved_volumes import SavedVolumes
from resilience.backup.take.snapshot import Request
from resilience.cluster.interface import NAMESPACES
from resilience.model.scenario import Exclude
from resilience.model.verdict import Result
from tests.backup.fakes import config_map, shop
from tests.backup.plans.shop_plan import KEYS, PLAN, begun, clocked, due_run


def test_a_scheduled_run_is_made_once_and_named_by_the_moment_it_began() -> None:
    clock, store = clocked()
    clock.wait(600)
    report = due_run(shop(), store, clock)
    assert report.made
    assert report.made.name == "shop-20260301021000"
    assert due(PLAN, store, clock.now()) is None
    assert due_run(shop(), store, clock).made is None
    clock.wait(86400)
    assert due_run(shop(), store, clock).made.name == "shop-20260302021000"


def test_a_snapshot_made_by_hand_after_the_schedule_answers_it() -> None:
    clock, store = clocked()
    clock.wait(300)
    make(PLAN, shop(), store, name="shop-20260301020500", clock=clock, keys=KEYS)
    clock.wait(300)
    assert due(PLAN, store, clock.now()) is None


def test_a_snapshot_from_before_the_schedule_does_not_answer_it() -> None:
    clock, store = clocked()
    make(PLAN, shop(), store, name="shop-20260301015959", clock=clock, keys=KEYS)
    assert due(PLAN, store, clock.now()) is not None


def test_a_snapshot_later_than_the_grace_counts_as_missed() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    clock.wait(86400 + 5 * 3600)
    late = due_run(shop(), store, clock)
    assert late.made.name == "shop-20260302070000"
    assert newest(store, PLAN).name == late.made.name
    found = {each.name: each for each in fresh(PLAN, store, clock=clock)}
    assert found["missed"].result is Result.FAILED
    assert found["rpo"].result is Result.PASSED


def test_two_runs_at_once_make_one_snapshot() -> None:
    clock, store = clocked()
    start, results = threading.Barrier(4), list[object]()

    def compete(number: int) -> None:
        start.wait()
        try:
            results.append(due_run(shop(), store, clock, f"pod-{number}").made)
        except Busy as busy:
            results.append(busy)

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([each for each in results if each and not isinstance(each, Busy)]) == 1
    assert len(of_plan(store, "shop")) == 1


def test_what_was_cut_short_is_made_again_under_its_own_name() -> None:
    clock, store = clocked()
    store.put("backups/shop-20260301020000/shop-20260301020000.tar.gz", begun())
    assert due(PLAN, store, clock.now())
    assert due_run(shop(), store, clock).made.name == "shop-20260301020000"
    assert verify(opened(store, "shop-20260301020000")).intact


def test_locked_remains_are_left_and_another_name_is_taken() -> None:
    clock, store = clocked()
    store.put(
        "backups/shop-20260301020000/shop-20260301020000.tar.gz",
        begun(),
        retain_until=clock.now() + timedelta(days=30),
    )
    assert due_run(shop(), store, clock).made.name == "shop-20260301020000-2"
    assert due(PLAN, store, clock.now()) is None


def test_a_run_that_fails_frees_its_lock_and_is_still_due() -> None:
    clock, store = clocked()
    failing = [True]

    def refuse(key: str) -> None:
        if failing and key.startswith("backups/"):
            raise StoreError("the bucket is gone")

    store._on_write = refuse
    with pytest.raises(StoreError):
        due_run(shop(), store, clock)
    failing.clear()
    assert due_run(shop(), store, clock).made


def test_a_run_that_lost_its_lock_shows_nothing() -> None:
    clock, store = clocked()
    cluster = shop()

    def very_slow(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("list", "secrets"):
            clock.wait(2 * 3600)

    cluster.faults.append(very_slow)
    with pytest.raises(Busy, match="expired before the work was done"):
        due_run(cluster, store, clock)
    assert of_plan(store, "shop") == []


def test_a_plan_takes_what_it_names_and_leaves_what_it_excludes() -> None:
    clock, store = clocked()
    cluster = shop()
    cluster.namespace("shop-test")
    cluster.add(config_map("there", "shop-test"))
    plan = replace(
        PLAN,
        namespaces=("shop*",),
        exclude=Exclude(namespaces=("shop-test",), kinds=("secrets",)),
    )
    make(plan, cluster, store, name="one", clock=clock, keys=KEYS)
    lines = [line.address for line in opened(store, "one").contents]
    assert {each.namespace for each in lines if each.namespace} == {"shop"}
    assert "secrets" not in {each.resource for each in lines}


def test_a_lock_that_is_held_is_told_with_its_holder() -> None:
    clock, store = clocked()
    with Lock(store, "plan-shop", "pod-7", clock=clock).held():
        with pytest.raises(BackupError, match="by pod-7"):
            due_run(shop(), store, clock)


class _Saving:
    """Takes one volume, and is killed `times` times once it has saved it."""

    def __init__(self, store: MemoryStore, times: int) -> None:
        self.store, self.times, self.read = store, times, 0

    def extend(self, request: Request) -> Request:
        self.name = request.name
        return replace(request, volumes=self.take, saves=True)

    def take(self, files: Files, claims: Sequence[tuple[str, str, str]]) -> list[VolumeRecord]:
        saved = files.saved
        assert saved is not None
        if saved.claims:
            return [files.saved_before("shop", "data")]
        self.read += 1
        key = layout.volume(self.name, "shop", "data")
        digest = hashlib.sha256(b"data").hexdigest()
        with files.data(key, lambda: digest) as write:
            write(b"data")
        record = VolumeRecord(namespace="shop", claim="data", key=key, bytes=4, sha256=digest)
        files.saved_now(record, ("u", "pv"), clocked()[0].now())
        if self.times:
            self.times -= 1
            self.left = dict(self.store.files)
            raise _KilledError
        return [record]


class _KilledError(BaseException):
    """The process ends here: what it would still do is undone by `left`."""


def killed_and_run_again(
    days: float, clusters: Sequence[str] = ("a", "a")
) -> tuple[_Saving, RunReport]:
    clock, store = clocked()
    saving = _Saving(store, times=1)

    def run(uid: str) -> RunReport:
        cluster = shop()
        cluster.objects[NAMESPACES.full_name, "", "kube-system"]["metadata"]["uid"] = uid
        return run_due(
            PLAN, cluster, store, clock=clock, keys=KEYS, holder="a", extend=saving.extend
        )

    with pytest.raises(_KilledError):
        run(clusters[0])
    for key in list(store.files):
        store.delete(key)
    for key, data in saving.left.items():
        store.put(key, data)
    clock.wait(timedelta(days=days).total_seconds() + 900)
    return saving, run(clusters[1])


def test_a_scheduled_run_that_was_killed_is_continued_under_its_name() -> None:
    saving, report = killed_and_run_again(days=0)
    assert report.made
    assert (report.made.name, saving.read) == ("shop-20260301020000", 1)
    assert len(report.made.volumes) == 1


def test_the_next_scheduled_run_is_a_new_snapshot() -> None:
    saving, report = killed_and_run_again(days=1)
    assert report.made
    assert (report.made.name, saving.read) == ("shop-20260302021500", 2)


def test_what_another_cluster_began_is_left_to_it() -> None:
    saving, report = killed_and_run_again(days=0, clusters=("a", "b"))
    assert report.made
    assert (report.made.name, saving.read) == ("shop-20260301021500", 2)
    first = layout.volume("shop-20260301020000", "shop", "data")
    assert first in saving.store.files


def test_what_another_plan_began_is_left_to_it() -> None:
    clock, store = clocked()
    saving, name = _Saving(store, times=0), "zoo-20260301020500"
    cluster = shop()
    uid = cluster.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    key = layout.volume(name, "shop", "data")
    store.put(key, b"data")
    record = VolumeRecord(namespace="shop", claim="data", key=key, bytes=4, sha256="")
    SavedVolumes(store, name, cluster=uid).add(record, [], ("u", "pv"), clock.now())
    clock.wait(900)
    report = run_due(PLAN, cluster, store, clock=clock, keys=KEYS, holder="a", extend=saving.extend)
    assert report.made
    assert report.made.name == "shop-20260301021500"
    assert key in store.files
