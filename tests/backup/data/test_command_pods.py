"""A Pod that is being replaced is waited for; a namespace whose Pods do not get ready is told."""

from __future__ import annotations

from collections.abc import Callable

from resilience.backup.data.command_pods import READY_WITHIN, ready_in
from resilience.kube.selectors import Selector
from tests.backup.data.test_hooks import database
from tests.backup.fakes import FakeClock, FakeCluster

DB = Selector.parse("app=db")


class Later(FakeClock):
    """Something happens after a wait of five seconds."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens, self._end = happens, self.monotonic() + 5

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        if self.monotonic() >= self._end:
            self._happens()


def two() -> FakeCluster:
    """The database of `a` is ready, that of `b` is not."""
    cluster = FakeCluster()
    for name in ("a", "b", "c"):
        cluster.namespace(name)
    cluster.add(database("db-0", "a"), database("db-0", "b", ready=False))
    return cluster


def test_every_namespace_with_pods_is_waited_for() -> None:
    cluster = two()
    clock = Later(lambda: cluster.add(database("db-1", "b")))
    found, late = ready_in(cluster, ["a", "b", "c"], DB, clock)
    assert ({each: pod["metadata"]["name"] for each, pod in found.items()}, late) == (
        {"a": "db-0", "b": "db-1"}, [],
    )  # fmt: skip
    assert 5 <= sum(clock.waited) < 6


def test_a_namespace_that_is_never_ready_is_told_and_one_without_pods_is_not() -> None:
    clock = FakeClock()
    found, late = ready_in(two(), ["a", "b", "c"], DB, clock)
    assert (set(found), late) == ({"a"}, ["b"])
    assert READY_WITHIN <= sum(clock.waited) < READY_WITHIN + 1


def test_pods_that_have_ended_are_not_waited_for() -> None:
    cluster, clock = two(), FakeClock()
    ended = database("db-9", "c")
    ended["status"]["phase"] = "Succeeded"
    cluster.add(ended)
    found, late = ready_in(cluster, ["a", "c"], DB, clock)
    assert (set(found), late, clock.waited) == ({"a"}, [], [])
