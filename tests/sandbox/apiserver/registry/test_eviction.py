"""The eviction subresource: each row of the table in rules 2.1."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kube.call import SYSTEM, Call
from tests.sandbox.apiserver.wire import pod

DRY = Call(user=Identity("u"), dry_run=True)


def serving(
    api: Registry, name: str = "web", *, ready: bool = True, phase: str = "Running"
) -> None:
    body = pod(name, nodeName="node-1")
    body["metadata"] |= {"namespace": "default", "labels": {"app": "web"}}
    pods = api.resource("pods")
    api.create(pods, body)
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    status = {"phase": phase, "conditions": [condition]}
    api.patch(pods, "default", name, {"status": status}, subresource="status")


def budget(api: Registry, name: str = "web", observed: int = 1, **status: int) -> None:
    budgets = api.resource("poddisruptionbudgets", "policy")
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    api.create(budgets, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})
    full = {
        "disruptionsAllowed": 0,
        "currentHealthy": 3,
        "desiredHealthy": 3,
        "expectedPods": 3,
        "observedGeneration": observed,
        **status,
    }
    api.patch(budgets, "default", name, {"status": full}, subresource="status")


def evict(api: Registry, name: str = "web", call: Call = SYSTEM, **options: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"metadata": {"name": name}}
    if options:
        body["deleteOptions"] = options
    return api.subresource(api.resource("pods"), "default", name, body, "eviction", call)


def state(api: Registry) -> dict[str, Any]:
    resource = api.resource("poddisruptionbudgets", "policy")
    return dict(api.get(resource, "default", "web")["status"])


def deleted(api: Registry, name: str = "web") -> bool:
    found = api.find(api.resource("pods"), "default", name)
    return found is None or "deletionTimestamp" in found["metadata"]


def test_an_accepted_eviction_is_a_success_of_code_201(api: Registry) -> None:
    serving(api)
    assert evict(api) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": 201,
    }
    assert deleted(api)


def test_eviction_debits_the_budget_and_marks_the_pod(api: Registry) -> None:
    serving(api)
    budget(api, disruptionsAllowed=2)
    evict(api)
    assert state(api)["disruptionsAllowed"] == 1
    assert list(state(api)["disruptedPods"]) == ["web"]
    conditions = api.get(api.resource("pods"), "default", "web")["status"]["conditions"]
    assert conditions[-1]["reason"] == "EvictionByEvictionAPI"


def test_eviction_waits_while_budget_is_exhausted(api: Registry) -> None:
    serving(api)
    budget(api)
    with pytest.raises(ApiError) as caught:
        evict(api)
    error = caught.value
    assert (error.code, error.reason, error.retry_after) == (429, "TooManyRequests", None)
    assert error.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert error.details["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget web needs 3 healthy pods and has 3 currently",
        }
    ]
    assert not deleted(api)


def test_an_unobserved_budget_asks_for_ten_seconds(api: Registry) -> None:
    serving(api)
    budget(api, observed=0, disruptionsAllowed=1)
    with pytest.raises(ApiError) as caught:
        evict(api)
    assert (caught.value.code, caught.value.retry_after) == (429, 10)
    assert "still being processed" in caught.value.details["causes"][0]["message"]


def test_two_budgets_are_a_500_without_reason(api: Registry) -> None:
    serving(api)
    budget(api, disruptionsAllowed=1)
    budget(api, "second", disruptionsAllowed=1)
    with pytest.raises(ApiError) as caught:
        evict(api)
    assert (caught.value.code, caught.value.reason) == (500, "")


def test_another_name_in_the_body_is_a_400(api: Registry) -> None:
    serving(api)
    with pytest.raises(ApiError, match="name in URL does not match name in Eviction object"):
        api.subresource(
            api.resource("pods"), "default", "web", {"metadata": {}}, "eviction", SYSTEM
        )


def test_an_unknown_pod_is_a_404(api: Registry) -> None:
    with pytest.raises(ApiError, check=lambda error: error.code == 404):
        evict(api)


def test_a_terminating_namespace_is_a_403_with_its_cause(api: Registry) -> None:
    spaces, pods = api.resource("namespaces"), api.resource("pods")
    api.create(spaces, {"metadata": {"name": "old"}})
    api.create(
        api.resource("serviceaccounts"), {"metadata": {"name": "default", "namespace": "old"}}
    )
    body = pod("web", nodeName="n")
    body["metadata"]["namespace"] = "old"
    api.create(pods, body)
    api.delete(spaces, "", "old")
    with pytest.raises(ApiError) as caught:
        api.subresource(pods, "old", "web", {"metadata": {"name": "web"}}, "eviction", SYSTEM)
    assert caught.value.code == 403
    assert caught.value.details["causes"][0]["reason"] == "NamespaceTerminating"


def test_dry_run_in_the_body_only_is_a_500(api: Registry) -> None:
    serving(api)
    with pytest.raises(ApiError, match="Non-matching dry-run options"):
        evict(api, dryRun=["All"])


def test_a_dry_run_checks_the_budget_and_writes_nothing(api: Registry) -> None:
    serving(api)
    budget(api, disruptionsAllowed=1)
    before = api.store.version
    for _ in range(3):
        assert evict(api, call=DRY)["code"] == 201
    assert api.store.version == before


def test_an_exhausted_budget_refuses_a_dry_run_too(api: Registry) -> None:
    serving(api)
    budget(api)
    with pytest.raises(ApiError, check=lambda error: error.code == 429):
        evict(api, call=DRY)


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed"])
def test_budgets_are_not_asked_for_pods_that_do_not_run(api: Registry, phase: str) -> None:
    serving(api, phase=phase)
    budget(api)
    evict(api)
    assert deleted(api)


def test_budgets_are_not_asked_for_a_terminating_pod(api: Registry) -> None:
    serving(api)
    budget(api)
    api.delete(api.resource("pods"), "default", "web")
    assert evict(api)["code"] == 201


@pytest.mark.parametrize(
    ("healthy", "desired", "allowed"), [(3, 3, True), (2, 3, False), (0, 0, False)]
)
def test_an_unready_pod_may_go_only_while_the_rest_is_healthy(
    api: Registry, healthy: int, desired: int, allowed: bool
) -> None:
    serving(api, ready=False)
    budget(api, currentHealthy=healthy, desiredHealthy=desired)
    if allowed:
        evict(api)
        assert "disruptedPods" not in state(api)
    else:
        with pytest.raises(ApiError, check=lambda error: error.code == 429):
            evict(api)
    assert deleted(api) is allowed


def test_always_allow_lets_an_unready_pod_go_without_a_debit(api: Registry) -> None:
    serving(api, ready=False)
    budget(api, currentHealthy=1)
    budgets = api.resource("poddisruptionbudgets", "policy")
    api.patch(budgets, "default", "web", {"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}})
    evict(api)
    assert deleted(api)


def test_a_wrong_uid_conflicts_and_leaks_the_budget(api: Registry) -> None:
    serving(api)
    budget(api, disruptionsAllowed=1)
    with pytest.raises(ApiError, check=lambda error: error.code == 409):
        evict(api, preconditions={"uid": "other"})
    assert state(api)["disruptionsAllowed"] == 0
    assert not deleted(api)


def test_too_many_disrupted_pods_are_a_403(api: Registry) -> None:
    serving(api)
    budget(api, disruptionsAllowed=1)
    budgets = api.resource("poddisruptionbudgets", "policy")
    many = {f"p{number}": "2027-01-15T08:00:00Z" for number in range(2001)}
    api.patch(budgets, "default", "web", {"status": {"disruptedPods": many}}, subresource="status")
    with pytest.raises(ApiError, check=lambda error: error.code == 403):
        evict(api)


def test_a_budget_that_selects_other_pods_is_not_asked(api: Registry) -> None:
    serving(api)
    budgets = api.resource("poddisruptionbudgets", "policy")
    for name, selector in (("none", None), ("other", {"matchLabels": {"app": "db"}})):
        spec = {"minAvailable": 1} | ({"selector": selector} if selector else {})
        api.create(budgets, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})
    evict(api)
    assert deleted(api)
