"""Whoever else has a say in a workload is named before it is changed."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.workloads.conflicts import keepers, rollouts
from resilience.actions.workloads.restart import VERB as RESTART
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.cluster.interface import DEPLOYMENTS, SCALERS
from resilience.model.values import Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine import fakes
from tests.engine.helpers import World, step, world

WEB = Reference.parse("deployment/web")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(fakes, "KNOWN", (*fakes.KNOWN, SCALERS))
    made = world()
    made.deploy()
    return made


def autoscaled(here: World, name: str = "web") -> None:
    here.cluster.put(SCALERS, {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}, "maxReplicas": 9},
    })  # fmt: skip


def scaled(here: World, replicas: int) -> Any:
    return here.run(when=[step(SCALE, Phase.WHEN, workload=WEB, replicas=replicas)])


def test_scaling_against_an_autoscaler_is_refused_and_touches_nothing(here: World) -> None:
    autoscaled(here)
    record = scaled(here, 5)
    assert record.outcome is Outcome.REFUSED
    assert "HorizontalPodAutoscaler shop/web sets the replicas of deployment/web" in record.message
    assert len(here.pods()) == 3


def test_scaling_to_none_switches_the_autoscaler_off_and_is_done(here: World) -> None:
    autoscaled(here)
    assert scaled(here, 0).outcome is Outcome.PASSED


def test_an_autoscaler_of_something_else_does_not_matter(here: World) -> None:
    autoscaled(here, "other")
    assert scaled(here, 5).outcome is Outcome.PASSED


def test_who_keeps_a_workload_is_noted_before_it_is_changed(here: World) -> None:
    mark = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}
    here.cluster.change(
        DEPLOYMENTS, "shop", "web", lambda obj: obj["metadata"].update(annotations=mark)
    )
    record = here.run(when=[step(RESTART, Phase.WHEN, workload=WEB)])
    assert record.outcome is Outcome.PASSED, record.message
    [told] = [entry.text for entry in record.timeline if "Argo CD" in entry.text]
    assert told.startswith(
        "deployment/web is managed by Argo CD application shop, which may revert"
    )


@pytest.mark.parametrize(
    ("labels", "told"),
    [({"kustomize.toolkit.fluxcd.io/name": "apps"}, ["Flux Kustomization apps"]),
     ({"helm.toolkit.fluxcd.io/name": "web"}, ["Flux HelmRelease web"]),
     ({"app": "web"}, [])],
)  # fmt: skip
def test_marks_of_keepers_are_known(labels: dict[str, str], told: list[str]) -> None:
    found = list(keepers({"metadata": {"labels": labels}}))
    assert [text.partition(", ")[0] for text in found] == [f"is managed by {each}" for each in told]


@pytest.mark.parametrize(
    ("generation", "status", "rolling"),
    [(2, {"observedGeneration": 2, "updatedReplicas": 3}, False),
     (3, {"observedGeneration": 2, "updatedReplicas": 3}, True),
     (2, {"observedGeneration": 2, "updatedReplicas": 1}, True)],
)  # fmt: skip
def test_a_rollout_that_is_not_over_is_told(
    generation: int, status: dict[str, int], rolling: bool
) -> None:
    workload = {"metadata": {"generation": generation}, "spec": {"replicas": 3}, "status": status}
    assert bool(list(rollouts(workload))) is rolling


@pytest.mark.parametrize(
    ("status", "told"),
    [({"desiredNumberScheduled": 3, "updatedNumberScheduled": 3}, []),
     ({"desiredNumberScheduled": 3, "updatedNumberScheduled": 1}, ["1 of 3 Pods updated"]),
     ({"desiredNumberScheduled": 3}, ["0 of 3 Pods updated"])],
)  # fmt: skip
def test_a_daemon_sets_rollout_is_told_by_its_own_counts(
    status: dict[str, int], told: list[str]
) -> None:
    workload = {
        "metadata": {"generation": 2},
        "spec": {},
        "status": {"observedGeneration": 2, **status},
    }
    found = list(rollouts(workload))
    assert [text.partition("(")[2].partition(")")[0] for text in found] == told


@pytest.mark.parametrize("kind", ["ReplicaSet", "ReplicationController"])
def test_what_replaces_no_pod_has_no_rollout(kind: str) -> None:
    assert list(rollouts({"kind": kind, "spec": {"replicas": 3}, "status": {"replicas": 3}})) == []


@pytest.mark.parametrize(
    ("workload", "group", "plural"),
    [("rc/web", "", "replicationcontrollers"), ("deployment/web", "apps", "deployments")],
)
def test_a_scale_needs_the_permission_of_its_own_group(
    workload: str, group: str, plural: str
) -> None:
    scale = SCALE.parameters(workload=Reference.parse(workload), replicas=4)
    assert SCALE.check is not None
    assert not SCALE.check(scale)
    asked = {(each.verb, each.group, each.resource) for each in SCALE.rights(scale, "shop")}
    assert {("get", group, plural), ("patch", group, f"{plural}/scale")} <= asked
