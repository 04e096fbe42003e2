"""How long a deletion is awaited, how often it is looked at, and whose object is deleted."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.undo import object_undo
from resilience.actions.undo.object_undo import (
    FIRST_LOOK,
    HELD,
    LAST_LOOK,
    PATIENCE,
    wait_until_gone,
)
from resilience.cluster.interface import CONFIGMAPS, PODS, Object
from resilience.engine.journal.undo_context import Undoing
from resilience.kube import objects
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, Held
from tests.engine.fakes import FakeClock, FakeCluster

HOLD = "example.com/hold"


class Noting(FakeClock):
    """Notes each wait: the time waited before it, and how long it is."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[tuple[float, float]] = []

    def wait(self, seconds: float) -> None:
        self.waits.append((self.now - 100.0, seconds))
        super().wait(seconds)


class Here:
    """A cluster with one object, and the wait for it."""

    def __init__(self) -> None:
        self.clock = Noting()
        self.cluster = FakeCluster(self.clock)
        meta = {"name": "a", "namespace": "shop", "annotations": {object_undo.RUN: "r1"}}
        self.obj = self.cluster.put(CONFIGMAPS, {"metadata": meta})

    def wait(self, seconds: float, *, last: bool = True) -> None:
        context = Undoing(cluster=self.cluster, run=RunId("r1"), clock=self.clock,
                          deadline=100.0 + seconds, last=last)  # fmt: skip
        wait_until_gone(CONFIGMAPS, self.obj, context)

    def goes_after(self, seconds: float) -> None:
        self.clock.after(seconds, lambda: self.cluster.remove(CONFIGMAPS, "shop", "a"))

    def hold_a_pod(self) -> None:
        meta = {"name": "p", "namespace": "shop", "finalizers": [HOLD],
                "deletionTimestamp": self.cluster.stamp()}  # fmt: skip
        self.cluster.put(PODS, {"metadata": meta})


@pytest.fixture
def here() -> Here:
    return Here()


def test_looks_grow_rarer_with_the_time_waited(here: Here) -> None:
    here.goes_after(20.0)
    here.wait(60.0)
    for waited, pause in here.clock.waits:
        assert pause == pytest.approx(min(LAST_LOOK, max(FIRST_LOOK, waited / 20)), rel=1e-4)
    assert here.clock.waits[0][1] == FIRST_LOOK
    assert here.clock.waits[-1][1] == LAST_LOOK


@pytest.mark.parametrize("replaced", [True, False])
def test_it_returns_as_soon_as_the_object_is_gone_or_another(here: Here, replaced: bool) -> None:
    here.cluster.remove(CONFIGMAPS, "shop", "a")
    if replaced:
        here.cluster.put(CONFIGMAPS, {"metadata": {"name": "a", "namespace": "shop"}})
    here.wait(60.0)
    assert here.clock.waits == []


def test_the_wait_ends_before_a_look_that_would_come_after_the_deadline(here: Here) -> None:
    with pytest.raises(
        ActionFailed, match="ConfigMap shop/a was deleted, but still exists: no fin"
    ):
        here.wait(10.0)
    assert 9.4 < here.clock.now - 100.0 <= 10.0
    waited, pause = here.clock.waits[-1]
    assert waited + pause <= 10.0


def test_a_look_that_falls_on_the_deadline_is_taken(here: Here) -> None:
    here.goes_after(FIRST_LOOK / 2)
    here.clock.tick = lambda: None  # type: ignore[method-assign]
    here.wait(FIRST_LOOK)
    assert len(here.clock.waits) == 1


def test_a_held_pod_is_awaited_for_so_long_and_then_named_without_the_rest(here: Here) -> None:
    here.hold_a_pod()
    here.cluster.change(
        CONFIGMAPS, "shop", "a", lambda obj: obj["metadata"].update(finalizers=["own.example/x"])
    )
    with pytest.raises(ActionFailed) as found:
        here.wait(300.0)
    assert PATIENCE < here.clock.now - 100.0 <= PATIENCE + 2 * LAST_LOOK
    assert str(found.value).endswith(f"still exists: Pod shop/p is held by its finalizer {HOLD}")


