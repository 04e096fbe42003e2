"""A volume that cannot be mounted is told while that holds, and not after the Pod has started."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from resilience.checks import stuck

FAILED = {
    "reason": "FailedMount",
    "message": 'MountVolume.SetUp failed for volume "key" : secret "key" not found',
    "involvedObject": {"uid": "p"},
}


class _Context:
    """A run that saw the Event a minute ago."""

    namespace = "shop"
    clock = SimpleNamespace(monotonic=lambda: 60.0)
    cluster = SimpleNamespace(means=SimpleNamespace(registry=False))

    def history(self, resource: Any) -> list[Any]:
        found = [FAILED] if resource.plural == "events" else []
        return [SimpleNamespace(object=each, received=0.0) for each in found]


def advice(*states: dict[str, Any], init: tuple[dict[str, Any], ...] = ()) -> list[str]:
    status = {
        "containerStatuses": [{"state": each} for each in states],
        "initContainerStatuses": [{"state": each} for each in init],
    }
    pod = {"metadata": {"name": "p", "uid": "p"}, "status": status}
    return stuck.remedies([pod], _Context())  # type: ignore[arg-type]


CREATING = {"waiting": {"reason": "ContainerCreating"}}
INITIALIZING = {"waiting": {"reason": "PodInitializing"}}


def test_a_missing_secret_of_a_volume_is_told_while_nothing_has_started() -> None:
    for found in (advice(), advice(CREATING), advice(INITIALIZING, init=(INITIALIZING,))):
        assert found == ["create it, or correct its name or key in the Pod"]


@pytest.mark.parametrize(
    "state",
    [
        {"running": {}},
        {"terminated": {"exitCode": 1}},
        {"waiting": {"reason": "CrashLoopBackOff"}},
        {"waiting": {"reason": "ImagePullBackOff", "message": "timeout"}},
    ],
    ids=lambda state: next(iter(state)),
)
def test_a_pod_that_has_started_since_has_its_volumes(state: dict[str, Any]) -> None:
    assert advice(state) == []
    assert advice(CREATING, state) == []
    assert advice(INITIALIZING, init=(state,)) == []
