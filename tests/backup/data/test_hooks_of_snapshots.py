"""Hooks around a snapshot: in order, and thawed whatever happens."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.command_pods import READY_WITHIN, TRIES
from resilience.backup.data.container_stream import Ended
from resilience.backup.data.hooks import around
from resilience.backup.format.errors import (
    BackupError,
    BadRequest,
    HookFailed,
)
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.errors import NotFound, ServerTrouble
from resilience.cluster.interface import PODS
from tests.backup.data.local_volumes import (
    SCOPE,
    claimed,
    user,
)
from tests.backup.fakes import FakeClock, FakeCluster


class Told:
    """An exec that remembers, and answers by the command's first word."""

    def __init__(self, **answers: Ended) -> None:
        self.ran: list[str] = []
        self.answers = answers

    def run(
        self, namespace: str, pod: str, container: str, command: Sequence[str], **options: Any
    ) -> Ended:
        self.ran.append(f"{pod}/{container}: {' '.join(command)}")
        return self.answers.get(command[0], Ended(0, ""))


def hooked(**annotations: str) -> FakeCluster:
    cluster = claimed()
    pod = cluster.objects["pods", "shop", "db-0"]
    pod["metadata"]["annotations"] = {
        f"{name.replace('_', '.hook.backup.velero.io/', 1).replace('_', '-')}": value
        for name, value in annotations.items()
    }
    return cluster


def with_hooks(
    cluster: FakeCluster, exec_: Told, passed: list[str], clock: FakeClock | None = None
) -> MemoryStore:
    store = MemoryStore()
    hooks = around(cluster, ["shop"], exec_, passed.append, clock=clock or FakeClock())
    create(Request(name="one", scope=SCOPE, hooks=hooks), cluster, store, clock=FakeClock())
    return store


def test_hooks_run_before_and_after() -> None:
    exec_ = Told()
    with_hooks(hooked(pre_command='["freeze", "now"]', post_command="thaw"), exec_, [])
    assert exec_.ran == ["db-0/db: freeze now", "db-0/db: thaw"]


def test_a_failing_hook_fails_the_snapshot_and_what_was_frozen_is_thawed() -> None:
    exec_ = Told(freeze=Ended(3, "no such database"))
    with pytest.raises(HookFailed, match="ended with 3: no such database"):
        with_hooks(frozen_and_thawed(), exec_, [])
    assert exec_.ran == ["db-0/db: freeze", "db-0/db: thaw"]


