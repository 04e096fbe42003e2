"""The verb `restore`: what it chooses, what it refuses, and what its undo takes away again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.backups.restore import Restore, rehearse, run, undo
from resilience.backup.drills.scratch import SNAPSHOT
from resilience.backup.store.directory import DirectoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.checks.matches_snapshot import VERB as SAME
from resilience.checks.matches_snapshot import Same
from resilience.checks.matches_snapshot import run as same
from resilience.cluster.interface import NAMESPACES
from resilience.model.place import Place
from resilience.model.scenario import Plan
from resilience.model.verdict import Finding
from resilience.verbs.context import ActionFailed, NotMet
from tests.backup.fakes import FakeClock, FakeCluster, config_map, shop


class Time:
    """The engine's clock, as far as it is lent."""

    def __init__(self) -> None:
        self.inner = FakeClock()

    def monotonic(self) -> float:
        return self.inner.monotonic()

    def wall(self) -> float:
        return self.inner.monotonic()

    def wait(self, seconds: float) -> None:
        self.inner.wait(seconds)


class Step:
    path = "when[1]"
    place = Place("a.scenario.yaml", 1, 1)


class Context:
    """One step's context over the twin."""

    run = "run-1"
    namespace = "shop"
    identity_files = ()
    step = Step()

    def __init__(self, cluster: FakeCluster, directory: Path) -> None:
        self.cluster, self.directory, self.clock = cluster, directory, Time()
        self.undos: list[Mapping[str, Any]] = []
        self.proofs: list[str] = []
        self.notes: list[str] = []
        self.findings: list[Finding] = []

    def add_finding(self, finding: Finding) -> None:
        self.findings.append(finding)

    def plan(self, name: str) -> Plan:
        raise ActionFailed(f"no plan {name}")

    def note(self, what: object, text: str) -> None:
        self.notes.append(text)

    force = False

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        self.undos.append(copy.deepcopy(data))
        return "1"

    def amend_undo(self, undo: str, data: Mapping[str, Any]) -> None:
        self.undos[-1] = copy.deepcopy(data)

    def keep(self, uid: str) -> None:
        raise AssertionError(uid)

    def affected(self, obj: object, text: str, *, now: object = None) -> None:
        assert obj

    def proof(self, text: str, facts: object) -> None:
        self.proofs.append(text)

    def put_back(self) -> None:
        for data in reversed(self.undos):
            undo(data, self)  # type: ignore[arg-type]


@pytest.fixture
def saved(tmp_path: Path) -> Context:
    """Two snapshots in ./data; the second one holds `settings` with greeting "hello again"."""
    cluster, clock, store = shop(), FakeClock(), DirectoryStore(tmp_path / "data")
    scope = Scope(namespaces=("shop",))
    create(Request(name="b-old", scope=scope), cluster, store, clock=clock)
    cluster.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "hello again"}
    clock.moment += timedelta(hours=1)
    create(Request(name="a-new", scope=scope), cluster, store, clock=clock)
    return Context(cluster, tmp_path)


def back(context: Context, act: Callable[..., None] = run, **more: Any) -> None:
    act(Restore(store="file:./data", **more), context)


def test_what_was_lost_comes_back_from_the_newest_snapshot_and_same_can_tell(
    saved: Context,
) -> None:
    del saved.cluster.objects["configmaps", "shop", "settings"]
    back(saved)
    assert saved.proofs[0].startswith("snapshot a-new is restored in shop: ")
    settings = saved.cluster.objects["configmaps", "shop", "settings"]
    assert settings["data"] == {"greeting": "hello again"}
    assert "matches snapshot a-new" in same(Same(), saved)  # type: ignore[arg-type]
    (finding,) = saved.findings
    assert "may differ: all kinds metadata/uid: set by the API server (1)" in finding.detail
    settings["data"] = {"greeting": "other"}
    with pytest.raises(NotMet, match="settings"):
        same(Same(), saved)  # type: ignore[arg-type]


