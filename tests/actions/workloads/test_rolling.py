"""Which Pods a new template replaces, and what says before the change that it replaces none."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.workloads import rolling
from resilience.actions.workloads.restart import VERB as RESTART
from resilience.actions.workloads.set_image import VERB as SET_IMAGE
from resilience.cluster.interface import PODS, STATEFULSETS, Object
from resilience.model.report import RunRecord
from resilience.model.timeline import What
from resilience.model.values import Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.context import ActionFailed, NothingToDo
from tests.engine.helpers import World, step, world

DB = Reference.parse("statefulset/db")


def workload(kind: str = "StatefulSet", **spec: Any) -> Object:
    return {"kind": kind, "metadata": {"name": "db", "namespace": "shop"}, "spec": spec}


def partition(number: int | None, **more: Any) -> dict[str, Any]:
    return {"updateStrategy": {"rollingUpdate": {"partition": number}}, **more}


def pods(*numbers: int) -> list[Object]:
    return [{"metadata": {"name": f"my-db-{number}"}} for number in numbers]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (workload(replicas=2), ""),
        (workload(), ""),
        (workload(**partition(1), replicas=2), ""),
        (workload(**partition(None), replicas=2), ""),
        (workload(**partition(2), replicas=2), "has 2 Pods and partition 2, so it would replace"),
        (workload(**partition(1)), "has 1 Pod and partition 1, so it would replace none of them"),
        (workload("Deployment", **partition(9), replicas=2), ""),
        (workload("Deployment", replicas=0), "wants 0 Pods"),
        (workload("Deployment", paused=True), "is paused, so it would not roll out; resume it"),
        (workload("DaemonSet", updateStrategy={"type": "OnDelete"}), "has updateStrategy OnDelete"),
        (workload("DaemonSet"), ""),
    ],
)
def test_a_workload_that_would_keep_all_of_its_pods_is_told(made: Object, told: str) -> None:
    if not told:
        rolling.require(DB, made)
        return
    with pytest.raises(ActionFailed, match=f"statefulset/db {told}") as error:
        rolling.require(DB, made)
    assert isinstance(error.value, NothingToDo) is ("wants 0" in told)


@pytest.mark.parametrize(
    ("made", "there", "left"),
    [
        (workload(), pods(0, 1, 2), [0, 1, 2]),
        (workload(**partition(1)), pods(0, 1, 10), [1, 10]),
        (workload(**partition(1), ordinals={"start": 5}), pods(5, 6, 7), [6, 7]),
        (workload("Deployment", **partition(1)), pods(0, 1), [0, 1]),
    ],
)
def test_pods_below_the_partition_are_kept(
    made: Object, there: list[Object], left: list[int]
) -> None:
    assert rolling.replaced(made, there) == pods(*left)


@pytest.fixture
def here() -> World:
    made = world()
    template = {"spec": {"containers": [{"name": "db", "image": "db:1"}]}}
    spec = partition(1, replicas=2, template=template)
    owner = made.cluster.put(STATEFULSETS, {
        "metadata": {"name": "db", "namespace": "shop"}, "spec": spec})  # fmt: skip
    for name in ("db-0", "db-1"):
        reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db",
                     "uid": owner["metadata"]["uid"], "controller": True}  # fmt: skip
        made.cluster.put(PODS, {
            "metadata": {"name": name, "namespace": "shop", "ownerReferences": [reference]},
            "spec": {"nodeName": "node-1", "containers": []},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        })  # fmt: skip
    return made


def victims(record: RunRecord) -> list[str]:
    return [entry.facts["name"] for entry in record.timeline if entry.what is What.VICTIM]


def test_only_pods_above_the_partition_are_harmed_by_a_restart(here: World) -> None:
    record = here.run(when=[step(RESTART, Phase.WHEN, workload=DB, within=3.0)], settle=0.1)
    assert victims(record) == ["db-1"]
    told = "shop/db-1 is still there 60s after settling; the run no longer waits for it"
    assert told in [entry.text for entry in record.timeline], "it was never replaced"


@pytest.mark.parametrize("verb", [RESTART, SET_IMAGE])
def test_a_rollout_of_nothing_is_refused_before_the_workload_is_changed(
    here: World, verb: Any
) -> None:
    here.cluster.change(STATEFULSETS, "shop", "db", lambda obj: obj["spec"].update(**partition(2)))
    more: dict[str, Any] = {"image": "db:2"} if verb is SET_IMAGE else {}
    record = here.run(when=[step(verb, Phase.WHEN, workload=DB, **more)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "statefulset/db has 2 Pods and partition 2" in record.message
    assert [call for call in here.cluster.calls if "statefulsets" in call[1]
            and call[0] == "PATCH"] == []  # fmt: skip
    assert victims(record) == []
