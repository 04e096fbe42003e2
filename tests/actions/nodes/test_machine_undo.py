"""Starting a machine again: who starts it, how long it is awaited, whose cordon is removed."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.nodes import machines, node_down
from resilience.actions.nodes.machines import LOOK_EVERY, REMEMBERED
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
        self.is_heard = True
        self.cluster.means = Means(machines=self)  # type: ignore[arg-type]
        self.node("False")

    def up(self, via: Any, node: str, within: float, machine: Any = None) -> None:
        self.started.append((node, within, machine))
        if self.is_heard and self.cluster.find(NODES):
            self.cluster.change(NODES, "", "n", lambda node: node["status"]["conditions"][0].update(
                lastHeartbeatTime="after"))  # fmt: skip

    def node(self, ready: str, heard: str = "before", **more: Any) -> None:
        condition = {"type": "Ready", "status": ready, "lastHeartbeatTime": heard}
        status = {"conditions": [condition]}
        self.cluster.put(NODES, {"metadata": {"name": "n"}, "status": status, **more})

    def undo(self, force: bool = False, within: float = WITHIN, **data: Any) -> None:
        context = Undoing(cluster=self.cluster, run=RunId("r1"), clock=self.clock,
                          deadline=self.clock.now + within, force=force)  # fmt: skip
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
    [(True, "n has not come back by itself: "), (False, "n was started, but is not Ready: ")],
)
def test_one_that_stays_away_is_told_at_the_deadline(
    here: Here, by_itself: bool, told: str
) -> None:
    with pytest.raises(ActionFailed, match=told):
        here.undo(by_itself=by_itself)
    assert WITHIN - LOOK_EVERY <= here.clock.now - 100.0 <= WITHIN


@pytest.mark.parametrize("by_itself", [True, False])
def test_what_is_remembered_of_a_node_that_was_off_is_not_taken_for_its_return(
    here: Here, by_itself: bool
) -> None:
    here.is_heard = False
    here.node("True")
    here.clock.after(5 * LOOK_EVERY, lambda: here.node("True", heard="after"))
    here.undo(by_itself=by_itself)
    assert 5 * LOOK_EVERY <= here.clock.now - 100.0 <= 6 * LOOK_EVERY + 1


def test_a_node_that_was_heard_of_since_the_strike_has_returned(here: Here) -> None:
    here.is_heard = False
    here.node("True", heard="after")
    here.undo(by_itself=True, heard="before")
    assert here.clock.now - 100.0 <= LOOK_EVERY


def test_a_node_of_which_nothing_is_heard_is_told_at_the_deadline(here: Here) -> None:
    here.is_heard = False
    here.node("True")
    with pytest.raises(ActionFailed, match=r"Ready is True .*; nothing has been heard of it since"):
        here.undo()


def test_a_node_that_stayed_ready_for_longer_than_the_dead_are_remembered_is_there(
    here: Here,
) -> None:
    here.is_heard = False
    here.node("True")
    here.undo(within=2 * REMEMBERED)
    assert REMEMBERED <= here.clock.now - 100.0 <= REMEMBERED + 1


def test_a_node_that_was_unknown_meanwhile_has_returned_once_it_is_ready(here: Here) -> None:
    here.is_heard = False
    here.node("True")
    here.clock.after(LOOK_EVERY, lambda: here.node("Unknown"))
    here.clock.after(3 * LOOK_EVERY, lambda: here.node("True"))
    here.undo()
    assert 3 * LOOK_EVERY <= here.clock.now - 100.0 <= 4 * LOOK_EVERY + 1


def test_a_node_that_a_cloud_forgot_is_awaited_until_it_registers_again(here: Here) -> None:
    here.node("True")
    here.cluster.remove(NODES, "", "n")
    here.clock.after(2 * LOOK_EVERY, lambda: here.node("True"))
    here.undo()
    assert here.clock.now - 100.0 >= 2 * LOOK_EVERY


CORDONED: dict[str, Any] = {"spec": {"unschedulable": True}}


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
