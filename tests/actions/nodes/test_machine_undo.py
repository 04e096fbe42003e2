"""Starting a machine again: who starts it, how long it is awaited, whose cordon is removed."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.nodes import machines, node_down
from resilience.actions.nodes.machines import LOOK_EVERY
from resilience.actions.undo import object_undo
from resilience.cluster.interface import CONFIGMAPS, NODES, Means, Object
from resilience.engine.journal.undo_context import Undoing
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, ChangedSince
from tests.engine.fakes import FakeClock, FakeCluster

WITHIN = 10 * LOOK_EVERY


class Here:
    """A cluster with one node, and machines that note when they are started."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster(self.clock)
        self.started: list[tuple[str, float, Any]] = []
        self.cluster.means = Means(machines=self)  # type: ignore[arg-type]
        self.node("False")

    def up(self, via: Any, node: str, within: float, machine: Any = None) -> None:
        self.started.append((node, within, machine))

    def node(self, ready: str, **more: Any) -> None:
        status = {"conditions": [{"type": "Ready", "status": ready}]}
        self.cluster.put(NODES, {"metadata": {"name": "n"}, "status": status, **more})

    def undo(self, force: bool = False, **data: Any) -> None:
        context = Undoing(cluster=self.cluster, run=RunId("r1"), clock=self.clock,
                          deadline=self.clock.now + WITHIN, force=force)  # fmt: skip
        machines.undo({"node": "n", "cordoned": False, **data}, context)

    def there(self) -> Object:
        return self.cluster.have(NODES, "n", "")


@pytest.fixture
def here() -> Here:
    return Here()


def test_it_is_started_with_the_time_that_is_left_and_awaited(here: Here) -> None:
    here.clock.after(3 * LOOK_EVERY, lambda: here.node("True"))
    here.undo(machine="id-1")
    [(name, left, machine)] = here.started
    assert (name, machine) == ("n", "id-1")
    assert left == pytest.approx(WITHIN)
    assert 3 * LOOK_EVERY <= here.clock.now - 100.0 <= 4 * LOOK_EVERY + 1


def test_one_that_comes_back_by_itself_is_only_awaited(here: Here) -> None:
    here.clock.after(LOOK_EVERY, lambda: here.node("True"))
    here.undo(by_itself=True)
    assert here.started == []


@pytest.mark.parametrize(
    ("by_itself", "told"),
    [(True, "n has not come back by itself: "), (False, "n was started and is not Ready: ")],
)
def test_one_that_stays_away_is_told_at_the_deadline(
    here: Here, by_itself: bool, told: str
) -> None:
    with pytest.raises(ActionFailed, match=told):
        here.undo(by_itself=by_itself)
    assert WITHIN - LOOK_EVERY <= here.clock.now - 100.0 <= WITHIN


def test_a_node_that_a_cloud_forgot_is_awaited_until_it_registers_again(here: Here) -> None:
    here.node("True")
    here.cluster.remove(NODES, "", "n")
    here.clock.after(2 * LOOK_EVERY, lambda: here.node("True"))
    here.undo()
    assert here.clock.now - 100.0 >= 2 * LOOK_EVERY


CORDONED = {"spec": {"unschedulable": True}}


@pytest.mark.parametrize(
    ("spec", "data", "force", "cordoned"),
    [
        (CORDONED, {"by_driver": True}, False, False),
        (CORDONED, {}, True, False),
        (CORDONED, {"cordoned": True}, False, True),
        (CORDONED, {"cordoned": True, "by_driver": True}, False, True),
        ({"spec": {}}, {"by_driver": True}, False, None),
        ({"spec": None}, {}, False, None),
        ({}, {}, False, None),
    ],
)
def test_a_cordon_is_removed_where_its_driver_set_it(
    here: Here, spec: Any, data: Any, force: bool, cordoned: bool | None
) -> None:
    here.node("True", **spec)
    here.undo(force, **data)
    found = (here.there().get("spec") or {}).get("unschedulable")
    assert found == (True if cordoned else None)
    patched = [method for method, _ in here.cluster.calls if method == "PATCH"]
    assert bool(patched) is (cordoned is False)


def test_a_cordon_that_someone_else_set_stays(here: Here) -> None:
    here.node("True", **CORDONED)
    with pytest.raises(ChangedSince, match="n was cordoned by someone else since; it stays"):
        here.undo()
    assert here.there()["spec"] == {"unschedulable": True}


def test_a_helper_of_the_run_is_deleted_and_a_machine_is_started(here: Here) -> None:
    meta = {"name": "h", "namespace": "shop", "annotations": {object_undo.RUN: "r1"}}
    helper = here.cluster.put(CONFIGMAPS, {"metadata": meta})
    context = Undoing(cluster=here.cluster, run=RunId("r1"), clock=here.clock, deadline=200.0)
    node_down.undo(object_undo.creation(CONFIGMAPS, helper, "r1"), context)
    assert here.cluster.find(CONFIGMAPS) == []
    assert here.started == []
    here.node("True")
    node_down.undo({"node": "n", "cordoned": False}, context)
    assert [name for name, _, _ in here.started] == ["n"]
