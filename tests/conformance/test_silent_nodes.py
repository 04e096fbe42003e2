"""A node that falls silent: 50 s of grace, 300 s of toleration, and what frees its Pods (3.8).

Sources: pkg/controller/{nodelifecycle,tainteviction,podgc}. The node is a Node object of this
test's own. On the sandbox its kubelet is stopped; elsewhere it never had one, and the test reports
Ready for it once. Times are differences of the cluster's own stamps.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.conformance.objects import condition, is_ready, pod
from tests.conformance.wire import Cluster, Obj

pytestmark = [pytest.mark.minutes, pytest.mark.disruptive]

PATIENCE = 600.0
UNREACHABLE = "node.kubernetes.io/unreachable"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
SLACK = 60
"""Cluster seconds that a busy machine may add: three real ones at twenty times the speed."""


def seconds(stamp: str) -> float:
    """Epoch seconds of a stamp."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


@pytest.fixture
def silent(patient: Cluster) -> Iterator[str]:
    """A node that was Ready and is heard of no more."""
    name = patient.namespace
    labels = {"kubernetes.io/hostname": name}
    patient.create("nodes", {"metadata": {"name": name, "labels": labels}})
    try:
        _report_once(patient, name)
        yield name
    finally:
        patient.request("DELETE", patient.path("nodes", name))


def _report_once(patient: Cluster, name: str) -> None:
    stop = {"name": name, "state": "kubelet-stopped"}
    if patient.request("GET", "/sandbox/v1/faults/node").status == 200:
        patient.until_one("nodes", name, is_ready)
        patient.until_one("nodes", name, lambda n: not taints(n))
        answer = patient.request("POST", "/sandbox/v1/faults/node", stop)
        assert answer.status == 200, answer.body
        return
    ready = {"type": "Ready", "status": "True", "reason": "Test", "message": ""}
    path = patient.path("nodes", name, "status")
    content = "application/strategic-merge-patch+json"
    answer = patient.request("PATCH", path, {"status": {"conditions": [ready]}}, content=content)
    assert answer.status == 200, answer.body


def taints(node: Obj) -> dict[str, Obj]:
    """Unreachable taints by effect."""
    found = node["spec"].get("taints") or ()
    return {taint["effect"]: taint for taint in found if taint["key"] == UNREACHABLE}


def is_unknown(node: Obj) -> bool:
    """Given up by the control plane."""
    return (condition(node, "Ready") or {}).get("status") == "Unknown"


def until_unreachable(patient: Cluster, name: str) -> Obj:
    """The node with its NoExecute taint."""
    return patient.until_one("nodes", name, lambda n: "NoExecute" in taints(n), within=PATIENCE)


def placed(patient: Cluster, node: str, name: str = "one", **spec: Any) -> None:
    """A Pod on the node, past the scheduler."""
    patient.create("pods", pod(name, nodeName=node, **spec))


def is_going(obj: Obj) -> bool:
    """Being deleted."""
    return "deletionTimestamp" in obj["metadata"]


def until_going(patient: Cluster, name: str = "one") -> Obj:
    """The Pod as soon as it is being deleted."""
    return patient.until_one("pods", name, is_going, within=PATIENCE)


def waited(pod: Obj, node: Obj) -> float:
    """Seconds from the taint to the deletion."""
    meta = pod["metadata"]
    grace: int = meta["deletionGracePeriodSeconds"]
    return (
        seconds(meta["deletionTimestamp"]) - grace - seconds(taints(node)["NoExecute"]["timeAdded"])
    )


def test_a_silent_node_is_unknown_after_fifty_seconds(patient: Cluster, silent: str) -> None:
    node = patient.until_one("nodes", silent, is_unknown, within=PATIENCE)
    ready = condition(node, "Ready") or {}
    assert ready["message"] == "Kubelet stopped posting node status."
    assert ready["reason"] == "NodeStatusUnknown"
    lease = patient.request("GET", f"{LEASES}/{silent}")
    heard = seconds(
        lease.body["spec"]["renewTime"] if lease.status == 200
        else node["metadata"]["creationTimestamp"]
    )  # fmt: skip
    assert 49 <= seconds(ready["lastTransitionTime"]) - heard <= 50 + 5 + SLACK


def test_an_unknown_node_is_tainted_with_both_effects(patient: Cluster, silent: str) -> None:
    node = until_unreachable(patient, silent)
    node = patient.until_one("nodes", silent, lambda n: len(taints(n)) == 2)
    assert set(taints(node)) == {"NoSchedule", "NoExecute"}
    assert is_unknown(node)


def test_its_pods_go_after_five_minutes_without_a_toleration(patient: Cluster, silent: str) -> None:
    placed(patient, silent)
    node = until_unreachable(patient, silent)
    found = until_going(patient)
    assert 299 <= waited(found, node) <= 300 + SLACK
    mark = condition(found, "DisruptionTarget") or {}
    assert (mark.get("status"), mark.get("reason")) == ("True", "DeletionByTaintManager")


def test_a_toleration_of_its_own_shortens_the_wait(patient: Cluster, silent: str) -> None:
    rule = {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"}
    placed(patient, silent, tolerations=[{**rule, "tolerationSeconds": 20}])
    node = until_unreachable(patient, silent)
    assert 19 <= waited(until_going(patient), node) <= 20 + SLACK


def test_a_toleration_without_seconds_lasts(patient: Cluster, silent: str) -> None:
    rule = {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"}
    placed(patient, silent, tolerations=[rule])
    placed(patient, silent, "witness", tolerations=[{**rule, "tolerationSeconds": 60}])
    until_unreachable(patient, silent)
    until_going(patient, "witness")
    assert not is_going(patient.get("pods", "one"))


def test_no_budget_stops_a_taint(patient: Cluster, silent: str) -> None:
    rule = {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": 0}
    patient.create("poddisruptionbudgets", {"metadata": {"name": "web"}, "spec": spec})
    placed(patient, silent, tolerations=[{**rule, "tolerationSeconds": 1}])
    until_going(patient)


def test_a_pod_of_a_silent_node_stays_until_the_node_is_out_of_service(
    patient: Cluster, silent: str
) -> None:
    rule = {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"}
    placed(patient, silent, tolerations=[{**rule, "tolerationSeconds": 1}])
    until_going(patient)
    taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown",
             "effect": "NoExecute"}  # fmt: skip
    patient.never("pods", lambda pods: "one" not in pods, during=1)
    more = [*(patient.get("nodes", silent)["spec"].get("taints") or ()), taint]
    patient.patch("nodes", silent, {"spec": {"taints": more}})
    patient.until_gone("pods", "one", within=PATIENCE)


def test_pods_of_a_deleted_node_are_collected(patient: Cluster, silent: str) -> None:
    placed(patient, silent)
    patient.until("pods", lambda pods: "one" in pods)
    patient.delete("nodes", silent)
    patient.until_gone("pods", "one", within=PATIENCE)
