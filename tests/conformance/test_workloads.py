"""ReplicaSets, Deployments, StatefulSets and DaemonSets.

Sources: pkg/controller/{replicaset,deployment,statefulset,daemon} and controller_utils.go.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.objects import (
    OLDER,
    all_ready,
    condition,
    is_ready,
    pod,
    pod_spec,
    rolled_out,
    workload,
)
from tests.conformance.wire import STRATEGIC, Cluster, Obj

pytestmark = pytest.mark.usefixtures("runs_pods")


def running(cluster: Cluster, plural: str, replicas: int = 3, **spec: Any) -> dict[str, Obj]:
    cluster.create(plural, workload("web", replicas, **spec))
    return cluster.until("pods", all_ready(replicas))


def new_image(cluster: Cluster, plural: str) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": OLDER}]}}}}
    cluster.patch(plural, "web", patch, STRATEGIC)


def alive(pods: dict[str, Obj]) -> list[Obj]:
    return [p for p in pods.values() if "deletionTimestamp" not in p["metadata"]]


def scale(cluster: Cluster, plural: str, replicas: int) -> None:
    cluster.patch(plural, "web", {"spec": {"replicas": replicas}})


def images(pods: dict[str, Obj]) -> dict[str, str]:
    return {n: p["spec"]["containers"][0]["image"] for n, p in pods.items()}


# -- ReplicaSet ----------------------------------------------------------------------------------


def test_a_terminating_pod_is_replaced_before_it_is_gone(cluster: Cluster) -> None:
    pods = running(cluster, "replicasets", pod=pod_spec(grace=10, serves=True))
    name = min(pods)
    slow = pods[name]
    slow_body = {"metadata": {"finalizers": ["conformance.example.com/hold"]}}
    cluster.patch("pods", name, slow_body)
    cluster.delete("pods", name)
    found = cluster.until("pods", lambda p: len(alive(p)) == 3)
    still_there = found[name]["metadata"]["uid"] == slow["metadata"]["uid"]
    cluster.patch("pods", name, {"metadata": {"finalizers": None}})
    assert still_there


def test_an_orphan_that_matches_is_adopted(cluster: Cluster) -> None:
    cluster.create("pods", pod("loose"))
    owner = cluster.create("replicasets", workload("web", 2))
    found = cluster.until_one("pods", "loose", lambda p: "ownerReferences" in p["metadata"])
    assert found["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]


def test_a_pod_that_no_longer_matches_is_released_and_replaced(cluster: Cluster) -> None:
    name = min(running(cluster, "replicasets", 2))
    cluster.patch("pods", name, {"metadata": {"labels": {"app": "other"}}})
    cluster.until_one("pods", name, lambda p: "ownerReferences" not in p["metadata"])
    cluster.until("pods", all_ready(2), labelSelector="app=web")


def test_the_pod_with_the_lowest_deletion_cost_is_deleted_first(cluster: Cluster) -> None:
    pods = running(cluster, "replicasets")
    cheap = sorted(pods)[1]
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-100"}
    cluster.patch("pods", cheap, {"metadata": {"annotations": cost}})
    scale(cluster, "replicasets", 2)
    found = cluster.until("pods", all_ready(2))
    assert set(found) == set(pods) - {cheap}


def test_a_pod_that_is_not_ready_goes_before_ready_ones(cluster: Cluster) -> None:
    cluster.create("replicasets", workload("web", 2))
    ready = cluster.until("pods", all_ready(2))
    # A template that is changed counts for new Pods only: this one can never become ready.
    gate = {"readinessGates": [{"conditionType": "conformance.example.com/never"}]}
    cluster.patch("replicasets", "web", {"spec": {"template": {"spec": gate}}})
    scale(cluster, "replicasets", 3)
    cluster.until("pods", lambda p: len(p) == 3)
    scale(cluster, "replicasets", 2)
    cluster.until("pods", lambda p: len(alive(p)) == 2)
    found = cluster.until("pods", all_ready(2))
    assert set(found) == set(ready)


def test_the_status_of_a_replicaset_counts_its_replicas(cluster: Cluster) -> None:
    running(cluster, "replicasets")
    found = cluster.until_one(
        "replicasets", "web", lambda s: s["status"].get("availableReplicas") == 3
    )
    status = found["status"]
    assert (status["replicas"], status["fullyLabeledReplicas"], status["readyReplicas"]) == (
        3,
        3,
        3,
    )
    assert status["observedGeneration"] == found["metadata"]["generation"]


def test_a_refused_pod_is_a_condition_of_the_set(cluster: Cluster) -> None:
    cluster.create(
        "replicasets", workload("web", 1, pod=pod_spec(priorityClassName="no-such-class"))
    )
    found = cluster.until_one("replicasets", "web", lambda s: bool(condition(s, "ReplicaFailure")))
    assert (condition(found, "ReplicaFailure") or {})["reason"] == "FailedCreate"


# -- Deployment ----------------------------------------------------------------------------------


def test_a_deployment_rolls_out_and_says_so(cluster: Cluster) -> None:
    cluster.create("deployments", workload())
    found = cluster.until_one("deployments", "web", rolled_out)
    assert (condition(found, "Available") or {})["reason"] == "MinimumReplicasAvailable"
    found = cluster.until_one(
        "deployments", "web",
        lambda d: (condition(d, "Progressing") or {}).get("reason") == "NewReplicaSetAvailable",
    )  # fmt: skip
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


def test_pods_carry_the_hash_of_their_template(cluster: Cluster) -> None:
    pods = running(cluster, "deployments")
    sets = cluster.list("replicasets")
    label = sets[0]["metadata"]["labels"]["pod-template-hash"]
    assert sets[0]["metadata"]["name"] == f"web-{label}"
    assert {p["metadata"]["labels"]["pod-template-hash"] for p in pods.values()} == {label}


def test_a_rollout_never_has_more_than_surge_allows(cluster: Cluster) -> None:
    running(cluster, "deployments")
    most = 0

    def finished(sets: dict[str, Obj]) -> bool:
        nonlocal most
        most = max(most, sum(s["spec"]["replicas"] for s in sets.values()))
        return len(sets) == 2 and min(s["spec"]["replicas"] for s in sets.values()) == 0

    new_image(cluster, "deployments")
    cluster.until("replicasets", finished)
    assert most == 4


def test_a_rollout_keeps_as_many_available_as_promised(cluster: Cluster) -> None:
    running(cluster, "deployments", serves=True)
    cluster.until_one("deployments", "web", rolled_out)
    least = 3

    def finished(found: dict[str, Obj]) -> bool:
        nonlocal least
        least = min(least, found["web"]["status"].get("availableReplicas", 0))
        return rolled_out(found["web"])

    new_image(cluster, "deployments")
    cluster.until("deployments", finished)
    assert least == 3


def test_recreate_ends_the_old_pods_first(cluster: Cluster) -> None:
    pods = running(cluster, "deployments", strategy={"type": "Recreate"})
    old = {p["metadata"]["uid"] for p in pods.values()}
    new_image(cluster, "deployments")

    def mixed(found: dict[str, Obj]) -> bool:
        uids = {p["metadata"]["uid"] for p in found.values()
                if p["status"].get("phase") not in ("Succeeded", "Failed")}  # fmt: skip
        assert not (uids & old and uids - old), "old and new Pods side by side"
        return len(uids - old) == 3

    cluster.until("pods", mixed)


def test_going_back_reuses_the_old_set_under_a_new_revision(cluster: Cluster) -> None:
    running(cluster, "deployments", 1)
    first = cluster.list("replicasets")[0]["metadata"]["name"]
    original = cluster.get("deployments", "web")["spec"]["template"]
    new_image(cluster, "deployments")
    cluster.until("replicasets", lambda s: len(s) == 2)
    cluster.until_one("deployments", "web", rolled_out)
    cluster.patch("deployments", "web", {"spec": {"template": original}}, STRATEGIC)
    key = "deployment.kubernetes.io/revision"
    found = cluster.until_one(
        "replicasets", first, lambda s: s["metadata"]["annotations"][key] == "3"
    )
    assert found["spec"]["replicas"] >= 0
    assert len(cluster.list("replicasets")) == 2


def test_history_is_kept_to_its_limit(cluster: Cluster) -> None:
    cluster.create("deployments", workload("web", 1, revisionHistoryLimit=0))
    cluster.until_one("deployments", "web", rolled_out)
    new_image(cluster, "deployments")
    cluster.until("replicasets", lambda s: len(s) == 2)
    cluster.until("replicasets", lambda s: len(s) == 1)


def test_a_paused_deployment_does_not_roll_but_scales(cluster: Cluster) -> None:
    running(cluster, "deployments", 1)
    cluster.patch("deployments", "web", {"spec": {"paused": True}})
    new_image(cluster, "deployments")
    scale(cluster, "deployments", 2)
    cluster.until("pods", all_ready(2))
    assert len(cluster.list("replicasets")) == 1


def test_scaling_events_name_both_numbers(cluster: Cluster) -> None:
    running(cluster, "deployments", 1)
    name = cluster.list("replicasets")[0]["metadata"]["name"]
    scale(cluster, "deployments", 2)
    text = f"Scaled up replica set {name} from 1 to 2"
    cluster.until("events", lambda found: any(e["message"] == text for e in found.values()))


def test_a_missed_progress_deadline_is_reported(cluster: Cluster) -> None:
    body = workload("web", 1, pod=pod_spec(nodeSelector={"no": "such-node"}))
    body["spec"] |= {"progressDeadlineSeconds": 2, "minReadySeconds": 1}
    cluster.create("deployments", body)
    found = cluster.until_one(
        "deployments", "web",
        lambda d: (condition(d, "Progressing") or {}).get("status") == "False",
    )  # fmt: skip
    assert (condition(found, "Progressing") or {})["reason"] == "ProgressDeadlineExceeded"


# -- StatefulSet ---------------------------------------------------------------------------------


def test_ordered_pods_come_one_after_the_other(cluster: Cluster) -> None:
    cluster.create("statefulsets", workload("web", 3, serves=True, serviceName="web"))

    def in_order(pods: dict[str, Obj]) -> bool:
        for number in range(1, 3):
            if f"web-{number}" in pods:
                before = pods[f"web-{number - 1}"]
                assert is_ready(before), f"web-{number} came before web-{number - 1} was ready"
        return bool(all_ready(3)(pods))

    cluster.until("pods", in_order)


def test_parallel_pods_come_at_once(cluster: Cluster) -> None:
    stuck = pod_spec(nodeSelector={"no": "such-node"})
    body = workload("web", 3, pod=stuck, serviceName="web", podManagementPolicy="Parallel")
    cluster.create("statefulsets", body)
    cluster.until("pods", lambda pods: len(pods) == 3)


def test_an_ordered_set_stops_at_a_pod_that_does_not_start(cluster: Cluster) -> None:
    stuck = pod_spec(nodeSelector={"no": "such-node"})
    cluster.create("statefulsets", workload("web", 3, pod=stuck, serviceName="web"))
    cluster.until("pods", lambda pods: "web-0" in pods)
    cluster.never("pods", lambda pods: len(pods) > 1, during=3)


def test_a_set_scales_down_from_the_top(cluster: Cluster) -> None:
    running(cluster, "statefulsets", serviceName="web")
    scale(cluster, "statefulsets", 1)

    def downward(pods: dict[str, Obj]) -> bool:
        left = {n for n, p in pods.items() if "deletionTimestamp" not in p["metadata"]}
        assert left in ({"web-0", "web-1", "web-2"}, {"web-0", "web-1"}, {"web-0"})
        return set(pods) == {"web-0"}

    cluster.until("pods", downward)


def test_a_set_updates_from_the_top(cluster: Cluster) -> None:
    running(cluster, "statefulsets", serviceName="web")
    new_image(cluster, "statefulsets")

    def downward(pods: dict[str, Obj]) -> bool:
        new = {n for n, image in images(pods).items() if image == OLDER}
        assert new in (set(), {"web-2"}, {"web-1", "web-2"}, {"web-0", "web-1", "web-2"})
        return len(new) == 3

    cluster.until("pods", downward)


def test_a_partition_keeps_the_lower_ordinals(cluster: Cluster) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    running(cluster, "statefulsets", 2, serviceName="web", updateStrategy=rolling)
    new_image(cluster, "statefulsets")
    cluster.until("pods", lambda p: images(p).get("web-1") == OLDER)
    cluster.never("pods", lambda p: images(p).get("web-0") == OLDER, during=3)


def test_a_pod_of_a_set_keeps_its_name_and_gets_a_new_uid(cluster: Cluster) -> None:
    pods = running(cluster, "statefulsets", 1, serviceName="web")
    uid = pods["web-0"]["metadata"]["uid"]
    cluster.delete("pods", "web-0")
    cluster.until("pods", lambda p: "web-0" in p and p["web-0"]["metadata"]["uid"] != uid)


def test_pods_of_a_set_carry_their_name_and_index(cluster: Cluster) -> None:
    labels = running(cluster, "statefulsets", 1, serviceName="web")["web-0"]["metadata"]["labels"]
    assert labels["statefulset.kubernetes.io/pod-name"] == "web-0"
    assert labels["apps.kubernetes.io/pod-index"] == "0"


# -- DaemonSet -----------------------------------------------------------------------------------


def test_every_node_gets_one_daemon(cluster: Cluster, nodes: list[str]) -> None:
    cluster.create("daemonsets", workload("web", None))
    found = cluster.until("pods", lambda p: len(p) >= len(nodes) and all(map(is_ready, p.values())))
    places = sorted(p["spec"]["nodeName"] for p in found.values())
    assert len(set(places)) == len(places)
    assert set(nodes) <= set(places)


def test_daemons_tolerate_cordons_and_lost_nodes(cluster: Cluster) -> None:
    cluster.create("daemonsets", workload("web", None))
    found = cluster.until("pods", lambda p: bool(p))
    tolerations = next(iter(found.values()))["spec"]["tolerations"]
    have = {(t["key"], t["effect"]) for t in tolerations if "tolerationSeconds" not in t}
    prefix = "node.kubernetes.io"
    assert {
        (f"{prefix}/not-ready", "NoExecute"), (f"{prefix}/unreachable", "NoExecute"),
        (f"{prefix}/disk-pressure", "NoSchedule"), (f"{prefix}/memory-pressure", "NoSchedule"),
        (f"{prefix}/pid-pressure", "NoSchedule"), (f"{prefix}/unschedulable", "NoSchedule"),
    } <= have  # fmt: skip


def test_daemons_follow_their_node_selector(cluster: Cluster) -> None:
    cluster.create("daemonsets", workload("web", None, pod=pod_spec(nodeSelector={"no": "where"})))
    found = cluster.until_one(
        "daemonsets", "web", lambda d: (d.get("status") or {}).get("observedGeneration") == 1
    )
    assert found["status"]["desiredNumberScheduled"] == 0
