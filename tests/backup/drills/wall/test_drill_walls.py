"""Nothing that a drill restores opens its wall, and the wall falls last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Condition
from typing import Any

import pytest

from resilience.backup.drills.drill import run
from resilience.backup.drills.drill_report import DrillReport
from resilience.backup.drills.scratch_deletion import torn_down
from resilience.backup.drills.wall.canary import NAME, canary
from resilience.backup.drills.wall.canary_guises import Guise, guises
from resilience.backup.drills.wall.egress_wall import WALL, wall
from resilience.backup.format.errors import NoWall, RestoreRefused
from resilience.backup.plans.lifecycle import make, newest
from resilience.cluster.interface import PODS, Object, Resource
from resilience.model.scenario import Drill
from resilience.model.verdict import Result
from tests.backup.drills.test_scratch import Clock, made
from tests.backup.fakes import FakeCluster, deployment
from tests.backup.plans.shop_plan import (
    KEYS,
    PLAN,
    clocked,
    drilled,
    due_run,
    lived_in,
    running,
)

PATIENCE = 20.0
"""Seconds that one thread waits for another."""

POLICIES = "networkpolicies.networking.k8s.io"


def policy(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"podSelector": {}, **spec},
    }


OUT: list[Any] = [{"to": [{"namespaceSelector": {}}]}]
IN: list[Any] = [{"from": [{"podSelector": {}}]}]


def restored(cluster: FakeCluster, **changed: Any) -> tuple[DrillReport, dict[str, Object]]:
    """The drill's report, and what was in its namespace, by name."""
    seen: dict[str, Object] = {}
    cluster.faults.append(
        lambda verb, kind, namespace, name: seen.update(
            {key[2]: obj for key, obj in cluster.objects.items() if key[1] == "shop-drill"}
        )
    )
    return drilled(cluster, **changed), seen


