"""A workload whose Pods the API server refuses: the service's failure, at once, in its words."""

from __future__ import annotations

import pytest

from resilience.actions.workloads.restart import VERB as RESTART
from resilience.cluster.interface import DEPLOYMENTS
from resilience.model.scenario import Step
from resilience.model.values import Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import World, step, world

QUOTA = (
    'pods "web-2" is forbidden: exceeded quota: all, requested: pods=1, used: pods=3, limited: 3'
)


@pytest.fixture(name="here")
def fixture_here() -> World:
    """A Deployment whose controller no longer makes Pods."""
    made = world()
    made.deploy()
    made.controllers.frozen = True
    return made


def refused(here: World, status: str = "True") -> None:
    found = here.cluster.have(DEPLOYMENTS, "web", "shop")
    condition = {"type": "ReplicaFailure", "status": status, "reason": "FailedCreate",
                 "message": QUOTA}  # fmt: skip
    found.setdefault("status", {})["conditions"] = [condition]


def restart(within: float = 60.0) -> Step:
    return step(RESTART, Phase.WHEN, within=within, workload=Reference.parse("deployment/web"))


def test_a_quota_that_forbids_the_pods_fails_the_service_at_once(here: World) -> None:
    refused(here)
    record = here.run(when=[restart()])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "deployment/web cannot make a Pod: " + QUOTA in record.message
    [tried] = record.steps
    assert tried.ended is not None
    assert tried.ended - tried.started < 10


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_condition_that_is_over_is_none(here: World, status: str) -> None:
    refused(here, status)
    record = here.run(when=[restart(within=10.0)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no Pod of it was created or deleted" in record.message
