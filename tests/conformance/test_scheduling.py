"""Where Pods go, and what is said when they cannot. Source: pkg/scheduler."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.objects import condition, pod
from tests.conformance.wire import Cluster, Obj

HOST = "kubernetes.io/hostname"


def placed(cluster: Cluster, name: str, **spec: Any) -> str:
    cluster.create("pods", pod(name, **spec))
    found = cluster.until_one("pods", name, lambda p: bool(p["spec"].get("nodeName")))
    return str(found["spec"]["nodeName"])


def refused(cluster: Cluster, name: str, **spec: Any) -> str:
    cluster.create("pods", pod(name, **spec))
    found = cluster.until_one("pods", name, lambda p: condition(p, "PodScheduled") is not None)
    entry = condition(found, "PodScheduled") or {}
    assert (entry["status"], entry["reason"]) == ("False", "Unschedulable")
    return str(entry["message"])


def by_host(kind: str, app: str) -> Obj:
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": HOST}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_a_pod_is_told_where_it_was_put(cluster: Cluster, nodes: list[str]) -> None:
    node = placed(cluster, "one")
    text = f"Successfully assigned {cluster.namespace}/one to {node}"
    cluster.until("events", lambda found: any(e["message"] == text for e in found.values()))


def test_a_selector_nobody_meets_is_named(cluster: Cluster, nodes: list[str]) -> None:
    text = refused(cluster, "one", nodeSelector={"no": "such-node"})
    assert "node(s) didn't match Pod's node affinity/selector" in text
    assert text.startswith("0/")


def test_more_than_any_node_has_is_insufficient(cluster: Cluster, nodes: list[str]) -> None:
    body = pod("one")
    body["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100000"}}
    cluster.create("pods", body)
    found = cluster.until_one("pods", "one", lambda p: condition(p, "PodScheduled") is not None)
    assert "Insufficient cpu" in (condition(found, "PodScheduled") or {})["message"]


def test_a_refusal_is_an_event_of_the_scheduler(cluster: Cluster, nodes: list[str]) -> None:
    text = refused(cluster, "one", nodeSelector={"no": "such-node"})
    found = cluster.until(
        "events", lambda es: any(e["reason"] == "FailedScheduling" for e in es.values())
    )
    event = next(e for e in found.values() if e["reason"] == "FailedScheduling")
    assert (event["message"], event["type"]) == (text, "Warning")


def test_anti_affinity_keeps_pods_apart(cluster: Cluster, nodes: list[str]) -> None:
    apart = by_host("podAntiAffinity", "web")
    assert placed(cluster, "one", affinity=apart) != placed(cluster, "two", affinity=apart)


def test_affinity_brings_pods_together(cluster: Cluster, nodes: list[str]) -> None:
    home = placed(cluster, "db", app="db")
    assert placed(cluster, "one", affinity=by_host("podAffinity", "db")) == home


def test_affinity_to_nobody_is_refused(cluster: Cluster, nodes: list[str]) -> None:
    text = refused(cluster, "one", affinity=by_host("podAffinity", "nobody"))
    assert "node(s) didn't match pod affinity rules" in text


def test_the_first_of_a_group_is_let_in(cluster: Cluster, nodes: list[str]) -> None:
    assert placed(cluster, "one", affinity=by_host("podAffinity", "web")) in nodes


def test_hard_spread_evens_out_nodes(cluster: Cluster, nodes: list[str]) -> None:
    constraint = {
        "maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }  # fmt: skip
    names = [f"p{number}" for number in range(len(nodes))]
    found = {placed(cluster, name, topologySpreadConstraints=[constraint]) for name in names}
    assert len(found) == len(nodes)


def test_a_pod_for_another_scheduler_waits(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", schedulerName="nobody"))
    cluster.never("pods", lambda p: bool(p["one"]["spec"].get("nodeName")), during=2)


def test_a_gated_pod_waits_for_its_gates(cluster: Cluster, nodes: list[str]) -> None:
    cluster.create("pods", pod("one", schedulingGates=[{"name": "example.com/wait"}]))
    found = cluster.until_one("pods", "one", lambda p: condition(p, "PodScheduled") is not None)
    assert (condition(found, "PodScheduled") or {})["reason"] == "SchedulingGated"
    cluster.patch("pods", "one", {"spec": {"schedulingGates": None}})
    cluster.until_one("pods", "one", lambda p: bool(p["spec"].get("nodeName")))


def test_every_pod_tolerates_lost_nodes_for_five_minutes(cluster: Cluster) -> None:
    cluster.create("pods", pod("one"))
    found = cluster.get("pods", "one")["spec"]["tolerations"]
    have = {(t["key"], t["effect"], t.get("tolerationSeconds")) for t in found}
    assert have == {
        ("node.kubernetes.io/not-ready", "NoExecute", 300),
        ("node.kubernetes.io/unreachable", "NoExecute", 300),
    }


@pytest.mark.disruptive
def test_a_cordoned_node_is_tainted_and_takes_nothing(cluster: Cluster, nodes: list[str]) -> None:
    name = nodes[0]
    cluster.patch("nodes", name, {"spec": {"unschedulable": True}})
    try:
        found = cluster.until_one("nodes", name, lambda n: bool(n["spec"].get("taints")))
        keys = [(t["key"], t["effect"]) for t in found["spec"]["taints"]]
        assert ("node.kubernetes.io/unschedulable", "NoSchedule") in keys
        text = refused(cluster, "one", nodeSelector={HOST: name})
        assert "node(s) were unschedulable" in text
    finally:
        cluster.patch("nodes", name, {"spec": {"unschedulable": None}})
    cluster.until_one("nodes", name, lambda n: not n["spec"].get("taints"))


@pytest.mark.disruptive
def test_a_no_execute_taint_evicts_what_does_not_tolerate_it(
    cluster: Cluster, nodes: list[str], runs_pods: None
) -> None:
    name = placed(cluster, "one")
    taint = {"key": "conformance", "value": cluster.namespace, "effect": "NoExecute"}
    cluster.patch("nodes", name, {"spec": {"taints": [taint]}})
    try:
        cluster.until_gone("pods", "one")
    finally:
        cluster.patch("nodes", name, {"spec": {"taints": None}})
