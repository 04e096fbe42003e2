"""A plan: made once per fire, judged by what was verified, drilled with proof and a stopwatch."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.drills.drill import run
from resilience.backup.drills.drill_report import DrillReport
from resilience.backup.drills.scratch import EXPIRES, LEASE, OWNER, WALL
from resilience.backup.format import layout
from resilience.backup.format.archive import Compressor, Writer
from resilience.backup.format.errors import (
    BackupError,
    Busy,
    NoSnapshot,
    RestoreRefused,
    StoreError,
    Tampered,
)
from resilience.backup.plans.lifecycle import (
    Keys,
    copy,
    due,
    make,
    newest,
    of_plan,
    prune,
    run_due,
    sweep,
)
from resilience.backup.plans.plan_judge import fresh, intact
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.store_lock import Lock
from resilience.cluster.interface import PODS, Object
from resilience.model.place import Place
from resilience.model.scenario import Exclude, Keep, Plan, PlanObjective
from resilience.model.values import Duration
from resilience.model.verdict import Finding, Result
from tests.backup.fakes import FakeClock, FakeCluster, config_map, shop

PLAN = Plan(
    id="shop",
    title="shop",
    namespaces=("shop",),
    store="memory:",
    schedule="0 2 * * *",
    keep=Keep(last=2),
    place=Place("shop.plan.yaml", 1, 1),
    objective=PlanObjective(rpo=Duration.parse("26h"), rto=Duration.parse("10m")),
)
KEYS = Keys()


def due_run(cluster: FakeCluster, store: MemoryStore, clock: FakeClock, holder: str = "a") -> Any:
    return run_due(PLAN, cluster, store, clock=clock, keys=KEYS, holder=holder)


def clocked() -> tuple[FakeClock, MemoryStore]:
    clock = FakeClock()
    return clock, MemoryStore(now=clock.now)


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


def begun() -> bytes:
    """An archive whose making was cut short."""
    written = list[bytes]()
    compressor = Compressor(written.append)
    Writer(compressor.add).close()
    compressor.close()
    return b"".join(written)


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


def findings(found: Sequence[Finding]) -> dict[str, tuple[Result, str]]:
    return {each.name: (each.result, each.measured) for each in found}


def test_fresh_counts_from_the_start_of_the_newest_verified_snapshot() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    clock.wait(3600 * 5)
    assert findings(fresh(PLAN, store, clock=clock)) == {
        "rpo": (Result.PASSED, "shop-20260301020000 is 5h old"),
        "missed": (Result.PASSED, "none missed"),
    }


def test_a_snapshot_that_nobody_verified_is_not_fresh() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    for key in [key for key in store.files if layout.is_verification(key)]:
        del store.files[key]
    assert findings(fresh(PLAN, store, clock=clock))["rpo"] == (
        Result.FAILED,
        "none of 1 snapshots was ever verified",
    )


def test_an_old_snapshot_and_a_missed_fire_are_named() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    clock.wait(86400 + 1800)
    assert findings(fresh(PLAN, store, clock=clock))["missed"][0] is Result.PASSED
    clock.wait(2 * 3600)
    found = {each.name: each for each in fresh(PLAN, store, clock=clock)}
    assert found["rpo"].result is Result.FAILED
    assert found["missed"].result is Result.FAILED
    assert found["missed"].detail == ("no snapshot began within 1h of 2026-03-02 02:00 UTC",)


def test_no_snapshot_at_all_is_a_failure_and_says_so() -> None:
    clock, store = clocked()
    assert findings(fresh(PLAN, store, clock=clock))["rpo"] == (Result.FAILED, "no snapshot at all")
    assert findings(intact(PLAN, store, clock=clock, keys=KEYS))["intact"][0] is Result.FAILED
    with pytest.raises(NoSnapshot, match=r"resilience backup create shop\.plan\.yaml"):
        newest(store, PLAN)


def test_intact_finds_damage_and_writes_down_what_is_good() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    clock.wait(60)
    before = len(store.files)
    (good,) = intact(PLAN, store, clock=clock, keys=KEYS)
    assert good.result is Result.PASSED
    assert len(store.files) == before + 1
    key = layout.archive("shop-20260301020000")
    store.files[key] = store.files[key][:-9] + bytes(9)
    (bad,) = intact(PLAN, store, clock=clock, keys=KEYS)
    assert bad.result is Result.FAILED


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


def test_a_copy_is_whole_and_intact() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    other = MemoryStore()
    copy(store, other, "shop-20260301020000", clock=FakeClock())
    assert verify(opened(other, "shop-20260301020000")).intact


def test_a_copy_of_other_bytes_than_were_written_is_never_visible() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    name = "shop-20260301020000"
    store.files[layout.archive(name)] += b"x"
    other = MemoryStore()
    with pytest.raises(Tampered, match=r"tar\.gz was changed"):
        copy(store, other, name, clock=FakeClock())
    assert not any(layout.is_marker(key) for key in other.files)


def running(obj: Object, cluster: FakeCluster, ready: int | None = None) -> None:
    """Workloads of this cluster are ready at once, its canary is kept in."""
    if obj["kind"] == "Deployment":
        metadata, want = obj["metadata"], obj["spec"]["replicas"]
        metadata.setdefault("uid", f"of {metadata['namespace']}/{metadata['name']}")
        obj["status"] = {"observedGeneration": metadata["generation"], "replicas": want,
                         "updatedReplicas": want, "availableReplicas": want,
                         "readyReplicas": want if ready is None else ready}  # fmt: skip
        for number in range(want):
            cluster.put(PODS, _of(metadata, number))
    if obj["metadata"]["name"].startswith("resilience-canary"):
        obj["status"] = {"containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}


def _of(owner: dict[str, Any], number: int) -> Object:
    reference = {"kind": "Deployment", "name": owner["name"], "uid": owner["uid"]}
    metadata = {"name": f"{owner['name']}-{number}", "namespace": owner["namespace"],
                "ownerReferences": [reference | {"controller": True}]}  # fmt: skip
    conditions = [{"type": "Ready", "status": "True"}]
    return {"metadata": metadata, "status": {"phase": "Running", "conditions": conditions}}


def drilled(cluster: FakeCluster, **changed: Any) -> DrillReport:
    clock, store = clocked()
    due_run(cluster, store, clock)
    clock.wait(60)
    return run(replace(PLAN, **changed), newest(store, PLAN), cluster, clock=clock, keys=KEYS)


def lived_in() -> FakeCluster:
    cluster = shop()
    cluster.on_create = partial(running, cluster=cluster)
    cluster.add(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "bill", "namespace": "shop"},
            "spec": {"schedule": "* * * * *"},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "www", "namespace": "shop"},
            "spec": {
                "type": "LoadBalancer",
                "ports": [{"port": 80, "nodePort": 30080}],
                "externalTrafficPolicy": "Cluster",
            },
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "www", "namespace": "shop"},
            "spec": {"rules": [{"host": "shop.example.com"}]},
        },
    )
    return cluster


def test_a_drill_proves_restores_and_leaves_nothing() -> None:
    cluster = lived_in()
    before = {key for key in cluster.objects}
    report = drilled(cluster)
    assert report.passed
    assert [each.name for each in report.findings] == [
        "intact",
        "control",
        "restored",
        "ready",
        "same",
        "rto",
    ]
    assert set(report.seconds) == {"verify", "wall", "create", "ready", "proven"}
    assert set(cluster.objects) == before


def test_a_restored_copy_is_made_harmless_before_it_lives() -> None:
    cluster, seen = lived_in(), dict[str, Object]()
    cluster.faults.append(
        lambda verb, kind, namespace, name: seen.update(
            {key[0]: obj for key, obj in cluster.objects.items() if key[1] == "shop-drill"}
        )
    )
    report = drilled(cluster)
    assert seen["cronjobs.batch"]["spec"]["suspend"] is True
    assert seen["services"]["spec"] == {"type": "ClusterIP", "ports": [{"port": 80}]}
    assert seen["ingresses.networking.k8s.io"]["spec"]["rules"][0]["host"] == (
        "shop.example.com.drill.invalid"
    )
    assert report.rewrites["suspended"] == report.rewrites["other hosts"] == 1


def test_the_wall_stands_before_any_workload() -> None:
    cluster = lived_in()
    cluster.requests.clear()
    drilled(cluster)
    created = [
        (kind, name)
        for verb, kind, ns, name in cluster.requests
        if verb == "create" and ns == "shop-drill"
    ]
    assert created[:3] == [
        ("leases.coordination.k8s.io", LEASE),
        ("networkpolicies.networking.k8s.io", WALL),
        ("pods", "resilience-canary"),
    ]


def test_a_canary_that_gets_out_stops_the_drill_before_anything_is_restored() -> None:
    cluster = lived_in()

    def escaped(obj: Object) -> None:
        if obj["metadata"]["name"] == "resilience-canary":
            obj["status"] = {"containerStatuses": [{"state": {"terminated": {"exitCode": 7}}}]}

    cluster.on_create = escaped
    before = set(cluster.objects)
    with pytest.raises(RestoreRefused, match="reached the API server through the drill"):
        drilled(cluster)
    assert set(cluster.objects) == before


def test_a_workload_that_does_not_become_ready_fails_with_its_name() -> None:
    cluster = lived_in()

    cluster.on_create = partial(running, cluster=cluster, ready=0)
    found = {each.name: each for each in drilled(cluster).findings}
    assert found["ready"].detail == ("Deployment checkout: expected 1 of 1 Pods, observed 0 ready",)
    assert found["rto"].result is Result.FAILED


def test_what_came_back_otherwise_fails_with_the_pointer() -> None:
    cluster = lived_in()

    def mutated(obj: Object) -> None:
        running(obj, cluster)
        if obj["kind"] == "ConfigMap" and obj["metadata"]["namespace"] == "shop-drill":
            obj["data"]["greeting"] = "changed by a webhook"

    cluster.on_create = mutated
    found = {each.name: each for each in drilled(cluster).findings}
    assert found["same"].result is Result.FAILED
    assert "/data/greeting" in found["same"].detail[0]


def test_a_restore_that_takes_longer_than_its_objective_fails() -> None:
    found = {
        each.name: each
        for each in drilled(lived_in(), objective=PlanObjective(rto=Duration.parse("1ms"))).findings
    }
    assert found["rto"].result is Result.PASSED  # virtual time stands still
    cluster = lived_in()

    def slow(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, namespace, kind) == ("create", "shop-drill", "deployments.apps"):
            clock.wait(700)

    clock, store = clocked()
    due_run(cluster, store, clock)
    cluster.faults.append(slow)
    report = run(PLAN, newest(store, PLAN), cluster, clock=clock, keys=KEYS)
    found = {each.name: each for each in report.findings}
    assert found["rto"].result is Result.FAILED
    assert found["rto"].value == 700
    assert "create 700.00s" in found["rto"].detail[0]


def test_a_tampered_snapshot_is_never_restored() -> None:
    cluster = lived_in()
    clock, store = clocked()
    due_run(cluster, store, clock)
    key = layout.archive("shop-20260301020000")
    store.files[key] = store.files[key][:-20] + bytes(20)
    cluster.requests.clear()
    report = run(PLAN, newest(store, PLAN), cluster, clock=clock, keys=KEYS)
    assert not report.passed
    assert [request for request in cluster.requests if request[0] == "create"] == []


def test_a_namespace_of_somebody_else_is_not_touched() -> None:
    cluster = lived_in()
    cluster.namespace("shop-drill")
    cluster.add(config_map("precious", "shop-drill"))
    with pytest.raises(RestoreRefused, match="shop-drill exists and it does not belong to a drill"):
        drilled(cluster)
    assert ("configmaps", "shop-drill", "precious") in cluster.objects


def test_what_a_killed_drill_left_is_swept_by_the_next_when_its_time_is_over() -> None:
    cluster = lived_in()
    past = datetime(2026, 2, 1, tzinfo=UTC).isoformat()
    future = datetime(2027, 2, 1, tzinfo=UTC).isoformat()
    cluster.namespace("old-drill", labels={OWNER: "x"}, annotations={EXPIRES: past})
    cluster.namespace("now-drill", labels={OWNER: "x"}, annotations={EXPIRES: future})
    cluster.namespace("no-drill", annotations={EXPIRES: past})
    assert drilled(cluster).swept == ["old-drill"]
    names = {key[2] for key in cluster.objects if key[0] == "namespaces"}
    assert {"now-drill", "no-drill"} <= names
    assert "old-drill" not in names


def test_a_lock_that_is_held_is_told_with_its_holder() -> None:
    clock, store = clocked()
    with Lock(store, "plan-shop", "pod-7", clock=clock).held():
        with pytest.raises(BackupError, match="by pod-7"):
            due_run(shop(), store, clock)
