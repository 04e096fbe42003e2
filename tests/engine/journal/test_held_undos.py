"""What foreign finalizers hold is awaited together, and what may release it stays that long."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from resilience.engine.base.timeline import Timeline
from resilience.engine.journal.journal import Journal, Undo
from resilience.engine.journal.undo import CONTROLLERS, Putback, removes_a_controller
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, Held
from tests.engine.fakes import FakeClock
from tests.engine.helpers import MemorySink
from tests.engine.run.test_steps import toy

WITHIN = 180.0
ALONE = 2.0


class Deletions:
    """Undos by name; each of `held` is released at a time, or by the undo of that name."""

    def __init__(self, **held: float | str) -> None:
        self.held, self.calls = held, list[str]()
        self.done = set[str]()
        self.clock = FakeClock()
        self.began = self.clock.now

    def undo(self, data: Any, context: Any) -> None:
        name = data["name"]
        self.calls.append(name)
        if not self._released(name):
            self.clock.now += ALONE
            if not context.last:
                raise Held(f"{name} is held")
            self.clock.now = max(self.clock.now, min(context.deadline, self._when(name)))
            if not self._released(name):
                raise ActionFailed(f"{name} still exists")
        self.done.add(name)

    def _when(self, name: str) -> float:
        by = self.held[name]
        return self.began + by if isinstance(by, float) else float("inf")

    def _released(self, name: str) -> bool:
        by = self.held.get(name, 0.0)
        return by in self.done if isinstance(by, str) else self.clock.now >= self.began + by

    def put_back(self, *records: tuple[str, str, str]) -> list[str]:
        """(name, kind of record, plural), in the order of their creation; the time that it took
        is `self.seconds`."""
        journal = Journal([MemorySink()])
        journal.begin({"run": "r1", "scenario": "x"})
        for name, kind, plural in records:
            data = {"name": name, "kind": kind, "resource": {"plural": plural}}
            journal.record("make", "when[0]", data, name)
        verb = dataclasses.replace(toy(lambda context: None).verb, name="make", undo=self.undo)
        cluster: Any = None
        left = Putback(cluster=cluster, run=RunId("r1"), clock=self.clock, journal=journal,
                       timeline=Timeline(self.clock, lambda entry: None), verbs={"make": verb},
                       within=WITHIN).all()  # fmt: skip
        self.seconds = self.clock.now - self.began
        self.left = [undo.text for undo in journal.pending()]
        return left


def made(name: str, plural: str = "services") -> tuple[str, str, str]:
    return name, "created", plural


def test_objects_that_nobody_releases_take_the_time_of_one() -> None:
    here = Deletions(a=1e9, b=1e9, c=1e9)
    left = here.put_back(made("c"), made("b"), made("a"))
    assert left == [f"{name}: {name} still exists" for name in "abc"]
    assert here.left == ["a", "b", "c"]
    assert here.seconds <= WITHIN + 5 * ALONE


def test_each_is_undone_once_it_is_released() -> None:
    here = Deletions(a=90.0, b=60.0)
    assert here.put_back(made("c"), made("b"), made("a")) == []
    assert here.done == {"a", "b", "c"}
    assert here.seconds <= 100.0


def test_an_undo_that_brings_the_controller_back_is_not_held_up() -> None:
    """The run scaled an operator to nothing, and then created what it has to release."""
    here = Deletions(a="scale")
    assert here.put_back(("scale", "changed", "deployments"), made("a")) == []
    assert here.calls == ["a", "scale", "a"]
    assert here.seconds <= 3 * ALONE


def test_a_controller_that_the_run_created_stays_until_what_it_releases_is_gone() -> None:
    here = Deletions(a=30.0)
    assert here.put_back(made("operator", "deployments"), made("a")) == []
    assert here.calls == ["a", "a", "operator"]


def test_it_stays_no_longer_than_the_time_of_one() -> None:
    here = Deletions(a=1e9, b=1e9)
    left = here.put_back(made("b"), made("operator", "deployments"), made("a"))
    assert left == ["a: a still exists", "b: b still exists"]
    assert "operator" in here.done
    assert here.seconds <= WITHIN + 5 * ALONE


def test_what_is_released_after_that_is_still_undone() -> None:
    here = Deletions(a="b")
    assert here.put_back(made("b"), made("operator", "deployments"), made("a")) == []
    assert here.calls == ["a", "a", "operator", "b", "a"]


@pytest.mark.parametrize(
    ("data", "removes"),
    [
        ({"kind": "created", "resource": {"plural": "deployments"}}, True),
        ({"kind": "created", "resource": {"plural": "roles"}}, True),
        ({"kind": "created", "resource": {"plural": "configmaps"}}, False),
        ({"kind": "changed", "resource": {"plural": "deployments"}}, False),
        ({"kind": "created", "resource": "deployments"}, False),
        ({"kind": "created"}, False),
    ],
)
def test_only_the_deletion_of_what_a_controller_is_made_of_waits(
    data: dict[str, Any], removes: bool
) -> None:
    undo = Undo(id="1", verb="apply", path="given[0]", data=data, text="x")
    assert removes_a_controller(undo) is removes
    assert "deployments" in CONTROLLERS
