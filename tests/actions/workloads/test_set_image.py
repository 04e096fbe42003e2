"""`set_image`: which container gets the image."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.workloads.set_image import VERB as SET_IMAGE
from resilience.cluster.interface import DEPLOYMENTS
from resilience.model.report import RunRecord
from resilience.model.values import Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import World, deployment, step, world

WEB = Reference.parse("deployment/web")


@pytest.fixture
def here() -> World:
    made = world()
    body: Any = deployment()
    body["spec"]["template"]["spec"]["initContainers"] = [
        {"name": "mesh", "image": "mesh:1", "restartPolicy": "Always"}
    ]
    made.cluster.put(DEPLOYMENTS, body)
    made.clock.until(lambda: False, made.clock.now + 3)
    return made


def rolled(here: World, container: str) -> RunRecord:
    chosen = step(SET_IMAGE, Phase.WHEN, workload=WEB, image="new:2", container=container)
    return here.run(when=[chosen], settle=0.1)


@pytest.mark.parametrize("container", ["", "web", "mesh"])
def test_a_sidecar_has_to_be_named_as_in_kubectl(here: World, container: str) -> None:
    record = rolled(here, container)
    assert record.outcome is Outcome.PASSED, record.message
    assert record.leftovers == ()
    [spec] = [each["spec"]["template"]["spec"] for each in here.cluster.find(DEPLOYMENTS, "shop")]
    assert spec["initContainers"][0]["image"] == "mesh:1"
    assert spec["containers"][0]["image"] == "web:1"


def test_another_container_with_that_image_is_no_proof(here: World) -> None:
    here.controllers.frozen = True
    chosen = step(SET_IMAGE, Phase.WHEN, workload=WEB, image="web:1", container="mesh", within=5.0)
    record = here.run(when=[chosen], settle=0.1)
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no Pod with it was created" in record.message


def test_a_container_that_is_not_there_is_told_with_those_that_are(here: World) -> None:
    assert "has no container side; it has: web, mesh" in rolled(here, "side").message
