"""A namespace that a restore created goes again, unless it is no longer only the restore's."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.backups import restore
from resilience.backup.objects.rules import RESTORE
from resilience.cluster.errors import Conflict
from resilience.cluster.interface import JOBS, NAMESPACES
from resilience.engine.journal.undo_context import Undoing
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, ChangedSince
from tests.engine.fakes import FakeClock, FakeCluster


class Here:
    """A cluster with a namespace of the restore `one`."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster(self.clock)
        self.put()

    def put(self, mark: str = "one", **more: Any) -> None:
        meta = {"name": "copy", "annotations": {RESTORE: mark}, **more}
        self.cluster.put(NAMESPACES, {"metadata": meta})

    def goes_after(self, seconds: float) -> None:
        def gone(resource: Any, kind: str, obj: Any) -> None:
            if resource == NAMESPACES and "deletionTimestamp" in obj["metadata"]:
                self.clock.after(seconds, lambda: self.cluster.remove(NAMESPACES, "", "copy"))

        self.cluster.hooks.append(gone)

    def undo(self, force: bool = False) -> None:
        context = Undoing(cluster=self.cluster, run=RunId("r1"), clock=self.clock,
                          deadline=self.clock.now + 20.0, force=force)  # fmt: skip
        restore.undo({"namespace": "copy", "restore": "one"}, context)

    @property
    def deletions(self) -> int:
        return sum(method == "DELETE" for method, _ in self.cluster.calls)


@pytest.fixture
def here() -> Here:
    return Here()


def test_it_is_deleted_and_awaited(here: Here) -> None:
    here.goes_after(5.0)
    here.undo()
    assert here.deletions == 1
    assert 5.0 <= here.clock.now - 100.0 <= 6.0


def test_one_that_is_going_already_is_only_awaited(here: Here) -> None:
    here.put(deletionTimestamp="2026-01-01T00:00:00Z")
    here.clock.after(2.0, lambda: here.cluster.remove(NAMESPACES, "", "copy"))
    here.undo()
    assert here.deletions == 0
    assert here.clock.now - 100.0 >= 2.0


def test_one_that_does_not_go_is_told(here: Here) -> None:
    with pytest.raises(ActionFailed, match="Namespace copy was deleted, but still exists"):
        here.undo()


def test_one_of_another_restore_or_that_is_gone_is_left_alone(here: Here) -> None:
    here.put(mark="two")
    here.undo()
    here.cluster.remove(NAMESPACES, "", "copy")
    here.undo()
    assert here.deletions == 0


@pytest.mark.parametrize("force", [True, False])
def test_one_that_holds_objects_of_others_goes_only_by_force(here: Here, force: bool) -> None:
    here.cluster.put(JOBS, {"metadata": {"name": "theirs", "namespace": "copy"}})
    here.goes_after(0.1)
    if force:
        here.undo(force=True)
        assert here.deletions == 1
        return
    with pytest.raises(
        ChangedSince,
        match=r"copy contains objects that this run did not create, "
        r"so it is not deleted: Job theirs",
    ):
        here.undo()
    assert here.deletions == 0


def test_one_that_was_replaced_at_that_moment_is_left_alone(here: Here) -> None:
    here.cluster.faults.append(
        lambda method, path: Conflict(409, "another uid") if method == "DELETE" else None
    )
    here.undo()
    assert here.clock.now - 100.0 < 1.0