@pytest.mark.parametrize(
    "spec",
    [
        {"policyTypes": ["Egress", "Ingress"], "egress": OUT, "ingress": IN},
        {"egress": OUT, "ingress": IN},
        {"policyTypes": ["Ingress"], "egress": OUT, "ingress": IN},
    ],
    ids=["both", "by default", "only said to be ingress"],
)
def test_a_restored_policy_lets_nothing_out(spec: dict[str, Any]) -> None:
    cluster = lived_in()
    cluster.add(policy("opens", **spec))
    report, seen = restored(cluster)
    assert seen["opens"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": IN}
    assert report.rewrites["ingress only"] == 1
    assert report.passed
    assert any("must not open the drill's wall" in line for line in report.excused)


def test_a_policy_that_only_lets_out_is_left_out_and_listed() -> None:
    cluster = lived_in()
    cluster.add(policy("out", policyTypes=["Egress"], egress=OUT))
    report, seen = restored(cluster)
    assert "out" not in seen
    assert report.passed
    assert [line for line in report.left if "/out" in line] == [
        f"{POLICIES} shop-drill/out: not to be created (it only allows egress, which the "
        "drill's wall forbids)"
    ]
    assert any(f"{POLICIES} shop-drill/out" in line for line in report.excused)


POLICY_KINDS = [
    Resource("cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy"),
    Resource("crd.projectcalico.org", "v1", "networkpolicies", "NetworkPolicy"),
    Resource("k8s.ovn.org", "v1", "egressfirewalls", "EgressFirewall"),
    Resource("security.istio.io", "v1", "authorizationpolicies", "AuthorizationPolicy"),
    Resource("networking.istio.io", "v1", "serviceentries", "ServiceEntry"),
]


@pytest.mark.parametrize("kind", POLICY_KINDS, ids=lambda kind: kind.plural)
def test_policies_of_other_plugins_are_left_out_even_where_the_plan_names_them(
    kind: Resource,
) -> None:
    cluster = lived_in()
    cluster.serve(kind)
    cluster.add(
        {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": "opens", "namespace": "shop"},
            "spec": {"egress": OUT},
        }
    )
    drill = Drill(custom=("*",), then=())
    report, seen = restored(cluster, drill=drill)
    assert "opens" not in seen
    assert any(f"a {kind.kind} could open the drill's wall" in line for line in report.left)


def canaries(cluster: FakeCluster, code: Callable[[Object], int]) -> None:
    """Canaries of this cluster end with `code`."""

    def ended(obj: Object) -> None:
        running(obj, cluster)
        if obj["metadata"]["name"].startswith(NAME):
            state = {"terminated": {"exitCode": code(obj)}}
            obj["status"] = {"containerStatuses": [{"state": state}]}

    cluster.on_create = ended


def test_each_workload_is_asked_for_before_any_exists() -> None:
    cluster = lived_in()
    cluster.on_create = lambda obj: None
    cluster.add(deployment("mailer", serviceAccountName="postman"))
    asked: list[tuple[str, str, bool]] = []

    def note(obj: Object) -> int:
        running_there = ("deployments.apps", "shop-drill", "checkout") in cluster.objects
        label = obj["metadata"]["labels"].get("app", "")
        asked.append((label, obj["spec"].get("serviceAccountName", ""), running_there))
        return 0

    canaries(cluster, note)
    assert drilled(cluster).passed
    assert asked == [("", "", False), ("checkout", "", False), ("mailer", "postman", False)]


def test_the_namespaces_of_a_plan_are_asked_at_once() -> None:
    """A canary is asked about only once the other namespace has one of its number, too: this clock
    does not wait, so the two threads have to."""
    cluster, there = lived_in(), Condition()
    cluster.on_create = lambda obj: None
    cluster.add(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bank"}},
        deployment("teller", "bank"),
    )

    made: dict[str, set[str]] = {}

    def started(obj: Object) -> None:
        metadata = obj["metadata"]
        if not metadata["name"].startswith(NAME):
            running(obj, cluster)
            return
        obj["status"] = {"containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}
        with there:
            made.setdefault(metadata["name"], set()).add(metadata["namespace"])
            there.notify_all()

    def asked(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("get", "pods") and name.startswith(NAME):
            with there:
                assert there.wait_for(lambda: len(made[name]) == 2, timeout=PATIENCE), made

    cluster.on_create = started
    cluster.faults.append(asked)
    clock, store = clocked()
    plan = replace(PLAN, namespaces=("shop", "bank"))
    make(plan, cluster, store, name="shop-20260301020000", clock=clock, keys=KEYS)
    assert run(plan, newest(store, plan), cluster, clock=clock, keys=KEYS).passed


def test_canaries_run_where_the_workloads_do_and_pull_with_their_secrets() -> None:
    """Where every node is tainted, a canary without their tolerations would never be scheduled."""
    cluster = lived_in()
    tolerations = [{"key": "team", "operator": "Equal", "value": "shop", "effect": "NoSchedule"}]
    more: dict[str, Any] = {"tolerations": tolerations, "imagePullSecrets": [{"name": "registry"}],
            "nodeSelector": {"pool": "shop"}}  # fmt: skip
    cluster.on_create = lambda obj: None
    del cluster.objects["deployments.apps", "shop", "checkout"]
    login: Object = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
             "metadata": {"name": "registry", "namespace": "shop"},
             "data": {".dockerconfigjson": "e30="}}  # fmt: skip
    cluster.add(deployment("checkout", **more), login)
    asked: list[Any] = []

    def note(obj: Object) -> int:
        asked.append({key: obj["spec"].get(key) for key in more})
        (pulled,) = asked[-1].pop("imagePullSecrets")
        copy = cluster.objects["secrets", "shop-drill", pulled["name"]]
        assert (copy["type"], copy["data"]) == (login["type"], login["data"])
        return 0

    canaries(cluster, note)
    drilled(cluster)
    assert asked
    del more["imagePullSecrets"]
    assert all(each == more for each in asked), asked


def test_a_wall_with_a_hole_for_one_workload_lets_no_workload_in() -> None:
    cluster = lived_in()
    canaries(cluster, lambda pod: 7 if pod["metadata"]["labels"].get("app") == "checkout" else 0)
    before = set(cluster.objects)
    cluster.requests.clear()
    with pytest.raises(NoWall, match="with the labels app=checkout reached the API server"):
        drilled(cluster)
    created = [each[1] for each in cluster.requests if each[0] == "create"]
    assert "secrets" in created
    assert "deployments.apps" not in created
    assert set(cluster.objects) == before


def test_a_canary_in_a_guise_is_adopted_by_nobody_and_serves_nobody() -> None:
    lease = {"metadata": {"name": "resilience-drill", "uid": "u-1"}}
    pod = canary("n", "python", guise=Guise((("app", "web"),), "robot"), owner=lease)
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Lease", "u-1", True)
    assert pod["metadata"]["labels"]["app"] == "web"
    assert pod["spec"]["readinessGates"]
    assert pod["spec"]["serviceAccountName"] == "robot"
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_guises_are_of_every_kind_of_workload_and_without_what_differs_by_pod() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": {"app": "a", "pod-template-hash": "x"}},
        "spec": {"containers": []},
    }
    template = {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": []}}
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "spec": {"jobTemplate": {"spec": {"template": template}}},
    }
    custom = {"apiVersion": "x.io/v1", "kind": "App", "spec": {"pods": [{"template": template}]}}
    assert guises([pod, pod, cron, custom]) == [Guise((("app", "a"),)), Guise((("app", "b"),))]


def test_pods_that_no_template_announced_are_asked_for_when_they_exist() -> None:
    cluster = lived_in()
    asked: list[str] = []

    def note(obj: Object) -> int:
        asked.append(obj["metadata"]["labels"].get("app", ""))
        return 7 if asked[-1] == "surprise" else 0

    canaries(cluster, note)
    ended = cluster.on_create

    def with_pod(obj: Object) -> None:
        ended(obj)
        if obj["kind"] == "Deployment" and obj["metadata"].get("namespace") == "shop-drill":
            metadata = {"name": "p", "namespace": "shop-drill", "labels": {"app": "surprise"}}
            cluster.put(PODS, {"metadata": metadata, "spec": {"containers": []}})

    cluster.on_create = with_pod
    found = {each.name: each for each in drilled(cluster).findings}
    assert asked == ["", "checkout", "surprise"]
    assert found["wall"].result is Result.FAILED
    assert "app=surprise" in found["wall"].measured


def test_a_wall_that_somebody_changed_fails_the_drill() -> None:
    cluster = lived_in()
    ended = cluster.on_create

    def opened(obj: Object) -> None:
        ended(obj)
        if obj["kind"] == "Deployment":
            cluster.objects[POLICIES, "shop-drill", WALL]["spec"]["egress"] = [{}]

    store_clock, store = clocked()
    due_run(cluster, store, store_clock)
    cluster.on_create = opened
    report = run(PLAN, newest(store, PLAN), cluster, clock=store_clock, keys=KEYS)
    found = {each.name: each for each in report.findings}
    assert found["wall"].result is Result.FAILED
    assert "was changed or deleted during the drill" in found["wall"].measured


def slow_pod(cluster: FakeCluster, seconds: float, clock: Clock) -> list[Any]:
    """A Pod that takes its time, in a namespace whose deletion takes policies first; what the
    wall's finalizers were meanwhile."""
    cluster.namespace("n-drill")
    cluster.add(wall("n-drill"))
    cluster.add(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "slow", "namespace": "n-drill"}}
    )
    end, seen = clock.monotonic() + seconds, list[Any]()

    def later() -> None:
        held = cluster.objects.get((POLICIES, "n-drill", WALL))
        seen.append(held and held["metadata"].get("finalizers"))
        if clock.monotonic() >= end:
            cluster.objects.pop(("pods", "n-drill", "slow"), None)

    clock.each = later
    return seen


