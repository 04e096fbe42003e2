"""What a DELETE does: grace, finalizers, propagation (rules 3.7, 3.10, 3.11)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.host.sandbox_clock import VirtualClock
from resilience.sandbox.kube.api import ApiError, Change
from tests.sandbox.apiserver.wire import config_map, deployment, pod


def running(api: Registry, name: str = "x", **metadata: Any) -> dict[str, Any]:
    body = pod(name, nodeName="node-1")
    body["metadata"] = {"name": name, "namespace": "default", **metadata}
    return api.create(api.resource("pods"), body)


def test_a_running_pod_gets_its_own_grace_and_one_more_generation(api: Registry) -> None:
    running(api)
    marked = api.delete(api.resource("pods"), "default", "x")["metadata"]
    assert marked["deletionTimestamp"] == "2027-01-15T08:00:30Z"
    assert marked["deletionGracePeriodSeconds"] == 30
    assert marked["generation"] == 2


def test_a_later_delete_may_only_shorten_the_grace(api: Registry, clock: VirtualClock) -> None:
    pods = api.resource("pods")
    running(api)
    api.delete(pods, "default", "x", grace=20)
    clock.advance(5)
    assert (
        api.delete(pods, "default", "x", grace=60)["metadata"]["deletionGracePeriodSeconds"] == 20
    )
    shorter = api.delete(pods, "default", "x", grace=10)["metadata"]
    assert shorter["deletionGracePeriodSeconds"] == 10
    assert shorter["deletionTimestamp"] == "2027-01-15T08:00:10Z"


@pytest.mark.parametrize(("grace", "changes"), [(19, True), (20, False), (21, False), (30, False)])
def test_a_later_delete_that_is_no_earlier_changes_nothing_and_nobody_hears_of_it(
    api: Registry, grace: int, changes: bool
) -> None:
    pods = api.resource("pods")
    running(api)
    before = api.delete(pods, "default", "x", grace=20)
    after = api.delete(pods, "default", "x", grace=grace)
    assert (
        after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    ) is changes
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_an_ended_pod_goes_at_once(api: Registry, phase: str) -> None:
    pods = api.resource("pods")
    running(api)
    api.patch(pods, "default", "x", {"status": {"phase": phase}}, subresource="status")
    api.delete(pods, "default", "x")
    assert api.find(pods, "default", "x") is None


def test_an_unscheduled_pod_goes_at_once(api: Registry) -> None:
    body = pod("x")
    body["metadata"]["namespace"] = "default"
    api.create(api.resource("pods"), body)
    api.delete(api.resource("pods"), "default", "x")
    assert api.find(api.resource("pods"), "default", "x") is None


def test_grace_zero_removes_at_once_and_negative_means_one(api: Registry) -> None:
    pods = api.resource("pods")
    running(api, "a")
    running(api, "b")
    gone = api.delete(pods, "default", "a", grace=0)
    assert gone["metadata"]["deletionGracePeriodSeconds"] == 0
    assert api.find(pods, "default", "a") is None
    assert api.delete(pods, "default", "b", grace=-5)["metadata"]["deletionGracePeriodSeconds"] == 1


def test_a_finalizer_holds_a_pod_that_was_deleted_with_grace_zero(api: Registry) -> None:
    pods = api.resource("pods")
    running(api, finalizers=["batch.kubernetes.io/job-tracking"])
    api.delete(pods, "default", "x", grace=0)
    assert api.get(pods, "default", "x")["metadata"]["deletionGracePeriodSeconds"] == 0
    api.patch(pods, "default", "x", {"metadata": {"finalizers": None}})
    assert api.find(pods, "default", "x") is None


def test_the_deleted_change_carries_the_last_state_at_the_removals_version(api: Registry) -> None:
    seen: list[Change] = []
    api.subscribe(api.resource("pods"), seen.append)
    running(api)
    api.delete(api.resource("pods"), "default", "x", grace=0)
    assert seen[-1].type == "DELETED"
    assert seen[-1].obj["metadata"]["resourceVersion"] == str(seen[-1].version)


def test_finalizers_hold_any_object_until_the_last_is_gone(api: Registry) -> None:
    maps = api.resource("configmaps")
    body = config_map("x")
    body["metadata"] |= {"namespace": "default", "finalizers": ["a/b", "c/d"]}
    api.create(maps, body)
    api.delete(maps, "default", "x")
    api.patch(maps, "default", "x", {"metadata": {"finalizers": ["c/d"]}})
    assert api.find(maps, "default", "x") is not None
    api.patch(maps, "default", "x", {"metadata": {"finalizers": []}})
    assert api.find(maps, "default", "x") is None


@pytest.mark.parametrize(
    ("propagation", "finalizers"),
    [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"])],
)
def test_the_propagation_policy_of_a_delete_leaves_its_finalizer(
    api: Registry, propagation: Any, finalizers: list[str]
) -> None:
    deployments = api.resource("deployments", "apps")
    body = deployment("web")
    body["metadata"]["namespace"] = "default"
    api.create(deployments, body)
    marked = api.delete(deployments, "default", "web", propagation=propagation)
    assert marked["metadata"]["finalizers"] == finalizers
    assert api.find(deployments, "default", "web") is not None


def test_jobs_orphan_by_default_and_deployments_do_not(api: Registry) -> None:
    jobs, deployments = api.resource("jobs", "batch"), api.resource("deployments", "apps")
    for resource, body in ((jobs, deployment("j")), (deployments, deployment("d"))):
        body["metadata"]["namespace"] = "default"
        api.create(resource, body | {"apiVersion": resource.api_version, "kind": resource.kind})
    assert api.delete(jobs, "default", "j")["metadata"]["finalizers"] == ["orphan"]
    api.delete(deployments, "default", "d")
    assert api.find(deployments, "default", "d") is None


@pytest.mark.parametrize("precondition", [{"uid": "other"}, {"version": "1"}])
def test_a_failed_precondition_conflicts_and_deletes_nothing(
    api: Registry, precondition: dict[str, str]
) -> None:
    running(api)
    with pytest.raises(ApiError, match="in the precondition") as caught:
        api.delete(api.resource("pods"), "default", "x", grace=0, **precondition)  # type: ignore[arg-type]
    assert caught.value.code == 409
    assert api.find(api.resource("pods"), "default", "x") is not None


def test_a_namespace_terminates_until_its_spec_finalizer_is_cleared(api: Registry) -> None:
    spaces = api.resource("namespaces")
    api.create(spaces, {"metadata": {"name": "old"}})
    marked = api.delete(spaces, "", "old")
    assert marked["status"]["phase"] == "Terminating"
    assert marked["spec"]["finalizers"] == ["kubernetes"]
    api.update(spaces, {"metadata": {"name": "old"}, "spec": {"finalizers": []}}, "finalize")
    assert api.find(spaces, "", "old") is None
