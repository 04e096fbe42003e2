"""Hooks around a snapshot: in order, and thawed whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.container_stream import Ended
from resilience.backup.data.hooks import around
from resilience.backup.format.errors import (
    BackupError,
    BadRequest,
    HookFailed,
)
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.snapshot import Request, create
from tests.backup.data.local_volumes import (
    SCOPE,
    claimed,
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


def with_hooks(cluster: FakeCluster, exec_: Told, passed: list[str]) -> MemoryStore:
    store = MemoryStore()
    hooks = around(cluster, ["shop"], exec_, passed.append)
    create(Request(name="one", scope=SCOPE, hooks=hooks), cluster, store, clock=FakeClock())
    return store


def test_hooks_run_before_and_after() -> None:
    exec_ = Told()
    with_hooks(hooked(pre_command='["freeze", "now"]', post_command="thaw"), exec_, [])
    assert exec_.ran == ["db-0/db: freeze now", "db-0/db: thaw"]


def test_a_failing_hook_fails_the_snapshot_and_what_was_frozen_is_thawed() -> None:
    exec_ = Told(freeze=Ended(3, "no such database"))
    with pytest.raises(HookFailed, match="ended with 3: no such database"):
        with_hooks(hooked(pre_command="freeze", post_command="thaw"), exec_, [])
    assert exec_.ran[-1] == "db-0/db: thaw"


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