def test_what_has_changed_since_the_newest_snapshot_in_a_store_is_named(saved: Context) -> None:
    against = Same(store="file:./data")
    assert "everything in shop matches snapshot a-new" in same(against, saved)  # type: ignore[arg-type]
    saved.cluster.objects["configmaps", "shop", "more"] = config_map("more")
    with pytest.raises(NotMet, match=r"1 object differs from snapshot a-new:\n.*more.*was added"):
        same(against, saved)  # type: ignore[arg-type]
    saved.cluster.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "other"}
    with pytest.raises(NotMet, match="2 objects differ"):
        same(against, saved)  # type: ignore[arg-type]
    assert {(right.verb, right.resource) for right in SAME.rights(against, "shop")} == {
        ("get", "*"), ("list", "*")}  # fmt: skip
    with pytest.raises(NotMet, match="does not record from which snapshot"):
        same(Same(), saved)  # type: ignore[arg-type]


def test_the_marks_go_and_what_was_brought_back_stays(saved: Context) -> None:
    del saved.cluster.objects["configmaps", "shop", "settings"]
    back(saved)
    assert SNAPSHOT in saved.cluster.get(NAMESPACES, "shop")["metadata"]["annotations"]
    saved.put_back()
    found = saved.cluster.get(NAMESPACES, "shop")["metadata"]
    assert not found.get("annotations")
    assert ("configmaps", "shop", "settings") in saved.cluster.objects


def test_another_namespace_is_made_and_deleted_at_the_end(saved: Context) -> None:
    back(saved, into="copy", name="b-old")
    assert saved.cluster.objects["configmaps", "copy", "settings"]["data"] == {"greeting": "hello"}
    saved.put_back()
    assert not [key for key in saved.cluster.objects if "copy" in key]
    assert ("configmaps", "shop", "settings") in saved.cluster.objects


def test_a_namespace_that_somebody_made_anew_is_not_deleted(saved: Context) -> None:
    back(saved, into="copy")
    saved.cluster.delete(NAMESPACES, "copy")
    saved.cluster.namespace("copy")
    saved.put_back()
    assert saved.cluster.get(NAMESPACES, "copy")


def test_what_exists_and_differs_stops_it_before_the_first_create(saved: Context) -> None:
    saved.cluster.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "mine"}
    saved.cluster.requests.clear()
    with pytest.raises(ActionFailed, match="settings"):
        back(saved)
    writes = [each for each in saved.cluster.requests if each[0] in ("create", "patch", "delete")]
    assert writes == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "absent"}, "snapshot absent does not exist"),
        ({"into": "kube-system"}, "namespace kube-system already exists"),
    ],
)
def test_a_mistake_is_said_and_nothing_is_touched(
    saved: Context, more: dict[str, str], words: str
) -> None:
    saved.cluster.requests.clear()
    with pytest.raises(ActionFailed, match=words):
        back(saved, run, **more)
    assert {each[0] for each in saved.cluster.requests} <= {"get"}


def test_a_damaged_snapshot_is_not_restored(saved: Context) -> None:
    (archive,) = (saved.directory / "data").rglob("a-new.tar.gz")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.chmod(0o600)
    archive.write_bytes(data)
    with pytest.raises(ActionFailed, match="differs from what was written"):
        back(saved, existing="update")


def test_a_namespace_without_a_snapshot_is_named(saved: Context) -> None:
    saved.namespace = "other"
    with pytest.raises(ActionFailed, match="no snapshot of namespace other"):
        back(saved)


def test_a_rehearsal_asks_the_api_server_and_writes_nothing(saved: Context) -> None:
    saved.cluster.objects["configmaps", "shop", "extra"] = config_map("extra")
    del saved.cluster.objects["configmaps", "shop", "settings"]
    saved.cluster.requests.clear()
    back(saved, rehearse)
    assert "1 would be created" in saved.notes[-1]
    assert {each[0] for each in saved.cluster.requests} <= {"get", "list", "dry-create"}
    assert saved.undos == []
