"""A namespace that is being deleted is waited for, and the progress says so meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resilience.backup.restore.leaving import require_settled
from resilience.model.progress import Done, Task, listening
from tests.backup.fakes import FakeClock, FakeCluster


class Ticking(FakeClock):
    """The namespace is gone after the third wait."""

    def __init__(self, cluster: FakeCluster) -> None:
        super().__init__()
        self._cluster, self._waits = cluster, 0

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        self._waits += 1
        if self._waits == 3:
            del self._cluster.objects["namespaces", "", "shop"]


def told(cluster: FakeCluster, *names: str) -> list[Any]:
    """What a listener hears of it."""
    heard: list[Any] = []

    @contextmanager
    def listener(task: Task) -> Iterator[Done]:
        heard.append((task.what, task.total, task.unit))
        yield heard.append
        heard.append("end")

    with listening(listener):
        require_settled(cluster, names, clock=Ticking(cluster), patience=60)
    return heard


def test_the_wait_is_a_task_that_names_the_namespace() -> None:
    cluster = FakeCluster()
    for name in ("shop", "bank"):
        cluster.namespace(name)
    going = cluster.objects["namespaces", "", "shop"]
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    task = ("wait until shop is deleted", 1, "namespace")
    assert told(cluster, "shop", "bank", "new") == [task, 0, 0, 1, "end"]


def test_without_one_there_is_no_task() -> None:
    cluster = FakeCluster()
    cluster.namespace("bank")
    assert told(cluster, "bank", "new") == []
