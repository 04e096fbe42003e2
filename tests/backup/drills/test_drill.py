"""A drill proves what it restored, by a stopwatch, and leaves nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from resilience.backup.drills.drill import run
from resilience.backup.drills.scratch import EXPIRES, LEASE, OWNER
from resilience.backup.drills.wall.egress_wall import WALL
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    InUse,
    RestoreRefused,
)
from resilience.backup.plans.lifecycle import newest
from resilience.cluster.interface import Object
from resilience.model.scenario import PlanObjective
from resilience.model.values import Duration
from resilience.model.verdict import Result
from tests.backup.fakes import config_map
from tests.backup.plans.shop_plan import KEYS, PLAN, clocked, drilled, due_run, lived_in, running


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
    with pytest.raises(InUse, match="shop-drill exists and it does not belong to a drill"):
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
