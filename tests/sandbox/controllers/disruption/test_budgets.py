"""Disruption budgets (rules 2.2): the arithmetic, and the controller at work."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.disruption.budget_plan import expectation
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import condition
from tests.sandbox.controllers.world import World, deployment, pod

KIND = "poddisruptionbudgets.policy"


def a_budget(name: str = "web", app: str = "web", **spec: Any) -> Obj:
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": app}}, **spec}}


@pytest.mark.parametrize(
    ("spec", "pods", "wanted", "expected", "healthy"),
    [
        ({"minAvailable": 3}, 7, 9, 7, 3),
        ({"minAvailable": "50%"}, 9, 7, 7, 4),
        ({"minAvailable": "99%"}, 10, 10, 10, 10),
        ({"minAvailable": "100%"}, 5, 5, 5, 5),
        ({"minAvailable": "0%"}, 5, 5, 5, 0),
        ({"maxUnavailable": "30%"}, 7, 7, 7, 4),
        ({"maxUnavailable": "1%"}, 7, 7, 7, 6),
        ({"maxUnavailable": 1}, 9, 3, 3, 2),
        ({"maxUnavailable": 0}, 3, 3, 3, 3),
        ({"maxUnavailable": 5}, 3, 3, 3, 0),
        ({"maxUnavailable": "100%"}, 3, 3, 3, 0),
    ],
)
def test_how_many_must_stay_healthy(
    spec: dict[str, Any], pods: int, wanted: int, expected: int, healthy: int
) -> None:
    found = expectation(a_budget(**spec), pods, wanted)
    assert (found.pods, found.healthy) == (expected, healthy)


def figures(world: World, name: str = "web") -> tuple[int, int, int, int]:
    """Allowed, current, desired, expected."""
    status = world.get(KIND, name)["status"]
    return (
        status["disruptionsAllowed"],
        status["currentHealthy"],
        status["desiredHealthy"],
        status["expectedPods"],
    )


def allowed(world: World) -> tuple[str, str]:
    found = condition(world.get(KIND, "web"), "DisruptionAllowed")
    assert found is not None
    return found["status"], found["reason"]


@pytest.fixture
def guarded(world: World) -> World:
    """Three Pods of a Deployment, of which one may go."""
    world.create("deployments.apps", deployment())
    world.create(KIND, a_budget(maxUnavailable=1))
    world.run(5)
    return world


def test_the_status_of_a_healthy_service(guarded: World) -> None:
    assert figures(guarded) == (1, 3, 2, 3)
    assert allowed(guarded) == ("True", "SufficientPods")
    found = guarded.get(KIND, "web")
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]


def test_a_pod_that_is_not_ready_uses_the_budget(guarded: World) -> None:
    guarded.report(guarded.pods()[0]["metadata"]["name"], ready=False)
    guarded.run(0)
    assert figures(guarded) == (0, 2, 2, 3)
    assert allowed(guarded) == ("False", "InsufficientPods")


def test_a_terminating_pod_is_not_healthy_though_ready(guarded: World) -> None:
    guarded.delete("pods", guarded.pods()[0]["metadata"]["name"])
    guarded.run(0)
    assert figures(guarded)[:2] == (0, 2)


def test_expected_follows_the_deployment_not_the_pods(guarded: World) -> None:
    guarded.patch("deployments.apps", "web", {"spec": {"replicas": 6}})
    guarded.run(0)
    assert figures(guarded) == (0, 3, 5, 6)


def test_two_sets_of_one_deployment_are_one_scale(guarded: World) -> None:
    guarded.unready.add("web")
    container = {"name": "app", "image": "registry.k8s.io/pause:3.9"}
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    guarded.patch("deployments.apps", "web", template)
    guarded.run(5)
    assert len(guarded.pods()) == 4
    assert figures(guarded) == (1, 3, 2, 3)


def test_an_integer_minimum_counts_bare_pods_too(world: World) -> None:
    world.create(KIND, a_budget(minAvailable=1))
    for name in "ab":
        world.create("pods", pod(name))
    world.run(2)
    assert figures(world) == (1, 2, 1, 2)


def test_ended_pods_count_as_expected_under_an_integer_minimum(world: World) -> None:
    world.create(KIND, a_budget(minAvailable=1))
    for name in "ab":
        world.create("pods", pod(name))
    world.run(2)
    world.report("a", phase="Succeeded", ready=False)
    world.run(0)
    assert figures(world) == (0, 1, 1, 2)


def test_bare_pods_under_a_share_allow_nothing_and_are_told(world: World) -> None:
    world.create(KIND, a_budget(maxUnavailable=1))
    world.create("pods", pod("one"))
    world.run(2)
    assert figures(world) == (0, 1, 0, 0)
    assert world.events("UnmanagedPods", "web")[0].startswith(
        "Pods selected by this PodDisruptionBudget"
    )


def test_a_budget_without_pods_is_closed(world: World) -> None:
    world.create(KIND, a_budget(minAvailable=0))
    world.run(0)
    assert figures(world) == (0, 0, 0, 0)
    assert world.events("NoPods", "web") == ["No matching pods found"]


def test_an_owner_without_scale_makes_the_sync_fail(world: World) -> None:
    world.create(KIND, a_budget(maxUnavailable=1))
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod("x")["spec"]}
    selector = {"matchLabels": {"app": "web"}}
    spec = {"selector": selector, "template": template}
    world.create("daemonsets.apps", {"metadata": {"name": "web"}, "spec": spec})
    world.run(2)
    assert allowed(world) == ("False", "SyncFailed")
    assert world.get(KIND, "web")["status"]["disruptionsAllowed"] == 0
    assert world.events("CalculateExpectedPodCountFailed") == [
        "Failed to calculate the number of expected pods:"
        " daemonsets.apps does not implement the scale subresource"
    ]


def test_a_pod_under_two_budgets_is_told_so(world: World) -> None:
    world.create(KIND, a_budget("one", minAvailable=1))
    world.create(KIND, a_budget("two", minAvailable=1))
    world.create("pods", pod("both"))
    world.run(1)
    assert world.events("MultiplePodDisruptionBudgets", "both") == [
        'Pod "default"/"both" matches multiple PodDisruptionBudgets.  Chose "one" arbitrarily.'
    ]


def debit(world: World, name: str) -> None:
    """What an eviction writes that is then not carried out."""
    found = world.get(KIND, "web")
    status = {**found["status"], "disruptedPods": {name: stamp(world.clock.now())}}
    status["disruptionsAllowed"] -= 1
    world.api.update(world.kind(KIND), {**found, "status": status}, "status")


def test_a_debited_pod_does_not_count_for_two_minutes(guarded: World) -> None:
    name = guarded.pods()[0]["metadata"]["name"]
    debit(guarded, name)
    guarded.run(119)
    assert figures(guarded) == (0, 2, 2, 3)
    guarded.run(5)
    assert figures(guarded) == (1, 3, 2, 3)
    assert "disruptedPods" not in guarded.get(KIND, "web")["status"]
    assert guarded.events("NotDeleted", name)


def test_the_debit_ends_when_the_pod_is_deleted(guarded: World) -> None:
    name = guarded.pods()[0]["metadata"]["name"]
    debit(guarded, name)
    guarded.delete("pods", name)
    guarded.run(0)
    assert "disruptedPods" not in guarded.get(KIND, "web")["status"]


def test_a_stale_disruption_target_is_taken_back_after_two_minutes(guarded: World) -> None:
    name = guarded.pods()[0]["metadata"]["name"]
    found = guarded.get("pods", name)
    entry = {
        "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
        "message": "", "lastTransitionTime": stamp(guarded.clock.now()),
    }  # fmt: skip
    status = {**found["status"], "conditions": [*found["status"]["conditions"], entry]}
    guarded.api.update(guarded.kind("pods"), {**found, "status": status}, "status")
    guarded.run(119)
    assert (condition(guarded.get("pods", name), "DisruptionTarget") or {})["status"] == "True"
    guarded.run(3)
    assert (condition(guarded.get("pods", name), "DisruptionTarget") or {})["status"] == "False"
