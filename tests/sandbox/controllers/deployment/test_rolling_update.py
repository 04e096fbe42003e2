"""The arithmetic of Deployments (rules 3.2), table by table."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.deployment.proportional_scaling import is_scaling, scaled_sizes
from resilience.sandbox.controllers.deployment.rolling_update import new_set_size, old_set_sizes
from resilience.sandbox.controllers.deployment.rollout_facts import limits
from resilience.sandbox.controllers.deployment.rollout_revisions import (
    find_new,
    history_to_delete,
    new_set_annotations,
)
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube.api import Obj

START = 1_800_000_000.0


def a_deployment(replicas: int, surge: int | str = "25%", unavailable: int | str = "25%") -> Obj:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {
        "metadata": {"name": "web", "annotations": {}},
        "spec": {
            "replicas": replicas,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"v": 2}},
        },
    }


def a_set(
    name: str, replicas: int, available: int = 0, *, age: float = 0, version: int = 1, **notes: str
) -> Obj:
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": stamp(START - age),
            "annotations": {
                f"deployment.kubernetes.io/{k.replace('_', '-')}": v for k, v in notes.items()
            },
        },
        "spec": {
            "replicas": replicas,
            "template": {
                "metadata": {"labels": {"app": "web", "pod-template-hash": name}},
                "spec": {"v": version},
            },
        },
        "status": {"replicas": replicas, "availableReplicas": available},
    }


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [(3, "25%", "25%", (1, 0)), (10, "25%", "25%", (3, 2)), (4, 0, 0, (0, 1)),
     (3, 0, "100%", (0, 3)), (2, "50%", 5, (1, 2)), (0, "25%", "25%", (0, 0))],
)  # fmt: skip
def test_surge_rounds_up_and_unavailable_rounds_down(
    replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]
) -> None:
    assert limits(a_deployment(replicas, surge, unavailable)) == expected


@pytest.mark.parametrize(
    ("replicas", "old", "new", "size"),
    [(3, 3, 0, 1), (10, 10, 0, 3), (10, 8, 5, 5), (10, 5, 5, 8), (10, 2, 8, 10), (3, 0, 0, 3),
     (3, 9, 0, 0), (3, 0, 5, 3)],
)  # fmt: skip
def test_the_new_set_grows_into_the_room_that_surge_leaves(
    replicas: int, old: int, new: int, size: int
) -> None:
    every = [a_set("old", old), *([a_set("new", new)] if new else [])]
    assert new_set_size(a_deployment(replicas), every, new) == size


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        # (size, available) of the new set and of the old ones, oldest first; 10 replicas, floor 8
        pytest.param((3, 0), [(10, 10)], {"old0": 8}, id="down to the floor"),
        pytest.param((5, 3), [(8, 8)], {"old0": 5}, id="one for each that is available"),
        pytest.param((3, 0), [(8, 8)], {}, id="not below the floor"),
        pytest.param((3, 0), [(10, 6)], {"old0": 8}, id="unhealthy ones first, within budget"),
        pytest.param((3, 0), [(10, 9)], {"old0": 8}, id="unhealthy one, then one healthy"),
        pytest.param((10, 10), [(2, 2)], {"old0": 0}, id="the last of the old"),
        pytest.param((3, 3), [(2, 2), (8, 8)], {"old0": 0, "old1": 5}, id="oldest first"),
        pytest.param((3, 3), [(0, 0)], {}, id="nothing old runs"),
    ],
)
def test_old_sets_shrink_as_far_as_availability_allows(
    new: tuple[int, int], old: list[tuple[int, int]], expected: dict[str, int]
) -> None:
    olds = [a_set(f"old{i}", *size, age=1000 - i) for i, size in enumerate(old)]
    assert old_set_sizes(a_deployment(10), a_set("new", *new, age=0), olds) == expected


def told(replicas: int, surge: int = 3) -> dict[str, Any]:
    return {"desired_replicas": str(replicas), "max_replicas": str(replicas + surge)}


@pytest.mark.parametrize(
    ("wanted", "before", "old", "new", "expected"),
    [
        # 10 -> 15 in the middle of a rollout with surge 3: 18 Pods in the ratio 8 to 5
        pytest.param(15, 10, 8, 5, {"old": 11, "new": 7}, id="grow"),
        pytest.param(5, 10, 8, 5, {"old": 5, "new": 3}, id="shrink"),
        pytest.param(0, 10, 8, 5, {"old": 0, "new": 0}, id="to nothing"),
    ],
)
def test_a_rollout_is_scaled_in_proportion(
    wanted: int, before: int, old: int, new: int, expected: dict[str, int]
) -> None:
    olds = [a_set("old", old, old, age=100, **told(before))]
    fresh = a_set("new", new, new, **told(before))
    assert is_scaling(a_deployment(wanted, 3, 2), [*olds, fresh])
    sizes = scaled_sizes(a_deployment(wanted, 3, 2), fresh, olds)
    assert sizes == expected


def test_the_remainder_goes_to_the_largest_set() -> None:
    sets = [a_set(name, 3, 3, age=i, **told(9, 0)) for i, name in enumerate("abc")]
    sizes = scaled_sizes(a_deployment(10, 0, 1), None, sets)
    assert sizes == {"a": 4, "b": 3, "c": 3}


def test_a_single_active_set_is_simply_resized() -> None:
    new = a_set("new", 3, 3, **told(3))
    assert scaled_sizes(a_deployment(7), new, [a_set("old", 0)]) == {"new": 7}


def test_old_sets_go_to_zero_when_the_new_one_is_saturated() -> None:
    new = a_set("new", 5, 5, **told(5))
    assert scaled_sizes(a_deployment(5), new, [a_set("old", 2, 2)]) == {"old": 0}


def test_the_new_set_is_the_oldest_with_the_same_template() -> None:
    sets = [a_set("b", 1, age=1, version=2), a_set("a", 1, age=9, version=2), a_set("c", 1, age=99)]
    found = find_new(a_deployment(3), sets)
    assert found is not None
    assert found["metadata"]["name"] == "a"


def test_a_set_that_becomes_new_again_keeps_its_history() -> None:
    annotations = new_set_annotations(a_deployment(3), a_set("x", 1, revision="2"), 5)
    assert annotations["deployment.kubernetes.io/revision"] == "5"
    assert annotations["deployment.kubernetes.io/revision-history"] == "2"


def test_annotations_are_copied_but_not_the_last_applied_configuration() -> None:
    deployment = a_deployment(4)
    deployment["metadata"]["annotations"] = {
        "team": "shop", "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }  # fmt: skip
    assert new_set_annotations(deployment, None, 1) == {
        "team": "shop", "deployment.kubernetes.io/revision": "1",
        "deployment.kubernetes.io/desired-replicas": "4",
        "deployment.kubernetes.io/max-replicas": "5",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "gone"), [(10, []), (2, ["r1"]), (1, ["r1", "r2"]), (0, ["r1", "r2"])]
)
def test_history_beyond_the_limit_goes_lowest_revision_first(limit: int, gone: list[str]) -> None:
    deployment: dict[str, Any] = a_deployment(3)
    deployment["spec"]["revisionHistoryLimit"] = limit
    sets = [
        a_set("r3", 2, revision="3"),
        a_set("r1", 0, revision="1"),
        a_set("r2", 0, revision="2"),
    ]
    for rs in sets:
        rs["status"] |= {"observedGeneration": 1}
    assert [rs["metadata"]["name"] for rs in history_to_delete(deployment, sets)] == gone
