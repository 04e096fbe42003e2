"""What keeps a deleted object from going is named by what it is set on, and not waited for long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resilience.actions.undo import finalizers, object_undo
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import (
    CLAIMS,
    CONFIGMAPS,
    DEPLOYMENTS,
    NAMESPACES,
    NODES,
    PODS,
    Object,
)
from resilience.engine.journal.undo_context import Undoing
from resilience.kube import objects
from resilience.kube.clock import of_stamp
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, InUse
from tests.engine.helpers import World, world

HOLD = "example.com/hold"


@pytest.fixture
def here() -> World:
    made = world()
    made.cluster.hooks.clear()  # nobody collects garbage here
    return made


def held_pod(here: World, *, running: bool = False) -> Object:
    """A Pod that was deleted with its Deployment, and that a finalizer holds."""
    meta = {"name": "web-1", "namespace": "shop", "finalizers": [HOLD],
            "deletionTimestamp": here.cluster.stamp()}  # fmt: skip
    state = {"running": {}} if running else {"terminated": {"exitCode": 0}}
    return here.cluster.put(
        PODS, {"metadata": meta, "status": {"containerStatuses": [{"state": state}]}}
    )


def deleting(here: World) -> dict[str, Any]:
    """The record of a Deployment that this run created, and that waits for its Pods."""
    notes = {object_undo.RUN: "r1"}
    body = {"metadata": {"name": "web", "namespace": "shop", "annotations": notes,
                         "deletionTimestamp": here.cluster.stamp(),
                         "finalizers": ["foregroundDeletion"]}}  # fmt: skip
    data = object_undo.creation(DEPLOYMENTS, body, "r1")
    return object_undo.made(DEPLOYMENTS, data, here.cluster.put(DEPLOYMENTS, body))


def undone(here: World, data: dict[str, Any]) -> float:
    began = here.clock.now
    context = Undoing(cluster=here.cluster, run=RunId("r1"), clock=here.clock,
                      deadline=began + 180.0)  # fmt: skip
    with pytest.raises(ActionFailed, match="was deleted, but still exists: ") as failure:
        object_undo.undo(data, context)
    assert f"Pod shop/web-1 is held by its finalizer {HOLD}" in str(failure.value)
    assert "foregroundDeletion" not in str(failure.value)
    return here.clock.now - began


def test_a_pod_that_a_finalizer_holds_is_named_and_not_waited_for(here: World) -> None:
    held_pod(here)
    assert undone(here, deleting(here)) <= 2 * object_undo.PATIENCE


def test_a_pod_that_still_runs_is_waited_for_until_it_is_overdue(here: World) -> None:
    held_pod(here, running=True)
    waited = undone(here, deleting(here))
    assert finalizers.LATE <= waited <= 180.0


Change = Callable[[Object], Any]
DO = (
    "its controller has to do that, so see whether that runs (nobody else may: what it would clean"
    " up is left then)"
)


def set_by(manager: str, name: str = HOLD) -> dict[str, Any]:
    fields: dict[str, Any] = {"f:metadata": {"f:finalizers": {".": {}, f'v:"{name}"': {}}}}
    return {"manager": manager, "operation": "Update", "fieldsV1": fields}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda obj: obj["metadata"].update(finalizers=[HOLD]),
         [f"its finalizer {HOLD} is not removed: {DO}"]),
        (lambda obj: obj["metadata"].update(finalizers=[HOLD], managedFields=[
            set_by("other", "another.example/x"), set_by("web-operator")]),
         [f"its finalizer {HOLD}, set by web-operator, is not removed: {DO}"]),
        (lambda obj: obj["metadata"].update(finalizers=[HOLD], managedFields=[
            set_by("pytest-resilience")]),
         [f"its finalizer {HOLD}, set by a manifest of this run, is not removed: {DO}"]),
        (lambda obj: obj["metadata"].update(finalizers=["kubernetes.io/pvc-protection"]),
         ["its finalizer kubernetes.io/pvc-protection is not removed: something still uses it"]),
        (lambda obj: obj["metadata"].update(finalizers=["foregroundDeletion"]),
         ["it waits for what it owns (foregroundDeletion)"]),
        (lambda obj: None, ["no finalizer"]),
    ],
)  # fmt: skip
def test_an_objects_own_finalizer_is_named(here: World, change: Change, why: list[str]) -> None:
    obj = here.cluster.put(CONFIGMAPS, {"metadata": {"name": "a", "namespace": "shop"}})
    here.cluster.change(CONFIGMAPS, "shop", "a", change)
    assert finalizers.of(here.cluster, CONFIGMAPS, obj) == why


def test_a_namespace_says_itself_what_it_waits_for(here: World) -> None:
    says = "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource"
    status = {"conditions": [
        {"type": "NamespaceFinalizersRemaining", "status": "True", "message": says}]}  # fmt: skip
    space = here.cluster.put(NAMESPACES, {"metadata": {"name": "a"}, "status": status})
    assert finalizers.of(here.cluster, NAMESPACES, space) == [says]
    assert finalizers.foreign(space) == says
    assert objects.name(space) == "a"


LEFT = "2023-11-14T22:15:00Z"


def leaving(**more: Any) -> Object:
    meta = {"name": "web-1", "namespace": "shop", "finalizers": [HOLD, "orphan"],
            "deletionTimestamp": LEFT, **more.pop("metadata", {})}  # fmt: skip
    return {"metadata": meta, **more}


def state(**states: Any) -> Any:
    return {"status": {"containerStatuses": [{"state": states}]}}


RUNS, ENDED = state(running={}), state(terminated={})


@pytest.mark.parametrize(
    ("pod", "late", "is_held"),
    [
        (leaving(**ENDED), 0.0, True),
        (leaving(**RUNS), 0.0, False),
        (leaving(**RUNS), finalizers.LATE, False),
        (leaving(**RUNS), finalizers.LATE + 1, True),
        (leaving(), 0.0, True),
        (leaving(status={"containerStatuses": [{"state": None}]}), 0.0, True),
        (leaving(status={"containerStatuses": [{}, {"state": {"running": {}}}]}), 0.0, False),
        (leaving(status={"initContainerStatuses": [{"state": {"running": {}}}]}), 0.0, False),
        (leaving(metadata={"deletionTimestamp": None}, **ENDED), 99.0, False),
        (leaving(metadata={"finalizers": ["orphan"]}, **ENDED), 0.0, False),
        (leaving(metadata={"finalizers": None}, **ENDED), 0.0, False),
    ],
)
def test_a_pod_is_held_when_its_time_is_up_and_a_finalizer_remains(
    here: World, pod: Object, late: float, is_held: bool
) -> None:
    here.cluster.put(PODS, pod)
    here.cluster.now = lambda: of_stamp(LEFT) + late  # type: ignore[method-assign]
    owner: Object = {"metadata": {"name": "web", "namespace": "shop"}}
    told = [f"Pod shop/web-1 is held by its finalizer {HOLD}"] if is_held else []
    assert finalizers.stuck(here.cluster, DEPLOYMENTS, owner) == told
    space: Object = {"metadata": {"name": "shop"}}
    assert finalizers.stuck(here.cluster, NAMESPACES, space) == told
    elsewhere: Object = {"metadata": {"name": "shop", "namespace": "default"}}
    assert finalizers.stuck(here.cluster, CONFIGMAPS, elsewhere) == []


def test_a_pod_that_is_not_being_deleted_is_not_over() -> None:
    assert finalizers._is_over({"metadata": {}, **ENDED}, of_stamp(LEFT)) is False


def test_what_is_in_no_namespace_has_no_pods(here: World) -> None:
    here.cluster.put(PODS, leaving(**ENDED))
    before = len(here.cluster.calls)
    assert finalizers.stuck(here.cluster, NODES, {"metadata": {"name": "n"}}) == []
    assert len(here.cluster.calls) == before


def test_pods_that_may_not_be_listed_explain_nothing(here: World) -> None:
    here.cluster.put(PODS, leaving(**ENDED))
    here.cluster.faults.append(lambda method, path: Forbidden(403, "no"))
    owner: Object = {"metadata": {"name": "web", "namespace": "shop"}}
    assert finalizers.stuck(here.cluster, DEPLOYMENTS, owner) == []


def test_an_object_that_has_gone_meanwhile_is_held_by_nothing(here: World) -> None:
    gone: Object = {"metadata": {"name": "gone", "namespace": "shop"}}
    assert finalizers.of(here.cluster, CONFIGMAPS, gone) == ["it has just gone"]


def test_a_namespaces_own_finalizer_counts_beside_those_of_its_metadata(here: World) -> None:
    body = {"metadata": {"name": "b", "finalizers": [HOLD]}, "spec": {"finalizers": ["kubernetes"]}}
    space = here.cluster.put(NAMESPACES, body)
    assert finalizers.of(here.cluster, NAMESPACES, space) == [
        f"its finalizer {HOLD} is not removed: {DO}"
    ]
    here.cluster.change(NAMESPACES, "", "b", lambda obj: obj["metadata"].pop("finalizers"))
    told = ["it waits for what it owns (kubernetes)"]
    assert finalizers.of(here.cluster, NAMESPACES, space) == told


@pytest.mark.parametrize("last", [False, True])
def test_a_claim_in_use_is_left_to_a_later_moment_while_other_undos_follow(
    here: World, last: bool
) -> None:
    here.cluster.serve(CLAIMS)
    notes = {object_undo.RUN: "r1"}
    body = {"metadata": {"name": "data", "namespace": "shop", "annotations": notes,
                         "deletionTimestamp": here.cluster.stamp(),
                         "finalizers": ["kubernetes.io/pvc-protection"]}}  # fmt: skip
    data = object_undo.made(CLAIMS, object_undo.creation(CLAIMS, body, "r1"),
                            here.cluster.put(CLAIMS, body))  # fmt: skip
    began = here.clock.now
    context = Undoing(cluster=here.cluster, run=RunId("r1"), clock=here.clock,
                      deadline=began + 20.0, last=last)  # fmt: skip
    with pytest.raises(ActionFailed) as failure:
        object_undo.undo(data, context)
    assert isinstance(failure.value, InUse) is not last
    assert here.clock.now - began < (30 if last else 1)


@pytest.mark.parametrize("last", [False, True])
def test_a_namespace_whose_content_is_refused_is_left_to_a_later_moment(
    here: World, last: bool
) -> None:
    """A policy of the same run may forbid the deletion of its Pods."""
    why = "Failed to delete all resource types: pods is forbidden: pods stay"
    refused = {"type": "NamespaceDeletionContentFailure", "status": "True", "message": why}
    body = {"metadata": {"name": "made", "annotations": {object_undo.RUN: "r1"},
                         "deletionTimestamp": here.cluster.stamp(), "finalizers": [HOLD]},
            "status": {"conditions": [refused]}}  # fmt: skip
    data = object_undo.made(NAMESPACES, object_undo.creation(NAMESPACES, body, "r1"),
                            here.cluster.put(NAMESPACES, body))  # fmt: skip
    began = here.clock.now
    context = Undoing(cluster=here.cluster, run=RunId("r1"), clock=here.clock,
                      deadline=began + 20.0, last=last)  # fmt: skip
    with pytest.raises(ActionFailed, match="pods stay") as failure:
        object_undo.undo(data, context)
    assert isinstance(failure.value, InUse) is not last
    refused["status"] = "False"
    assert finalizers.in_use(body) == ""
