"""A Pod that is being replaced is waited for; a namespace whose Pods do not get ready is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resilience.backup.data.command_pods import READY_WITHIN, TRIES, ReadyPod, ready_in
from resilience.backup.format.errors import SentinelFailed
from resilience.cluster.errors import ServerTrouble
from resilience.cluster.interface import PODS, Object
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


NOT_RUNNING = ServerTrouble(500, "container db is not running")


def leaves(cluster: FakeCluster) -> None:
    cluster.delete(PODS, "db-0", "a")


def goes(cluster: FakeCluster) -> None:
    cluster.put(PODS, marked(cluster, deletionTimestamp="2026-03-01T00:00:00Z"))


def is_replaced_under_its_name(cluster: FakeCluster) -> None:
    leaves(cluster)
    cluster.add(database("db-0", "a"))


def restarts(cluster: FakeCluster) -> None:
    cluster.put(PODS, {**marked(cluster), "status": database("db-0", ready=False)["status"]})


def marked(cluster: FakeCluster, **metadata: str) -> Object:
    pod = cluster.get(PODS, "db-0", "a")
    return {**pod, "metadata": {**pod["metadata"], **metadata}}


@pytest.mark.parametrize("happens", [leaves, goes, is_replaced_under_its_name, restarts])
@pytest.mark.parametrize("error", [NOT_RUNNING, SentinelFailed("ended with 137")])
def test_a_command_whose_pod_leaves_runs_in_the_next_one(
    happens: Callable[[FakeCluster], None], error: Exception
) -> None:
    cluster = two()
    tried: list[str] = []

    def command(pod: Object) -> str:
        tried.append(pod["metadata"]["name"])
        if len(tried) == 1:
            happens(cluster)
            raise error
        return "done"

    clock = Later(lambda: cluster.put(PODS, database("db-5", "a")))
    pod = ReadyPod(cluster=cluster, clock=clock, namespace="a", selector=DB)
    assert pod.run(command, SentinelFailed) == "done"
    same = happens is is_replaced_under_its_name
    assert tried == ["db-0", "db-0" if same else "db-5"]


@pytest.mark.parametrize("error", [NOT_RUNNING, SentinelFailed("ended with 1")])
def test_a_failure_beside_a_pod_that_stays_is_the_applications(error: Exception) -> None:
    tried: list[Object] = []

    def command(pod: Object) -> None:
        tried.append(pod)
        raise error

    pod = ReadyPod(cluster=two(), clock=FakeClock(), namespace="a", selector=DB)
    with pytest.raises(type(error)):
        pod.run(command, SentinelFailed)
    assert len(tried) == 1


def test_pods_that_leave_again_and_again_end_it() -> None:
    cluster = two()
    tried: list[Object] = []

    def command(pod: Object) -> None:
        tried.append(pod)
        is_replaced_under_its_name(cluster)
        raise SentinelFailed(f"attempt {len(tried)}")

    pod = ReadyPod(cluster=cluster, clock=FakeClock(), namespace="a", selector=DB)
    with pytest.raises(SentinelFailed, match=f"attempt {TRIES}"):
        pod.run(command, SentinelFailed)
    assert len(tried) == TRIES


def test_a_pod_that_never_gets_ready_is_told_after_its_time() -> None:
    clock = FakeClock()
    pod = ReadyPod(cluster=two(), clock=clock, namespace="b", selector=DB, within=7)
    with pytest.raises(SentinelFailed, match="no Pod app=db is ready in b after 7s"):
        pod.run(lambda pod: pod, SentinelFailed)
    assert 7 <= sum(clock.waited) < 8