class Lingering(FakeCluster):
    """Its namespaces are deleted as a real one's: what has a finalizer, and Pods, stay a while."""

    def take(self, resource: Resource, name: str, namespace: str, **options: Any) -> Object:
        if resource.plural in ("namespaces", "pods"):
            return {"kind": "Status"}
        return super().take(resource, name, namespace, **options)


def test_the_wall_stands_until_the_last_pod_has_ended() -> None:
    cluster, clock = Lingering(made().resources()), Clock()
    seen = slow_pod(cluster, 5, clock)
    uid = cluster.objects["namespaces", "", "n-drill"]["metadata"]["uid"]
    torn_down(cluster, "n-drill", uid, clock=clock)
    assert seen
    assert all(each == ["resilience/wall"] for each in seen)
    assert not cluster.objects[POLICIES, "n-drill", WALL]["metadata"].get("finalizers")
    assert ("delete", "pods", "n-drill", "slow") in cluster.requests


def test_pods_that_do_not_end_keep_their_wall_and_are_named() -> None:
    cluster, clock = Lingering(made().resources()), Clock()
    slow_pod(cluster, 1e9, clock)
    uid = cluster.objects["namespaces", "", "n-drill"]["metadata"]["uid"]
    with pytest.raises(RestoreRefused, match="these Pods have not ended after 120s: slow"):
        torn_down(cluster, "n-drill", uid, clock=clock)
    held = cluster.objects[POLICIES, "n-drill", WALL]["metadata"]["finalizers"]
    assert held == ["resilience/wall"]


def test_an_aborted_drill_still_keeps_the_wall_until_the_pods_have_ended() -> None:
    cluster, clock = Lingering(made().resources()), Clock()
    cluster.namespace("n-drill")
    cluster.add(wall("n-drill"))
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n-drill"}}
    cluster.add(pod)
    uid = cluster.objects["namespaces", "", "n-drill"]["metadata"]["uid"]

    def aborted() -> None:
        del cluster.objects["pods", "n-drill", "p"]
        raise KeyboardInterrupt

    clock.each = aborted
    with pytest.raises(KeyboardInterrupt):
        torn_down(cluster, "n-drill", uid, clock=clock)
    assert not cluster.objects[POLICIES, "n-drill", WALL]["metadata"].get("finalizers")


def test_what_a_plan_names_is_restored_and_the_rest_of_its_kind_of_things_is_listed() -> None:
    named = Resource("example.com", "v1", "widgets", "Widget")
    other = Resource("example.com", "v1", "gadgets", "Gadget")
    cluster = lived_in()
    for kind in (named, other):
        cluster.serve(kind)
        cluster.add(
            {
                "apiVersion": "example.com/v1",
                "kind": kind.kind,
                "metadata": {"name": kind.plural, "namespace": "shop"},
                "spec": {"dnsName": "shop.example.com"},
            }
        )
    plan = replace(PLAN, drill=Drill(custom=("widgets.example.com",), then=()))
    report, seen = restored(cluster, drill=plan.drill)
    assert "widgets" in seen
    assert "gadgets" not in seen
    assert report.passed
    assert any(
        "`drill: {custom: [gadgets.example.com]}` restores it too" in line for line in report.left
    )
    assert any("gadgets.example.com shop-drill/gadgets" in line for line in report.excused)
