"""Pods that were being deleted before the run began do not keep everything from being ready."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.checks import leaving
from resilience.checks.ready import VERB as READY
from resilience.cluster.interface import PODS, Object, Resource, WatchEvent
from resilience.kube import objects
from resilience.model.values import Duration
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import step, world

LEAVING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def clone(name: str, **metadata: Any) -> Object:
    """A Pod of a kind that is not known."""
    owner = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "name": "clone",
             "uid": "clone", "controller": True}  # fmt: skip
    metadata = {"name": name, "namespace": "shop", "uid": name, "ownerReferences": [owner]} | (
        metadata
    )
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": metadata, "spec": {"containers": []}, "status": status}


def test_who_was_leaving_before_keeps_nothing_from_being_ready() -> None:
    here = world()
    here.deploy()
    here.controllers.stop_after = 1000.0
    here.cluster.put(PODS, clone("clone-1"))
    here.cluster.put(PODS, clone("clone-2", **LEAVING, deletionGracePeriodSeconds=900))
    record = here.run(
        when=[step(SLEEP, Phase.WHEN, duration=Duration.of(1))],
        then=[step(READY, Phase.THEN, target="all", within=3.0)],
    )
    assert record.outcome is Outcome.PASSED, record.message


class Seen:
    """What the run's watch has shown."""

    def __init__(self, *versions: Object) -> None:
        self._versions = versions

    def history(self, resource: Resource) -> list[WatchEvent]:
        assert resource == PODS
        return [WatchEvent("MODIFIED", each, 1.0) for each in self._versions]


@pytest.mark.parametrize(
    ("versions", "kept"),
    [
        ([clone("a", **LEAVING)], False),
        ([clone("a"), clone("a", **LEAVING)], True),
        ([clone("a", **LEAVING), clone("a", **LEAVING)], False),
        ([], True),
    ],
)
def test_only_the_first_sight_of_a_pod_counts(versions: list[Object], kept: bool) -> None:
    now, other = clone("a", **LEAVING), clone("b")
    found = leaving.without([now, other], Seen(*versions, other))  # type: ignore[arg-type]
    assert [objects.name(pod) for pod in found] == (["a", "b"] if kept else ["b"])
