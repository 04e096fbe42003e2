"""The eviction subresource and disruption budgets.

Sources: pkg/registry/core/pod/storage/eviction.go, pkg/controller/disruption/disruption.go.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.objects import (
    all_ready,
    budget,
    condition,
    eviction,
    is_ready,
    pod,
    workload,
)
from tests.conformance.wire import Answer, Cluster, Obj

pytestmark = pytest.mark.usefixtures("runs_pods")


def evict(cluster: Cluster, name: str, body: Obj | None = None, **query: Any) -> Answer:
    path = cluster.path("pods", name, "eviction")
    return cluster.request("POST", path, body or eviction(name), **query)


def guarded(cluster: Cluster, replicas: int = 3, **spec: Any) -> list[str]:
    """A Deployment under a budget that has counted it; names of its Pods."""
    cluster.create("deployments", workload("web", replicas))
    cluster.create("poddisruptionbudgets", budget(**spec))
    pods = cluster.until("pods", all_ready(replicas))
    cluster.until_one("poddisruptionbudgets", "web", lambda b: counted(b) == replicas)
    return sorted(pods)


def counted(budget: Obj) -> int:
    return int((budget.get("status") or {}).get("currentHealthy", -1))


def allowed(cluster: Cluster) -> int:
    return int(cluster.get("poddisruptionbudgets", "web")["status"]["disruptionsAllowed"])


def test_an_allowed_eviction_is_created_and_the_pod_terminates(cluster: Cluster) -> None:
    name = guarded(cluster, maxUnavailable=1)[0]
    answer = evict(cluster, name)
    assert (answer.status, answer.body["status"]) == (201, "Success")
    cluster.until_gone("pods", name)


def test_an_evicted_pod_is_marked_as_disrupted(cluster: Cluster) -> None:
    body = pod("one")
    body["metadata"]["finalizers"] = ["conformance.example.com/hold"]
    cluster.create("pods", body)
    cluster.until_one("pods", "one", is_ready)
    evict(cluster, "one")
    found = condition(cluster.get("pods", "one"), "DisruptionTarget") or {}
    cluster.patch("pods", "one", {"metadata": {"finalizers": None}})
    assert (found["status"], found["reason"]) == ("True", "EvictionByEvictionAPI")


def test_an_exhausted_budget_refuses_with_429_and_says_why(cluster: Cluster) -> None:
    name = guarded(cluster, minAvailable=3)[0]
    answer = evict(cluster, name)
    assert (answer.status, answer.body["reason"]) == (429, "TooManyRequests")
    assert answer.body["message"] == (
        "Cannot evict pod as it would violate the pod's disruption budget."
    )
    assert answer.causes[0]["reason"] == "DisruptionBudget"
    assert "needs 3 healthy pods and has 3 currently" in answer.causes[0]["message"]


def test_an_exhausted_budget_gives_no_retry_after(cluster: Cluster) -> None:
    name = guarded(cluster, minAvailable=3)[0]
    assert "Retry-After" not in evict(cluster, name).headers


def test_a_pod_under_two_budgets_cannot_be_evicted(cluster: Cluster) -> None:
    name = guarded(cluster, maxUnavailable=1)[0]
    cluster.create("poddisruptionbudgets", budget("second", minAvailable=0))
    answer = evict(cluster, name)
    assert answer.status == 500
    assert "more than one PodDisruptionBudget" in answer.body["message"]


def test_an_unknown_pod_is_404(cluster: Cluster) -> None:
    assert evict(cluster, "nobody").status == 404


def test_a_name_that_differs_from_the_url_is_400(cluster: Cluster) -> None:
    cluster.create("pods", pod("one"))
    answer = evict(cluster, "one", eviction("other"))
    assert answer.status == 400
    assert "name in URL does not match name in Eviction object" in answer.body["message"]


def test_a_wrong_uid_precondition_is_409(cluster: Cluster) -> None:
    cluster.create("pods", pod("one"))
    cluster.until_one("pods", "one", is_ready)
    body = eviction("one", preconditions={"uid": "00000000-0000-0000-0000-000000000000"})
    assert evict(cluster, "one", body).status == 409


def test_a_resource_version_that_holds_lets_the_pod_go(cluster: Cluster) -> None:
    cluster.create("pods", pod("one"))
    version = cluster.until_one("pods", "one", is_ready)["metadata"]["resourceVersion"]
    options = {"preconditions": {"resourceVersion": version}}
    answer = evict(cluster, "one", eviction("one") | {"deleteOptions": options})
    assert answer.status == 201
    cluster.until_gone("pods", "one")


def test_a_resource_version_that_is_stale_is_409(cluster: Cluster) -> None:
    cluster.create("pods", pod("one"))
    version = cluster.until_one("pods", "one", is_ready)["metadata"]["resourceVersion"]
    cluster.patch("pods", "one", {"metadata": {"labels": {"newer": "yes"}}})
    options = {"preconditions": {"resourceVersion": version}}
    answer = evict(cluster, "one", eviction("one") | {"deleteOptions": options})
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


def test_a_dry_run_checks_the_budget_and_changes_nothing(cluster: Cluster) -> None:
    name = guarded(cluster, maxUnavailable=1)[0]
    before = cluster.get("pods", name)["metadata"]["resourceVersion"]
    for _ in range(3):
        assert evict(cluster, name, eviction(name, dryRun=["All"]), dryRun="All").status == 201
    assert cluster.get("pods", name)["metadata"]["resourceVersion"] == before
    assert allowed(cluster) == 1


def test_a_pending_pod_is_evicted_whatever_the_budget_says(cluster: Cluster) -> None:
    cluster.create("poddisruptionbudgets", budget(minAvailable="100%"))
    cluster.create("pods", pod("one", nodeSelector={"no": "such-node"}))
    assert evict(cluster, "one").status == 201
    cluster.until_gone("pods", "one")


def test_a_terminating_pod_is_evicted_again_without_the_budget(cluster: Cluster) -> None:
    cluster.create("poddisruptionbudgets", budget(minAvailable=1))
    body = pod("one", grace=20)
    body["metadata"]["finalizers"] = ["conformance.example.com/hold"]
    cluster.create("pods", body)
    cluster.until_one("pods", "one", is_ready)
    cluster.delete("pods", "one")
    status = evict(cluster, "one").status
    cluster.patch("pods", "one", {"metadata": {"finalizers": None}})
    assert status == 201


def test_an_eviction_debits_the_budget(cluster: Cluster) -> None:
    # Bare Pods: nothing replaces the first before the second is asked for.
    cluster.create("poddisruptionbudgets", budget(minAvailable=1))
    for name in ("a", "b"):
        cluster.create("pods", pod(name))
    cluster.until("pods", all_ready(2))
    cluster.until_one("poddisruptionbudgets", "web", lambda b: counted(b) == 2)
    assert [evict(cluster, name).status for name in ("a", "b")] == [201, 429]


def test_the_budget_opens_again_when_the_replacement_is_ready(cluster: Cluster) -> None:
    first, *_ = guarded(cluster, maxUnavailable=1)
    evict(cluster, first)
    cluster.until_gone("pods", first)
    found = cluster.until_one(
        "poddisruptionbudgets", "web", lambda b: b["status"]["disruptionsAllowed"] == 1
    )
    assert counted(found) == 3


def test_a_delete_ignores_the_budget(cluster: Cluster) -> None:
    name = guarded(cluster, minAvailable=3)[0]
    cluster.delete("pods", name)
    cluster.until_gone("pods", name)


@pytest.mark.parametrize(
    ("replicas", "spec", "desired", "expected"),
    [(3, {"minAvailable": 2}, 2, 3), (3, {"minAvailable": "50%"}, 2, 3),
     (4, {"maxUnavailable": "30%"}, 2, 4), (3, {"maxUnavailable": "1%"}, 2, 3),
     (3, {"maxUnavailable": 0}, 3, 3), (3, {"maxUnavailable": "100%"}, 0, 3)],
)  # fmt: skip
def test_percentages_of_a_budget_round_up(
    cluster: Cluster, replicas: int, spec: dict[str, Any], desired: int, expected: int
) -> None:
    guarded(cluster, replicas, **spec)
    status = cluster.get("poddisruptionbudgets", "web")["status"]
    assert (status["desiredHealthy"], status["expectedPods"]) == (desired, expected)
    assert status["disruptionsAllowed"] == replicas - desired


def test_minimum_and_maximum_together_are_invalid(cluster: Cluster) -> None:
    body = cluster.whole("poddisruptionbudgets", budget(minAvailable=1, maxUnavailable=1))
    answer = cluster.request("POST", cluster.path("poddisruptionbudgets"), body)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


def test_bare_pods_count_for_an_integer_minimum(cluster: Cluster) -> None:
    cluster.create("poddisruptionbudgets", budget(minAvailable=1))
    for name in ("a", "b"):
        cluster.create("pods", pod(name))
    found = cluster.until_one("poddisruptionbudgets", "web", lambda b: counted(b) == 2)
    assert found["status"]["disruptionsAllowed"] == 1


def test_bare_pods_under_a_share_allow_nothing(cluster: Cluster) -> None:
    cluster.create("poddisruptionbudgets", budget(maxUnavailable=1))
    cluster.create("pods", pod("one"))
    found = cluster.until_one("poddisruptionbudgets", "web", lambda b: counted(b) == 1)
    assert (found["status"]["expectedPods"], found["status"]["disruptionsAllowed"]) == (0, 0)


def test_a_budget_without_pods_is_closed(cluster: Cluster) -> None:
    cluster.create("poddisruptionbudgets", budget(minAvailable=0))
    found = cluster.until_one("poddisruptionbudgets", "web", lambda b: counted(b) == 0)
    assert found["status"]["disruptionsAllowed"] == 0


def test_an_owner_without_scale_fails_the_sync(cluster: Cluster) -> None:
    cluster.create("daemonsets", workload("web", None))
    cluster.create("poddisruptionbudgets", budget(maxUnavailable=1))
    found = cluster.until_one(
        "poddisruptionbudgets", "web",
        lambda b: (condition(b, "DisruptionAllowed") or {}).get("reason") == "SyncFailed",
    )  # fmt: skip
    assert found["status"]["disruptionsAllowed"] == 0


def test_an_unready_pod_may_go_when_the_policy_says_always(cluster: Cluster) -> None:
    spec: dict[str, Any] = {"minAvailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    cluster.create("poddisruptionbudgets", budget(**spec))
    cluster.create("pods", never_ready("one"))
    cluster.until_one("pods", "one", lambda p: p["status"].get("phase") == "Running")
    cluster.until_one("poddisruptionbudgets", "web", lambda b: counted(b) == 0)
    assert evict(cluster, "one").status == 201


def test_an_unready_pod_is_held_by_a_budget_that_is_not_met(cluster: Cluster) -> None:
    cluster.create("poddisruptionbudgets", budget(minAvailable=1))
    cluster.create("pods", never_ready("one"))
    cluster.until_one("pods", "one", lambda p: p["status"].get("phase") == "Running")
    cluster.until_one("poddisruptionbudgets", "web", lambda b: counted(b) == 0)
    assert evict(cluster, "one").status == 429


def never_ready(name: str) -> Obj:
    body = pod(name, serves=True)
    body["spec"]["containers"][0]["readinessProbe"]["httpGet"]["port"] = 9
    return body
