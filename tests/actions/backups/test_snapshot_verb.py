"""The verb `snapshot`, its rehearsal, names that two ask for at once; a plan's restore asks the
sentinel."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.backups.restore import Restore
from resilience.actions.backups.restore import run as bring_back
from resilience.actions.backups.snapshot import Snapshot, rehearse, run
from resilience.backup.catalog.catalog import opened, snapshots
from resilience.backup.catalog.verify import verify
from resilience.backup.data.container_stream import Ended
from resilience.backup.data.sentinel import line
from resilience.backup.data.volumes import TarVolumes
from resilience.backup.format import layout
from resilience.backup.format.errors import Exists
from resilience.backup.format.manifest import Manifest
from resilience.backup.plans.naming import under_free_name
from resilience.backup.store.directory import DirectoryStore
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.continued import continued
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.errors import Forbidden
from resilience.kube.selectors import Selector
from resilience.model.inside import Sentinel
from resilience.model.place import Place
from resilience.model.scenario import Plan
from resilience.verbs.context import ActionFailed
from tests.actions.backups.test_restore_verb import Context
from tests.backup.data.local_volumes import LocalExec, claimed, volumes
from tests.backup.data.test_hooks import database
from tests.backup.fakes import FakeClock, FakeCluster, shop

BASE = "shop-20260301020000"
SCOPE = Scope(namespaces=("shop",))
SENTINEL = Sentinel(pods=Selector.parse("app=db"), write=("tee", "x"), read=("cat", "x"))


class Planned(Context):
    """A context that knows one plan, and whose steps have a minute."""

    @property
    def deadline(self) -> float:
        return self.clock.monotonic() + 60

    def plan(self, name: str) -> Plan:
        return Plan(
            id="shop",
            title="shop",
            namespaces=("shop",),
            store="file:./data",
            sentinel=SENTINEL,
            place=Place(file=str(self.directory / "shop.plan.yaml"), line=1, column=1),
        )


def context(tmp_path: Path, cluster: FakeCluster | None = None) -> Planned:
    return Planned(cluster or shop(), tmp_path)


def test_a_snapshot_is_made_verified_and_its_proof_says_so(tmp_path: Path) -> None:
    one = context(tmp_path)
    run(Snapshot(store="file:./data"), one)  # type: ignore[arg-type]
    (made,) = snapshots(DirectoryStore(tmp_path / "data"))
    assert made.name == BASE
    assert one.proofs[0].startswith(f"snapshot {BASE} of ")


def test_it_says_what_it_does_not_continue(tmp_path: Path) -> None:
    cut = context(tmp_path)
    run(Snapshot(store="file:./data", name="cut"), cut)  # type: ignore[arg-type]
    (tmp_path / "data" / layout.marker("cut")).unlink()
    one = context(tmp_path)
    run(Snapshot(store="file:./data"), one)  # type: ignore[arg-type]
    assert [note for note in one.notes if "snapshot cut is unfinished" in note]


def test_one_that_is_killed_while_it_reads_volumes_can_be_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {"spec": {"volumeName": "pv-2", "accessModes": ["ReadWriteOnce"]}}
    cluster = claimed()
    cluster.add({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                 "metadata": {"name": "more", "namespace": "shop"}, **there})  # fmt: skip
    folder = tmp_path / "volume"
    folder.mkdir()
    pods = [f"shop/resilience-volume-{claim}" for claim in ("data", "more")]
    local = LocalExec(dict.fromkeys(pods, folder))

    def killed(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        if len(local.calls) == 2:
            shutil.copytree(tmp_path / "data", tmp_path / "left")
        return out, ended

    local.after = killed
    monkeypatch.setattr("resilience.backup.data.container_stream.ClusterExec", lambda _: local)
    run(Snapshot(store="file:./data", name="one", volumes=True), context(tmp_path, cluster))  # type: ignore[arg-type]
    reading = volumes(cluster, local)
    request = Request(name="one", scope=SCOPE, volumes=reading.take, saves=True)
    left, later = DirectoryStore(tmp_path / "left"), FakeClock()
    later.wait(3600)
    local.calls.clear()
    continued(request, cluster, left, clock=later, holder="test")
    assert [pod for _, pod, *_ in local.calls] == ["resilience-volume-more"]
    assert verify(opened(left, "one")).intact


@pytest.mark.parametrize("given", [Snapshot(store="file:./data"), Snapshot(plan="shop")])
def test_a_rehearsal_lists_everything_and_writes_nothing(tmp_path: Path, given: Snapshot) -> None:
    one = context(tmp_path)
    rehearse(given, one)  # type: ignore[arg-type]
    objects = verified_count(one.cluster)
    assert one.notes == [
        f"{objects} objects of shop, with 0 claims, would go into file:{tmp_path}/data, which "
        "holds 0 snapshots"
    ]
    assert {each[0] for each in one.cluster.requests} <= {"get", "list"}
    assert list(tmp_path.iterdir()) == []


def verified_count(cluster: FakeCluster) -> int:
    store = MemoryStore()
    create(Request(name="one", scope=SCOPE), cluster, store, clock=FakeClock())
    return verify(opened(store, "one")).objects


def test_a_rehearsal_tells_what_could_not_be_looked_at(tmp_path: Path) -> None:
    cluster = shop()

    def forbidden(verb: str, kind: str, namespace: str, name: str) -> None:
        if kind == "secrets":
            raise Forbidden(403, "secrets is forbidden")

    cluster.faults.append(forbidden)
    with pytest.raises(ActionFailed, match=r"would be incomplete.*secrets"):
        rehearse(Snapshot(store="file:./data"), context(tmp_path, cluster))  # type: ignore[arg-type]


def making(store: MemoryStore | DirectoryStore) -> Callable[[str], Manifest]:
    return lambda name: create(Request(name=name, scope=SCOPE), shop(), store, clock=FakeClock())


def test_who_is_second_takes_the_next_name() -> None:
    store, make, asked = MemoryStore(), None, list[str]()
    make = making(store)

    def late(name: str) -> Manifest:
        asked.append(name)
        if len(asked) == 1:  # between our look and our first write, someone else wrote
            make(name)
            raise Exists("taken")
        return make(name)

    assert under_free_name(store, BASE, late).name == f"{BASE}-2"
    assert asked == [BASE, f"{BASE}-2"]
    assert all(verify(opened(store, each)).intact for each in asked)


def test_a_name_that_is_never_free_is_an_error_in_the_end() -> None:
    def never(name: str) -> Manifest:
        raise Exists(f"{name} is taken")

    with pytest.raises(Exists, match="is taken"):
        under_free_name(MemoryStore(), BASE, never)


def test_of_many_at_the_same_moment_each_makes_one(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    make, together = making(store), threading.Barrier(4)

    def one() -> None:
        together.wait(60)
        under_free_name(store, BASE, make)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    found = snapshots(store)
    assert len(found) == 4
    assert all(verify(opened(store, each.name)).intact for each in found)


class Says:
    """An application that tells one record."""

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, 0

    def run(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] = lambda data: None,
        timeout: float = 60.0,
    ) -> Ended:
        self.asked += 1
        stdout(self.text.encode())
        return Ended(0, "")


@pytest.fixture
def lost(tmp_path: Path) -> Planned:
    """A snapshot with a sentinel, and a ConfigMap that was lost since."""
    cluster = shop()
    cluster.add(database("db-1"))
    request = Request(name=BASE, plan="shop", scope=SCOPE, sentinels=("shop",))
    create(request, cluster, DirectoryStore(tmp_path / "data"), clock=FakeClock())
    del cluster.objects["configmaps", "shop", "settings"]
    return context(tmp_path, cluster)


def restored(lost: Planned, says: Says, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    monkeypatch.setattr("resilience.backup.data.container_stream.ClusterExec", lambda cluster: says)
    bring_back(Restore(plan="shop", **more), lost)  # type: ignore[arg-type]


def test_a_plans_restore_is_done_when_the_application_tells_its_record(
    lost: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = Says(line(BASE, FakeClock().now()))
    restored(lost, says, monkeypatch)
    assert says.asked == 1
    assert f"the application returns the sentinel of {BASE}" in lost.notes


def test_an_application_that_tells_another_record_fails_the_restore(
    lost: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = Says(line("shop-20260101000000", FakeClock().now()))
    with pytest.raises(ActionFailed, match="was written for snapshot shop-20260101000000"):
        restored(lost, older, monkeypatch)


def test_data_that_was_left_alone_is_not_asked(
    lost: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = Says("anything")
    restored(lost, says, monkeypatch, existing="skip")
    assert says.asked == 0


@pytest.mark.parametrize(
    ("existing", "volumes", "asked"),
    [("skip", "overwrite", 1), ("update", "skip", 0), ("fail", "fill-empty", 1)],
)
def test_what_becomes_of_the_data_is_said_apart_from_the_objects(
    existing: str, volumes: str, asked: int, lost: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[str] = []
    real = TarVolumes.decide

    def decide(self: TarVolumes, *given: Any, **more: Any) -> Any:
        modes.append(self.mode)
        return real(self, *given, **more)

    monkeypatch.setattr(TarVolumes, "decide", decide)
    says = Says(line(BASE, FakeClock().now()))
    restored(lost, says, monkeypatch, existing=existing, volumes=volumes)
    assert set(modes) == {volumes}
    assert says.asked == asked
