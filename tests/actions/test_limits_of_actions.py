"""What removes or replaces the Pods of a workload counts towards a target's limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.objects.delete import VERB as DELETE
from resilience.actions.workloads.restart import VERB as RESTART
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.actions.workloads.set_image import VERB as SET_IMAGE
from resilience.actions.workloads.suspend import VERB as SUSPEND
from resilience.cluster.interface import DEPLOYMENTS, JOBS, PODS, Object, Resource
from resilience.engine.base.run_guard import RunGuard
from resilience.kube import objects
from resilience.model.scenario import Step
from resilience.model.values import Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.context import Refused
from tests.engine.helpers import World, step, world

WEB = Reference.parse("deployment/web")


class Limited(RunGuard):
    """Counts as a target's limits do, and allows so many Pods."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.counted = most, set[str]()

    def may_harm(self, chosen: Any) -> None:
        self.counted |= {objects.uid(pod) for pod in chosen}
        if len(self.counted) > self.most:
            raise Refused(f"{len(self.counted)} Pods are too many")

    def may_harm_some(self, candidates: Any, most: int) -> None:
        if len(self.counted) + most > self.most:
            raise Refused(f"{len(self.counted) + most} Pods are too many")


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    return made


@pytest.mark.parametrize(
    ("action", "pods"),
    [
        (step(SCALE, Phase.WHEN, workload=WEB, replicas=1), 2),
        (step(SCALE, Phase.WHEN, workload=WEB, replicas=0), 3),
        (step(SET_IMAGE, Phase.WHEN, workload=WEB, image="other:1"), 3),
        (step(RESTART, Phase.WHEN, workload=WEB), 3),
        (step(DELETE, Phase.WHEN, objects=("deployment/web",), lasting=True), 3),
    ],
)
def test_the_pods_that_an_action_takes_away_are_within_the_limits(
    here: World, action: Step, pods: int
) -> None:
    [before] = here.cluster.find(DEPLOYMENTS, "shop")
    record = here.run(when=[action], guard=Limited(pods - 1))
    assert record.outcome is Outcome.REFUSED, record.message
    assert f"{pods} Pods are too many" in record.message
    [after] = here.cluster.find(DEPLOYMENTS, "shop")
    assert after["spec"] == before["spec"]


TEMPLATE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "other:1"}]}}}
"""
FEWER = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1}\n"
LABELLED = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {a: b}}\n"


@pytest.mark.parametrize(("manifest", "pods"), [(TEMPLATE, 3), (FEWER, 2), (LABELLED, 0)])
def test_the_pods_that_a_changed_manifest_takes_away_count(
    here: World, tmp_path: Path, manifest: str, pods: int
) -> None:
    here.directory = tmp_path
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda obj: obj.update(status={"replicas": 3}))
    (tmp_path / "web.yaml").write_text(manifest)
    limited = Limited(max(0, pods - 1))
    record = here.run(when=[step(APPLY, Phase.WHEN, file=Path("web.yaml"))], guard=limited)
    assert len(limited.counted) == pods
    assert (record.outcome is Outcome.REFUSED) is bool(pods), record.message


def test_a_deleted_pod_counts_toward_the_limit(here: World) -> None:
    name = objects.name(here.cluster.find(PODS, "shop")[0])
    limited = Limited(0)
    record = here.run(
        when=[step(DELETE, Phase.WHEN, objects=(f"pod/{name}",), lasting=True)], guard=limited
    )
    assert record.outcome is Outcome.REFUSED, record.message
    assert len(here.cluster.find(PODS, "shop")) == 3


def test_scaling_up_harms_no_pod_and_passes_a_limit_of_zero(here: World) -> None:
    record = here.run(when=[step(SCALE, Phase.WHEN, workload=WEB, replicas=5)], guard=Limited(0))
    assert record.outcome is Outcome.PASSED, record.message


def job(here: World) -> None:
    """A Job with two running Pods and one that has finished."""
    made = here.cluster.put(JOBS, {"metadata": {"name": "long", "namespace": "shop"}, "spec": {}})
    owner = {"kind": "Job", "name": "long", "uid": objects.uid(made), "controller": True}
    for name, phase in (("a", "Running"), ("b", "Running"), ("c", "Succeeded")):
        about = {"name": f"long-{name}", "namespace": "shop", "ownerReferences": [owner]}
        here.cluster.put(PODS, {"metadata": about, "spec": {}, "status": {"phase": phase}})


SUSPENDED = step(SUSPEND, Phase.WHEN, workload=Reference.parse("job/long"), within=5.0)


def test_the_pods_of_a_suspended_job_count(here: World) -> None:
    job(here)
    limited = Limited(1)
    record = here.run(when=[SUSPENDED], guard=limited)
    assert record.outcome is Outcome.REFUSED, record.message
    assert "2 Pods are too many" in record.message
    [after] = here.cluster.find(JOBS, "shop")
    assert not after["spec"]


@pytest.mark.parametrize("is_run", [True, False])
def test_a_suspended_job_has_no_pods_when_the_step_ends(here: World, is_run: bool) -> None:
    """`ready` right after it found them all there, and passed."""
    job(here)

    def end() -> None:
        for name in "ab":
            here.cluster.remove(PODS, "shop", f"long-{name}")

    def controller(resource: Resource, kind: str, obj: Object) -> None:
        if resource == JOBS and obj["spec"].get("suspend") and is_run:
            here.clock.after(2.0, end)

    here.cluster.hooks.append(controller)
    began = here.clock.now
    record = here.run(when=[SUSPENDED])
    assert (record.outcome is Outcome.PASSED) is is_run, record.message
    assert here.clock.now - began >= 2.0
    if not is_run:
        assert "within 5s it kept 2 Pods" in record.message


@pytest.mark.parametrize(("workload", "asks"), [("job/long", True), ("cronjob/long", False)])
def test_only_a_suspended_job_needs_to_see_pods(workload: str, asks: bool) -> None:
    suspend = SUSPEND.parameters(workload=Reference.parse(workload))
    asked = {each.resource for each in SUSPEND.rights(suspend, "shop")}
    assert (PODS.plural in asked) is asks
