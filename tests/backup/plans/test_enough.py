"""What proves nothing is never green: empty, foreign, from the future, or without its data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from resilience.backup.drills.drill import run
from resilience.backup.format.errors import BadRequest, Incomplete, NoSnapshot
from resilience.backup.plans.cli_output import shown
from resilience.backup.plans.lifecycle import due, make, missed, newest
from resilience.backup.plans.own_snapshots import Here
from resilience.backup.plans.plan_judge import fresh, intact
from resilience.backup.plans.plan_snapshots import of_plan
from resilience.backup.plans.pruning import prune
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.kube.selectors import Selector
from resilience.model.scenario import Keep, Plan
from resilience.model.verdict import Finding, Result
from tests.backup.fakes import FakeClock, FakeCluster, config_map, shop
from tests.backup.plans.shop_plan import KEYS, PLAN, clocked, lived_in

A, B = "uid-of-a", "uid-of-b"


def of(cluster: FakeCluster, uid: str) -> FakeCluster:
    cluster.objects["namespaces", "", "kube-system"]["metadata"]["uid"] = uid
    return cluster


def taken(cluster: FakeCluster, store: MemoryStore, clock: FakeClock, plan: Plan = PLAN) -> str:
    name = f"{plan.id}-{clock.now():%Y%m%d%H%M%S}"
    make(plan, cluster, store, name=name, clock=clock, keys=KEYS)
    return name


def bad(findings: list[Finding]) -> dict[str, str]:
    return {each.name: each.measured for each in findings if each.result is not Result.PASSED}


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"labels": Selector.parse("app=nosuch")}, "no object matches labels app=nosuch"),
        ({"kinds": ("cronjobs.batch",)}, "no object matches kinds cronjobs.batch"),
    ],
)
def test_a_snapshot_of_nothing_is_not_made(changed: dict[str, Any], text: str) -> None:
    store = MemoryStore()
    with pytest.raises(Incomplete, match=text):
        taken(shop(), store, FakeClock(), replace(PLAN, **changed))
    assert of_plan(store, PLAN.id) == []


def test_what_every_namespace_has_is_nothing() -> None:
    cluster = FakeCluster()
    cluster.namespace("shop")
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    cluster.add(config_map("kube-root-ca.crt"))
    cluster.add(account | {"metadata": {"name": "default", "namespace": "shop"}})
    with pytest.raises(
        Incomplete, match="nothing except the namespaces themselves: they are empty"
    ):
        taken(cluster, MemoryStore(), FakeClock())
    cluster.add(config_map("own"))
    taken(cluster, MemoryStore(), FakeClock())


@pytest.mark.parametrize("kind", ["deployment", "deployments", "Deployment"])
def test_a_kind_that_nothing_serves_is_refused_with_what_was_meant(kind: str) -> None:
    with pytest.raises(BadRequest, match=f"{kind} matches no kind .* mean `deployments.apps`"):
        taken(shop(), MemoryStore(), FakeClock(), replace(PLAN, kinds=("secrets", kind)))


def test_a_kind_that_may_be_missing_is_no_mistake() -> None:
    kinds = ("secrets", "widgets.example.com")
    plan = replace(PLAN, kinds=kinds, accept=("widgets.example.com",))
    taken(shop(), MemoryStore(), FakeClock(), plan)


def test_an_empty_snapshot_passes_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    from resilience.backup.take import snapshot

    monkeypatch.setattr(snapshot._Making, "_require_content", lambda self: None)
    monkeypatch.setattr(snapshot, "is_of_the_cluster", lambda kind, name: True)
    cluster, store, clock = lived_in(), MemoryStore(), FakeClock()
    taken(cluster, store, clock)
    assert "none with an object" in bad(fresh(PLAN, store, clock=clock))["rpo"]
    assert (
        "nothing except the namespaces"
        in bad(intact(PLAN, store, clock=clock, keys=KEYS))["content"]
    )
    report = run(PLAN, newest(store, PLAN), cluster, clock=clock, keys=KEYS)
    assert not report.passed
    assert report.objects == 0


def test_a_copy_in_which_nothing_can_serve_fails_the_drill() -> None:
    cluster = FakeCluster()
    cluster.on_create = lived_in().on_create
    cluster.namespace("shop")
    cluster.add(config_map("own"))
    store, clock = MemoryStore(), FakeClock()
    taken(cluster, store, clock)
    report = run(PLAN, newest(store, PLAN), cluster, clock=clock, keys=KEYS)
    assert "contains no workload" in bad(report.findings)["ready"]
    only = replace(PLAN, kinds=("configmaps",))
    report = run(only, newest(store, only), cluster, clock=clock, keys=KEYS)
    assert bad(report.findings) == {}


def test_a_store_with_two_clusters_is_judged_for_each_by_its_own() -> None:
    a, b, store, clock = of(lived_in(), A), of(lived_in(), B), MemoryStore(), FakeClock()
    first = taken(a, store, clock)
    for found in (
        fresh(PLAN, store, clock=clock, cluster=B),
        intact(PLAN, store, clock=clock, keys=KEYS, cluster=B),
    ):
        (measured,) = bad(found).values()
        assert f"it is of another cluster, whose kube-system has uid {A}" in measured
        assert "source_cluster: UID" in measured
    with pytest.raises(NoSnapshot, match="another cluster"):
        newest(store, PLAN, here=Here(cluster=B))
    clock.wait(60)
    second = taken(b, store, clock)
    assert newest(store, PLAN, here=Here(cluster=A)).name == first
    assert newest(store, PLAN, here=Here(cluster=B)).name == second
    assert bad(intact(PLAN, store, clock=clock, keys=KEYS, cluster=A)) == {}


def test_retention_of_one_cluster_never_deletes_anothers() -> None:
    store, clock = MemoryStore(), FakeClock()
    plan = replace(PLAN, keep=Keep(last=1))
    names = []
    for cluster in (of(shop(), A), of(shop(), A), of(shop(), B), of(shop(), B)):
        names.append(taken(cluster, store, clock))
        clock.wait(60)
    prune(plan, store, clock=clock)
    assert [each.name for each in of_plan(store, PLAN.id)] == [names[1], names[3]]


def test_a_fire_that_another_cluster_made_is_still_due() -> None:
    plan = replace(PLAN, schedule="0 2 * * *")
    store, clock = MemoryStore(), FakeClock()
    taken(of(shop(), A), store, clock)
    assert due(plan, store, clock.now(), Here(cluster=A)) is None
    assert due(plan, store, clock.now(), Here(cluster=B)) == clock.now()
    later = clock.now() + timedelta(days=2)
    day = timedelta(hours=30)
    assert missed(plan, store, later, within=day, here=Here(cluster=A))
    assert missed(plan, store, later, within=day, here=Here(cluster=B)) == []


def test_a_snapshot_from_the_future_is_not_the_newest_and_is_told() -> None:
    cluster, (clock, store) = lived_in(), clocked()
    good = taken(cluster, store, clock)
    ahead = FakeClock()
    ahead.moment = clock.moment + timedelta(days=5)
    future = taken(cluster, store, ahead)
    clock.wait(60)
    found = fresh(PLAN, store, clock=clock)
    assert list(bad(found)) == ["clock"]
    (told,) = [each for each in found if each.name == "clock"]
    assert future in told.detail[0]
    (rpo,) = [each for each in found if each.name == "rpo"]
    assert rpo.measured == f"{good} is 1m old"
    assert newest(store, PLAN, here=Here(now=clock.now())).name == good
    said = prune(replace(PLAN, keep=Keep(last=1)), store, clock=clock).lines
    assert said == [f"{future}: kept: it began in the future"]
    assert {each.name for each in of_plan(store, PLAN.id)} == {good, future}


def test_only_snapshots_from_the_future_are_none() -> None:
    cluster, store, clock = lived_in(), MemoryStore(), FakeClock()
    ahead = FakeClock()
    ahead.moment = clock.moment + timedelta(days=5)
    taken(cluster, store, ahead)
    assert "it began in the future" in bad(fresh(PLAN, store, clock=clock))["rpo"]
    assert "it began in the future" in bad(intact(PLAN, store, clock=clock, keys=KEYS))["intact"]


def test_a_few_minutes_between_two_clocks_are_no_future() -> None:
    cluster, store, clock = lived_in(), MemoryStore(), FakeClock()
    ahead = FakeClock()
    ahead.moment = clock.moment + timedelta(minutes=4)
    taken(cluster, store, ahead)
    assert bad(fresh(PLAN, store, clock=clock)) == {}


def claimed(bound: bool) -> FakeCluster:
    cluster = lived_in()
    cluster.add(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data-db-0", "namespace": "shop"},
            "spec": {"volumeName": "pv-1"} if bound else {},
        }
    )
    return cluster


def test_a_bound_claim_without_its_data_passes_no_proof_unless_the_plan_says_so() -> None:
    cluster, store, clock = claimed(True), MemoryStore(), FakeClock()
    taken(cluster, store, clock)
    text = "the data of 1 bound claim was not taken: shop/data-db-0"
    assert text in shown(newest(store, PLAN))
    assert bad(intact(PLAN, store, clock=clock, keys=KEYS)) == {"volumes": text}
    report = run(PLAN, newest(store, PLAN), cluster, clock=clock, keys=KEYS)
    assert bad(report.findings)["volumes"] == text
    plan = replace(PLAN, without_volumes=True)
    found = intact(plan, store, clock=clock, keys=KEYS)
    assert bad(found) == {}
    assert [each.measured for each in found if each.name == "volumes"] == [text]
    assert bad(run(plan, newest(store, plan), cluster, clock=clock, keys=KEYS).findings) == {}


def test_a_claim_that_was_never_bound_has_no_data() -> None:
    store, clock = MemoryStore(), FakeClock()
    taken(claimed(False), store, clock)
    assert bad(intact(PLAN, store, clock=clock, keys=KEYS)) == {}


def excluding(kind: str) -> Request:
    return Request(name="one", scope=Scope(namespaces=("shop",), exclude_kinds=(kind,)))


@pytest.mark.parametrize("kind", ["secret", "Secret"])
def test_another_word_for_a_kind_excludes_nothing_and_is_an_error(kind: str) -> None:
    """The Secrets would be in a snapshot that was to hold none."""
    store = MemoryStore()
    with pytest.raises(BadRequest, match=f"exclude: {kind} matches no kind .*; did you mean `sec"):
        create(excluding(kind), shop(), store, clock=FakeClock())
    assert not list(store.list("backups"))


def test_a_kind_of_other_clusters_may_be_excluded() -> None:
    manifest = create(excluding("secrets.v9.io"), shop(), MemoryStore(), clock=FakeClock())
    assert "exclude: secrets.v9.io matches no kind that is served" in manifest.warnings
