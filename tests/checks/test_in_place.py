"""A Pod whose image was changed in place is ready only once its container is a new one."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.checks.ready import VERB as READY
from resilience.cluster.interface import PODS
from resilience.kube.selectors import Selector
from resilience.model.values import Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.checks.test_absent import KILLED
from tests.engine.helpers import World, step, world

ONE: dict[str, Any] = {"target": Reference.parse("pod/one")}
ASKED = [ONE, {"target": "all"}, {"pods": Selector.parse("app=one")}]


def status(container: str) -> dict[str, Any]:
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "web", "containerID": container}],
    }


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    made.cluster.put(PODS, {
        "metadata": {"name": "one", "namespace": "shop", "labels": {"app": "one"}},
        "spec": {"nodeName": "node-1", "containers": [{"name": "web", "image": "web:1"}]},
        "status": status("old"),
    })  # fmt: skip
    return made


def changes(here: World, after: float, *, image: str = "", container: str = "") -> None:
    def change(pod: Any) -> None:
        if image:
            pod["spec"]["containers"][0]["image"] = image
        if container:
            pod["status"] = status(container)

    here.cluster.clock.after(after, lambda: here.cluster.change(PODS, "shop", "one", change))


def asked(here: World, **what: Any) -> Any:
    seen = step(READY, Phase.GIVEN, **ONE)
    check = step(READY, Phase.THEN, within=6.0, **what)
    return here.run(given=[seen], when=[KILLED], then=[check])


@pytest.mark.parametrize("what", ASKED)
def test_the_old_container_proves_nothing(here: World, what: dict[str, Any]) -> None:
    changes(here, 0.5, image="web:2")
    record = asked(here, **what)
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "shop/one still runs web of web:1, not of web:2" in record.message


@pytest.mark.parametrize("what", ASKED)
def test_a_new_container_with_the_changed_image_is_ready(here: World, what: dict[str, Any]) -> None:
    changes(here, 0.5, image="web:2")
    changes(here, 4.0, container="new")
    assert asked(here, **what).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("policy", "outcome"), [("Always", Outcome.SERVICE_FAILED), (None, Outcome.PASSED)]
)
def test_a_sidecar_is_one_of_the_containers_and_an_init_container_has_ended(
    here: World, policy: str | None, outcome: Outcome
) -> None:
    def first(pod: Any) -> None:
        pod["spec"]["initContainers"] = [{"name": "i", "image": "i:1", "restartPolicy": policy}]
        pod["status"]["initContainerStatuses"] = [{"name": "i", "containerID": "first"}]

    def other(pod: Any) -> None:
        pod["spec"]["initContainers"][0]["image"] = "i:2"

    here.cluster.change(PODS, "shop", "one", first)
    here.cluster.clock.after(0.5, lambda: here.cluster.change(PODS, "shop", "one", other))
    record = asked(here, **ONE)
    assert record.outcome is outcome, record.message
    assert policy is None or "still runs i of i:1, not of i:2" in record.message


def test_a_change_that_is_taken_back_leaves_the_container_as_it_was(here: World) -> None:
    changes(here, 0.3, image="web:2")
    changes(here, 0.6, image="web:1")
    assert asked(here, **ONE).outcome is Outcome.PASSED


def test_what_keeps_a_pod_from_being_ready_is_told_and_not_waited_for(here: World) -> None:
    here.controllers.ready_after = 1000.0

    def breaks(pod: Any) -> None:
        waiting = {"reason": "InvalidImageName", "message": "invalid reference format"}
        pod["spec"]["containers"][0]["image"] = "no image"
        pod["status"] = {
            "phase": "Pending",
            "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "web", "state": {"waiting": waiting}}],
        }

    here.cluster.clock.after(1.0, lambda: here.cluster.change(PODS, "shop", "one", breaks))
    record = asked(here, **ONE)
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "not within" not in record.message
    assert "InvalidImageName: invalid reference format" in record.message
    assert "correct the image's name" in record.message
