"""What a check names and the cluster does not have: gone is wrong, never there is not measured."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.objects.delete import VERB as DELETE
from resilience.actions.pods.kill import VERB as KILL
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.checks.ready import VERB as READY
from resilience.cluster.interface import DEPLOYMENTS, JOBS, PODS
from resilience.kube.selectors import Selector
from resilience.model.report import RunRecord
from resilience.model.scenario import Step
from resilience.model.values import Duration, Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import World, deployment, step, world

APP = Selector.parse("app=web")
KILLED = step(KILL, Phase.WHEN, pods=APP, count=1)


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    return made


def then(here: World, *when: Step, **asked: Any) -> RunRecord:
    return here.run(when=when or [KILLED], then=[step(READY, Phase.THEN, within=3.0, **asked)])


def test_a_name_that_never_was_is_not_measured_and_the_nearest_is_told(here: World) -> None:
    record = then(here, target=Reference.parse("deployment/wbe"))
    assert record.outcome is Outcome.NOT_MEASURED
    assert (
        "deployment/wbe does not exist in shop; there are: web; did you mean `web`?\n"
        in record.message
    )


def test_a_label_that_no_pod_had_is_not_measured(here: World) -> None:
    record = then(here, pods=Selector.parse("app=wbe"))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no Pod had these labels during the run" in record.message


@pytest.mark.parametrize(
    "asked",
    [
        {"target": Reference.parse("deployment/late")},
        {"target": Reference.parse("deployment/idle")},
        {"pods": Selector.parse("app=late")},
        {"pods": Selector.parse("app=idle")},
    ],
)
def test_what_is_not_there_yet_is_waited_for(here: World, asked: dict[str, Any]) -> None:
    here.deploy("idle", 0)

    def wake(obj: Any) -> None:
        obj["spec"]["replicas"] = 1

    def come() -> None:
        here.cluster.put(DEPLOYMENTS, deployment("late", 1))
        here.cluster.change(DEPLOYMENTS, "shop", "idle", wake)

    here.cluster.clock.after(3.0, come)
    given = [step(READY, Phase.GIVEN, within=20.0, **asked)]
    record = here.run(given=given, when=[KILLED])
    assert record.outcome is Outcome.PASSED, record.message


def test_all_waits_for_what_an_empty_namespace_will_hold() -> None:
    empty = world()

    def come() -> None:
        empty.cluster.put(DEPLOYMENTS, deployment())

    empty.cluster.clock.after(3.0, come)
    given = [step(READY, Phase.GIVEN, target="all", within=20.0)]
    record = empty.run(given=given, when=[KILLED])
    assert record.outcome is Outcome.PASSED, record.message


def test_what_was_there_and_is_gone_is_the_services_fault(here: World) -> None:
    here.controllers.frozen = True
    here.cluster.clock.after(0.5, lambda: here.cluster.remove(DEPLOYMENTS, "shop", "web"))
    seen = step(READY, Phase.GIVEN, target=Reference.parse("deployment/web"))
    check = step(READY, Phase.THEN, within=3.0, target=Reference.parse("deployment/web"))
    record = here.run(given=[seen], when=[KILLED], then=[check])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "deployment/web does not exist" in record.message


def test_pods_that_are_all_gone_are_the_services_fault(here: World) -> None:
    here.controllers.frozen = True
    record = then(here, step(KILL, Phase.WHEN, pods=APP, count=3), pods=APP)
    assert record.outcome is Outcome.SERVICE_FAILED


def test_what_an_action_was_to_bring_is_the_services_fault(here: World) -> None:
    """GitOps should have put it back, or an operator should have made it."""
    record = then(
        here,
        step(DELETE, Phase.WHEN, objects=("deployment/web",)),
        target=Reference.parse("deployment/web"),
    )
    assert record.outcome is Outcome.SERVICE_FAILED, record.message


def test_a_workload_that_wants_no_pods_is_not_measured(here: World) -> None:
    here.deploy("idle", 0)
    record = then(here, target=Reference.parse("deployment/idle"))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "it wants 0 Pods" in record.message


def test_nothing_at_all_fails_where_there_was_a_workload(here: World) -> None:
    deleted = step(DELETE, Phase.WHEN, objects=("deployment/web",))
    record = then(here, deleted, target="all")
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "contains no workload that wants Pods and no unfinished Pod; gone" in record.message
    assert "gone since the run began: deployment/web" in record.message


def test_nothing_at_all_is_not_measured_where_nothing_was_lost(here: World) -> None:
    scaled = step(SCALE, Phase.WHEN, workload=Reference.parse("deployment/web"), replicas=0)
    record = then(here, scaled, target="all")
    assert record.outcome is Outcome.NOT_MEASURED
    assert "gone since" not in record.message


def test_a_bare_pod_that_was_killed_leaves_nothing_that_is_ready() -> None:
    bare = world()
    bare.cluster.put(PODS, {
        "metadata": {"name": "one", "namespace": "shop", "labels": {"app": "web"}},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    })  # fmt: skip
    killed = step(KILL, Phase.WHEN, pods=APP, count=1, bare=True)
    record = then(bare, killed, target="all")
    assert record.outcome is Outcome.SERVICE_FAILED, record.message


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_not_waited_for(here: World, phase: str) -> None:
    put_ended(here, "once", phase, app="once")
    began = here.clock.now
    check = step(READY, Phase.THEN, within=60.0, target=Reference.parse("pod/once"))
    record = here.run(when=[KILLED], then=[check])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "has ended, so it will never be ready again" in record.message
    assert "m ended with exit code 3 (Error)" in record.message
    assert here.clock.now - began < 30


@pytest.mark.parametrize(
    ("ended", "seen", "outcome"),
    [
        ("Complete", True, Outcome.PASSED),
        ("Failed", True, Outcome.SERVICE_FAILED),
        ("Complete", False, Outcome.NOT_MEASURED),
    ],
)
def test_a_job_that_was_removed_since_is_what_it_was(
    here: World, ended: str, seen: bool, outcome: Outcome
) -> None:
    body = {"metadata": {"name": "once", "namespace": "shop"}, "kind": "Job", "status": {}}
    here.cluster.put(JOBS, body)
    here.cluster.clock.after(
        1.0, lambda: here.cluster.change(JOBS, "shop", "once", job_ends(ended))
    )
    here.cluster.clock.after(1.5, lambda: here.cluster.remove(JOBS, "shop", "once"))
    once = Reference.parse("job/once")
    slept = step(SLEEP, Phase.WHEN, 1, duration=Duration.of(3))
    looked = [step(READY, Phase.WHEN, 1, target=once, within=20.0)] if seen else [slept]
    check = step(READY, Phase.THEN, target=once)
    record = here.run(when=[KILLED, *looked], then=[check])
    assert record.outcome is outcome, record.message


def job_ends(how: str) -> Any:
    def end(job: Any) -> None:
        job["status"] = {"conditions": [{"type": how, "status": "True"}]}

    return end


def put_ended(here: World, name: str, phase: str, **labels: str) -> None:
    ended = {"exitCode": 3, "reason": "Error"}
    here.cluster.put(PODS, {
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": phase, "containerStatuses": [
            {"name": "m", "state": {"terminated": ended}}]},
    })  # fmt: skip


@pytest.mark.parametrize("ended", [0, 1, 5])
def test_too_few_pods_name_those_that_have_ended(here: World, ended: int) -> None:
    for number in range(ended):
        put_ended(here, f"task-{number}", "Failed", app="task")
    put_ended(here, "other", "Failed", app="other")
    record = then(here, KILLED, pods=Selector.parse("app=task"))
    told = [f"shop/task-{number} has ended: Failed (m ended with exit code 3 (Error))"
            for number in range(ended)]  # fmt: skip
    assert [text in record.message for text in told] == [True] * min(ended, 3) + [False] * max(
        0, ended - 3
    )
    assert "other" not in record.message