def test_what_was_deleted_long_ago_is_not_awaited_as_long_again(here: Here) -> None:
    """Several objects that one held Pod keeps take the time of one."""
    here.hold_a_pod()
    here.cluster.change(
        CONFIGMAPS, "shop", "a",
        lambda obj: obj["metadata"].update(deletionTimestamp=here.cluster.stamp()),
    )  # fmt: skip
    here.clock.now += PATIENCE - 5
    began = here.clock.now
    with pytest.raises(ActionFailed, match="Pod shop/p is held"):
        here.wait(300.0)
    assert 3.0 < here.clock.now - began <= 5 + 1 + 2 * LAST_LOOK  # stamps are whole seconds


def test_before_that_a_held_pod_ends_no_wait(here: Here) -> None:
    here.hold_a_pod()
    here.goes_after(PATIENCE - 1)
    here.wait(300.0)
    assert here.clock.now - 100.0 <= PATIENCE


def test_at_the_deadline_everything_that_holds_is_named(here: Here) -> None:
    here.hold_a_pod()
    here.cluster.change(
        CONFIGMAPS, "shop", "a", lambda obj: obj["metadata"].update(finalizers=["own.example/x"])
    )
    with pytest.raises(ActionFailed) as found:
        here.wait(5.0)
    assert "its finalizer own.example/x is not removed: its contr" in str(found.value)
    assert "; Pod shop/p is held" in str(found.value)


def hold(here: Here, *names: str) -> None:
    here.cluster.change(
        CONFIGMAPS, "shop", "a", lambda obj: obj["metadata"].update(finalizers=list(names))
    )


def test_what_a_foreign_finalizer_holds_is_left_for_the_end_if_other_undos_follow(
    here: Here,
) -> None:
    hold(here, "foregroundDeletion", "own.example/x")
    with pytest.raises(Held, match=r"ConfigMap shop/a is held by own\.example/x"):
        here.wait(300.0, last=False)
    assert HELD < here.clock.now - 100.0 <= HELD + LAST_LOOK


@pytest.mark.parametrize("names", [("foregroundDeletion",), ()])
def test_what_waits_for_its_own_content_is_awaited_where_it_is(
    here: Here, names: tuple[str, ...]
) -> None:
    hold(here, *names)
    here.goes_after(HELD + 3)
    here.wait(300.0, last=False)
    assert here.clock.now - 100.0 >= HELD + 3


def test_a_finalizer_that_is_removed_at_once_is_awaited(here: Here) -> None:
    hold(here, "own.example/x")
    here.goes_after(HELD - 0.5)
    here.wait(300.0, last=False)


# ----- whose object it is


@pytest.mark.parametrize(
    ("record", "mark", "deleted"),
    [
        ({}, "r1", True),  # the answer with the uid was lost: the mark tells
        ({}, "r2", False),
        ({}, "", False),
        ({"uid": "own"}, "r1", True),
        ({"uid": "another"}, "r1", False),
    ],
)
def test_only_the_runs_own_object_is_deleted(
    here: Here, record: dict[str, Any], mark: str, deleted: bool
) -> None:
    notes: Object = {"annotations": {object_undo.RUN: mark} if mark else {}}
    here.cluster.change(CONFIGMAPS, "shop", "a", lambda obj: obj["metadata"].update(notes))
    data = object_undo.creation(CONFIGMAPS, here.obj, "r1") | record
    if record.get("uid") == "own":
        data["uid"] = objects.uid(here.obj)
    context = Undoing(cluster=here.cluster, run=RunId("r1"), clock=here.clock, deadline=160.0)
    object_undo.undo(data, context)
    assert bool(here.cluster.find(CONFIGMAPS, "shop")) is not deleted


def test_a_record_without_a_digest_has_no_key_for_one(here: Here) -> None:
    record = object_undo.creation(PODS, here.obj, "r1")
    assert "essence" not in object_undo.made(PODS, record, here.obj)
    assert "essence" in object_undo.made(CONFIGMAPS, record, here.obj)


def test_only_of_a_namespace_is_it_asked_who_else_uses_it(here: Here) -> None:
    """A ConfigMap has no content of others, though its name may be that of a namespace in use."""
    meta = {"name": "x", "namespace": "a"}
    here.cluster.put(PODS, {"metadata": meta})
    context = Undoing(cluster=here.cluster, run=RunId("r1"), clock=here.clock, deadline=160.0)
    data = object_undo.creation(CONFIGMAPS, here.obj, "r1") | {"uid": objects.uid(here.obj)}
    object_undo.undo(data, context)
    assert here.cluster.find(CONFIGMAPS, "shop") == []