def test_a_hook_that_may_fail_is_told_and_passed_over() -> None:
    passed: list[str] = []
    exec_ = Told(freeze=Ended(None, ""))
    cluster = hooked(pre_command="freeze", pre_on_error="Continue")
    assert verify(opened(with_hooks(cluster, exec_, passed), "one")).intact
    assert "never ended" in passed[0]


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        (
            {"pre_command": "x", "pre_container": "nope"},
            "there is no container 'nope'; there are db",
        ),
        ({"pre_command": "x", "pre_on_error": "Ignore"}, "neither Fail nor Continue"),
        ({"pre_command": "x", "pre_timeout": "soon"}, "timeout: 'soon'; expected"),
        ({"pre_command": "[x"}, "not a JSON list"),
    ],
)
def test_a_hook_that_makes_no_sense_is_named(annotations: dict[str, str], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        with_hooks(hooked(**annotations), Told(), [])


def test_a_collector_that_fails_still_thaws() -> None:
    cluster, exec_ = hooked(post_command="thaw"), Told()

    def broken(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("list", "secrets"):
            raise BackupError("anything")

    cluster.faults.append(broken)
    with pytest.raises(BackupError):
        with_hooks(cluster, exec_, [])
    assert exec_.ran == ["db-0/db: thaw"]


NOT_RUNNING = ServerTrouble(500, "container db is not running")


class Refusing(Told):
    """The API server refuses the command; `first` happens before."""

    def __init__(self, refused: str, first: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.refused, self.first = refused, first

    def run(self, *where: str, **options: Any) -> Ended:  # type: ignore[override]
        _, pod, _, command = where
        if f"{pod} {command[0]}" == self.refused:
            self.first()
            raise NOT_RUNNING
        return super().run(*where, **options)


def comes(cluster: FakeCluster, name: str, old: str = "db-0", *, stays: bool = False) -> None:
    """A Pod comes instead of another one."""
    pod = copy.deepcopy(cluster.get(PODS, old, "shop"))
    if not stays:
        cluster.delete(PODS, old, "shop")
    pod["metadata"] |= {"name": name, "uid": f"uid-{name}"}
    cluster.put(PODS, pod)


def frozen_and_thawed() -> FakeCluster:
    return hooked(pre_command="freeze", post_command="thaw")


def test_a_refused_thaw_keeps_no_other_application_frozen() -> None:
    cluster = frozen_and_thawed()
    comes(cluster, "db-1", stays=True)
    exec_ = Refusing("db-0 thaw")
    with pytest.raises(HookFailed, match=r"db-0 \(db\) could not run: .*not running"):
        with_hooks(cluster, exec_, [])
    assert exec_.ran == ["db-0/db: freeze", "db-1/db: freeze", "db-1/db: thaw"]


def test_a_refused_command_that_may_fail_is_told_and_passed_over() -> None:
    passed: list[str] = []
    cluster = hooked(pre_command="freeze", pre_on_error="Continue")
    with_hooks(cluster, Refusing("db-0 freeze"), passed)
    assert "could not run: " in passed[0]


def test_what_comes_instead_of_a_pod_that_leaves_is_frozen_and_thawed() -> None:
    cluster, passed = frozen_and_thawed(), list[str]()
    comes(cluster, "db-9", stays=True)
    exec_ = Refusing("db-0 freeze", lambda: comes(cluster, "db-1"))
    assert verify(opened(with_hooks(cluster, exec_, passed), "one")).intact
    assert exec_.ran[:2] == ["db-9/db: freeze", "db-1/db: freeze"]
    assert sorted(exec_.ran[2:]) == ["db-0/db: thaw", "db-1/db: thaw", "db-9/db: thaw"]
    assert passed == []


@pytest.mark.parametrize("state", [{"phase": "Pending"}, {"phase": ""}, {}])
def test_a_pod_that_still_starts_is_waited_for(state: dict[str, str]) -> None:
    cluster = frozen_and_thawed()
    running = cluster.get(PODS, "db-0", "shop")["status"]

    class Starts(FakeClock):
        def wait(self, seconds: float) -> None:
            super().wait(seconds)
            if len(self.waited) == 3:
                pod = cluster.get(PODS, "db-1", "shop")
                cluster.put(PODS, {**pod, "status": running})

    def replaced() -> None:
        comes(cluster, "db-1")
        cluster.put(PODS, {**cluster.get(PODS, "db-1", "shop"), "status": state})

    exec_, clock = Refusing("db-0 freeze", replaced), Starts()
    with_hooks(cluster, exec_, [], clock)
    assert exec_.ran[0] == "db-1/db: freeze"
    assert len(clock.waited) == 3


@pytest.mark.parametrize(
    ("labels", "waits"),
    [({}, READY_WITHIN), ({"app.kubernetes.io/managed-by": "pytest-resilience"}, 0)],
)
def test_a_pod_that_never_starts_and_helpers_of_ours_stop_nothing(
    labels: dict[str, str], waits: float
) -> None:
    cluster, clock = frozen_and_thawed(), FakeClock()
    stuck = user("stuck")
    stuck["metadata"]["labels"] = labels
    stuck["status"] = {"phase": "Pending"}
    cluster.put(PODS, stuck)
    exec_ = Refusing("db-0 freeze", lambda: comes(cluster, "db-1"))
    with_hooks(cluster, exec_, [], clock)
    assert exec_.ran[0] == "db-1/db: freeze"
    assert waits <= sum(clock.waited) <= waits + 1


def test_a_pod_that_is_still_leaving_is_waited_for() -> None:
    """A StatefulSet creates the next one only then."""
    cluster = frozen_and_thawed()
    going = {"deletionTimestamp": "2026-03-01T00:00:00Z"}

    class Leaves(FakeClock):
        def wait(self, seconds: float) -> None:
            super().wait(seconds)
            comes(cluster, "db-1")
            pod = cluster.get(PODS, "db-1", "shop")
            del pod["metadata"]["deletionTimestamp"]
            cluster.put(PODS, pod)

    def leaving() -> None:
        pod = cluster.get(PODS, "db-0", "shop")
        cluster.put(PODS, {**pod, "metadata": {**pod["metadata"], **going}})

    exec_, clock = Refusing("db-0 freeze", leaving), Leaves()
    with_hooks(cluster, exec_, [], clock)
    assert exec_.ran[0] == "db-1/db: freeze"
    assert len(clock.waited) == 1


def test_a_pod_that_leaves_needs_no_thaw() -> None:
    cluster, passed = frozen_and_thawed(), list[str]()
    exec_ = Refusing("db-0 thaw", lambda: comes(cluster, "db-1"))
    assert verify(opened(with_hooks(cluster, exec_, passed), "one")).intact
    assert "its Pod has left meanwhile" in passed[0]


def test_pods_that_leave_again_and_again_fail_the_snapshot() -> None:
    cluster = frozen_and_thawed()
    tried: list[str] = []

    class Never(Told):
        def run(self, *where: Any, **options: Any) -> Ended:
            _, pod, _, command = where
            if command[0] == "freeze":
                tried.append(pod)
                comes(cluster, f"db-{len(tried)}", old=pod)
                raise NotFound(404, f'pods "{pod}" not found')
            return Ended(0, "")

    with pytest.raises(HookFailed, match="db-2"):
        with_hooks(cluster, Never(), [])
    assert tried == ["db-0", "db-1", "db-2"]
    assert len(tried) == TRIES
