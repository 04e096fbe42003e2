"""A snapshot that was killed is continued, and shared by shards, and is as good as any other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.container_stream import Ended
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    BackupError,
    BadRequest,
    Busy,
    Exists,
    HookFailed,
    Incomplete,
    NoSnapshot,
    Retained,
    VolumeFailed,
)
from resilience.backup.format.sign import Signer
from resilience.backup.plans.pruning import unfinished
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.store_lock import Lock
from resilience.backup.take.continued import Shard, continued, create_saving, save_shard
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import CLAIMS, NAMESPACES
from resilience.model.inside import Volumes
from tests.backup.data.local_volumes import LocalExec, volumes
from tests.backup.fakes import FakeClock, FakeCluster

CLAIMS_THERE = (("a", "one"), ("a", "two"), ("b", "one"), ("d", "one"))
SCOPE = Scope(namespaces=("a", "b", "d"))
HOLDER = "here, process 1"


class Shop:
    """Four claims in three namespaces, and what a killed run left of its snapshot."""

    def __init__(self, tmp_path: Path) -> None:
        self.cluster, self.store, self.clock = FakeCluster(), MemoryStore(), FakeClock()
        self.cluster.on_create = lambda obj: obj.setdefault("status", {"phase": "Running"})
        self.folder = tmp_path / "volume"
        self.folder.mkdir()
        self.folder.joinpath("file").write_text("content")
        for namespace in "abd":
            self.cluster.add({"apiVersion": "v1", "kind": "Namespace",
                              "metadata": {"name": namespace}})  # fmt: skip
        for namespace, name in CLAIMS_THERE:
            self.claim(namespace, name)
        self.exec = LocalExec(_Everywhere(self.folder))
        self.left = MemoryStore()
        self.told: list[str] = []

    def claim(self, namespace: str, name: str, disk: str = "pv") -> None:
        self.cluster.add({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"volumeName": disk, "accessModes": ["ReadWriteOnce"]},
        })  # fmt: skip

    def request(self, *, frozen: str = "", wanted: Volumes | None = None, scope: Scope = SCOPE,
                **more: Any) -> Request:  # fmt: skip
        reader = volumes(
            self.cluster, self.exec, wanted=wanted or Volumes(),
            frozen=lambda namespace: namespace == frozen,
        )  # fmt: skip
        reader = replace(reader, clock=self.clock)
        return replace(
            Request(name="one", scope=scope, volumes=reader.take, saves=True,
                    tell=self.told.append), **more,
        )  # fmt: skip

    def killed(self, after: int, **more: Any) -> None:
        """`left` is what the store has when the run is killed after so many volumes; after all of
        them, just before it is complete."""

        def look(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
            if len(self.exec.calls) == after + 1:
                self.left = copied(self.store)
            return out, ended

        def commit() -> None:
            if after == len(CLAIMS_THERE):
                self.left = copied(self.store)

        self.exec.after = look
        more = {"before_commit": commit} | more
        create_saving(
            self.request(**more), self.cluster, self.store, clock=self.clock, holder=HOLDER
        )
        assert self.left.files
        self.exec.after = lambda out, ended: (out, ended)
        self.exec.calls.clear()
        self.clock.wait(timedelta(hours=1).total_seconds())

    def go_on(self, **more: Any) -> None:
        continued(self.request(**more), self.cluster, self.left, clock=self.clock, holder=HOLDER)

    @property
    def read(self) -> list[tuple[str, str]]:
        """What was read since: namespace and claim."""
        prefix = "resilience-volume-"
        return [(namespace, pod.removeprefix(prefix)) for namespace, pod, *_ in self.exec.calls]

    def require_whole(self) -> None:
        found = opened(self.left, "one")
        assert verify(found).intact, verify(found)
        assert found.manifest
        there = [(each.namespace, each.claim) for each in found.manifest.volumes]
        assert there == [*CLAIMS_THERE]
        assert not [key for key in self.left.files if key.startswith(layout.saved("one"))]


def copied(store: MemoryStore, into: MemoryStore | None = None) -> MemoryStore:
    made = into or MemoryStore()
    for key, data in list(store.files.items()):
        made.put(key, data)
    return made


class _Everywhere(dict[str, Path]):
    """Every Pod has the same folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __missing__(self, pod: str) -> Path:
        return self._folder


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_what_is_saved_is_not_read_again(shop: Shop) -> None:
    began = shop.clock.now()
    shop.killed(2)
    shop.go_on()
    assert shop.read == [("b", "one"), ("d", "one")]
    shop.require_whole()
    manifest = opened(shop.left, "one").manifest
    assert manifest
    assert (manifest.started, shop.told) == (began, [])


def test_a_snapshot_that_is_not_killed_leaves_nothing_of_its_records(shop: Shop) -> None:
    shop.killed(1)
    assert not [key for key in shop.store.files if key.startswith(layout.saved("one"))]
    assert verify(opened(shop.store, "one")).intact


def test_a_killed_snapshot_counts_as_unfinished_from_its_first_file(shop: Shop) -> None:
    shop.killed(0)
    assert [each.name for each in unfinished(shop.left)] == ["one"]


@pytest.mark.parametrize("again", ["uid", "disk"])
def test_a_claim_that_is_another_one_now_is_read_again(shop: Shop, again: str) -> None:
    shop.killed(4)
    if again == "uid":
        shop.cluster.delete(CLAIMS, "one", "b")
        shop.claim("b", "one")
    else:
        shop.cluster.objects[CLAIMS.full_name, "b", "one"]["spec"]["volumeName"] = "another"
    shop.go_on()
    assert shop.read == [("b", "one")]
    shop.require_whole()


def test_a_claim_that_is_gone_is_not_in_the_snapshot(shop: Shop) -> None:
    shop.killed(4)
    shop.cluster.delete(CLAIMS, "one", "d")
    shop.go_on()
    assert shop.read == []
    assert layout.volume("one", "d", "one") not in shop.left.files
    assert verify(opened(shop.left, "one")).intact


def test_volumes_between_the_same_hooks_belong_together(shop: Shop) -> None:
    shop.killed(1, frozen="a")
    shop.go_on(frozen="a")
    assert shop.read == [("a", "one"), ("a", "two"), ("b", "one"), ("d", "one")]
    shop.require_whole()


def test_volumes_that_were_all_read_between_the_same_hooks_are_used(shop: Shop) -> None:
    shop.killed(2, frozen="a")
    shop.go_on(frozen="a")
    assert shop.read == [("b", "one"), ("d", "one")]


def test_a_replaced_claim_takes_the_others_of_its_frozen_namespace_with_it(shop: Shop) -> None:
    shop.killed(4, frozen="a")
    shop.cluster.delete(CLAIMS, "two", "a")
    shop.claim("a", "two")
    shop.go_on(frozen="a")
    assert shop.read == [("a", "one"), ("a", "two")]
    shop.require_whole()


def test_a_volume_that_changed_while_it_was_read_is_read_again_where_that_fails(
    shop: Shop,
) -> None:
    shop.killed(4)
    body = shop.left.files[RECORD].partition(b"\n\n")[2]
    shop.left.files[RECORD] = sealed(body.replace(b'"warnings": []', b'"warnings": ["a changed"]'))
    shop.go_on(wanted=Volumes(changing="fail"))
    assert (shop.read, shop.told) == ([("b", "one")], [])
    shop.require_whole()


def test_volumes_of_two_runs_are_not_mixed_where_hooks_run(shop: Shop) -> None:
    shop.killed(1)
    halfway(shop)
    shop.go_on(frozen="a")
    assert shop.read == [("a", "one"), ("a", "two"), ("b", "one"), ("d", "one")]
    shop.require_whole()


def halfway(shop: Shop) -> None:
    """A second run reads one more volume, and fails at the next."""

    def fail(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        return (out, Ended(2, "no")) if len(shop.exec.calls) > 1 else (out, ended)

    shop.exec.after = fail
    with pytest.raises(VolumeFailed):
        shop.go_on()
    shop.exec.after = lambda out, ended: (out, ended)
    shop.exec.calls.clear()


def test_what_a_continued_run_saved_stays_when_it_fails(shop: Shop) -> None:
    shop.killed(1)
    halfway(shop)
    shop.go_on()
    assert shop.read == [("b", "one"), ("d", "one")]
    shop.require_whole()


def test_a_first_run_that_fails_takes_everything_back(shop: Shop) -> None:
    shop.exec.after = lambda out, ended: (out, Ended(2, "no"))
    with pytest.raises(VolumeFailed):
        create_saving(shop.request(), shop.cluster, shop.store, clock=shop.clock, holder=HOLDER)
    assert not [key for key in shop.store.files if key.startswith("backups/")]


def test_a_snapshot_of_another_cluster_is_not_continued_here(shop: Shop) -> None:
    shop.killed(2)
    before = dict(shop.left.files)
    shop.cluster.objects[NAMESPACES.full_name, "", "kube-system"]["metadata"]["uid"] = "another"
    with pytest.raises(BadRequest, match=r"begun on another cluster .* here it is another"):
        shop.go_on()
    volumes_ = {key: data for key, data in before.items() if "/volumes/" in key}
    assert volumes_.items() <= shop.left.files.items()


@pytest.fixture
def signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


def test_a_signed_record_is_believed(shop: Shop, signer: Signer) -> None:
    shop.killed(4, signer=signer)
    shop.go_on(signer=signer)
    assert (shop.read, shop.told) == ([], [])
    shop.require_whole()


RECORD = layout.saved_volume("one", "b", "one")


def sealed(body: bytes) -> bytes:
    """A record as anyone can write it who may write to the store."""
    return b"sha256 " + hashlib.sha256(body).hexdigest().encode() + b"\n\n" + body


def _shorter(data: bytes) -> bytes:
    return data[:-9]


def _of_another(data: bytes) -> bytes:
    return data.replace(b'"snapshot": "one"', b'"snapshot": "two"')


@pytest.mark.parametrize("change", [_shorter, _of_another])
def test_a_record_that_was_changed_is_not_believed(
    shop: Shop, change: Callable[[bytes], bytes]
) -> None:
    shop.killed(4)
    shop.left.files[RECORD] = change(shop.left.files[RECORD])
    shop.go_on()
    assert shop.read == [("b", "one")]
    (told,) = shop.told
    assert RECORD in told
    assert "is read again" in told
    shop.require_whole()


def test_a_record_of_another_snapshot_is_not_believed(shop: Shop) -> None:
    shop.killed(4)
    body = shop.left.files[RECORD].partition(b"\n\n")[2]
    shop.left.files[RECORD] = sealed(_of_another(body))
    shop.go_on()
    assert shop.read == [("b", "one")]
    assert "belongs to snapshot two" in shop.told[0]


@pytest.mark.parametrize("by", ["nobody", "another"])
def test_a_record_must_have_the_signature_of_the_snapshot(
    shop: Shop, signer: Signer, by: str
) -> None:
    wrong = None if by == "nobody" else Signer(Ed25519PrivateKey.generate())
    shop.killed(4, signer=wrong)
    shop.go_on(signer=signer)
    assert shop.read == [*CLAIMS_THERE]
    assert len(shop.told) == 4
    shop.require_whole()


@pytest.mark.parametrize(
    ("field", "value"),
    [('"claim": "one"', '"claim": "two"'), ("volumes/b/one.tar", "volumes/a/one.tar")],
)
def test_a_record_cannot_name_the_file_of_another_volume(
    shop: Shop, field: str, value: str
) -> None:
    shop.killed(4)
    body = shop.left.files[RECORD].partition(b"\n\n")[2]
    shop.left.files[RECORD] = sealed(body.replace(field.encode(), value.encode()))
    shop.go_on()
    assert ("b", "one") in shop.read
    assert "names files that are not this volume's" in shop.told[0]
    shop.require_whole()


@pytest.mark.parametrize("change", ["gone", "longer"])
def test_data_that_is_not_there_in_its_size_is_read_again(shop: Shop, change: str) -> None:
    shop.killed(4)
    key = layout.volume("one", "b", "one")
    if change == "gone":
        shop.left.delete(key)
    else:
        shop.left.files[key] += b"x"
    shop.go_on()
    assert shop.read == [("b", "one")]
    shop.require_whole()


def test_data_for_other_recipients_is_read_again(shop: Shop) -> None:
    pyrage = pytest.importorskip("pyrage")
    mine, other = (pyrage.x25519.Identity.generate() for _ in range(2))
    shop.killed(2, recipients=(str(other.to_public()),))
    shop.go_on(recipients=(str(mine.to_public()),))
    assert shop.read == [*CLAIMS_THERE]
    assert verify(opened(shop.left, "one", (mine,))).intact


def test_encrypted_data_is_continued(shop: Shop) -> None:
    pyrage = pytest.importorskip("pyrage")
    mine = pyrage.x25519.Identity.generate()
    shop.killed(2, recipients=(str(mine.to_public()),))
    shop.go_on(recipients=(str(mine.to_public()),))
    assert shop.read == [("b", "one"), ("d", "one")]
    assert verify(opened(shop.left, "one", (mine,))).intact


def test_what_is_complete_or_was_never_begun_cannot_be_continued(shop: Shop) -> None:
    with pytest.raises(NoSnapshot, match="nothing of a snapshot one"):
        shop.go_on()
    shop.killed(2)
    with pytest.raises(Exists, match="is complete"):
        continued(shop.request(), shop.cluster, shop.store, clock=shop.clock, holder=HOLDER)
    assert verify(opened(shop.store, "one")).intact


def test_a_snapshot_that_was_begun_is_not_begun_again(shop: Shop) -> None:
    shop.killed(2)
    before = dict(shop.left.files)
    with pytest.raises(Exists, match="--continue one"):
        create_saving(shop.request(), shop.cluster, shop.left, clock=shop.clock, holder=HOLDER)
    assert shop.left.files == before


def test_a_locked_snapshot_cannot_be_continued(shop: Shop) -> None:
    shop.killed(2)
    with pytest.raises(BadRequest, match="--lock-days"):
        shop.go_on(retain_until=shop.clock.now())


def test_a_leftover_that_a_lock_keeps_is_told(shop: Shop) -> None:
    shop.killed(2)

    class Kept(MemoryStore):
        def delete(self, key: str) -> None:
            if key == layout.archive("one"):
                raise Retained("a lock keeps it until tomorrow")
            super().delete(key)

    shop.left = copied(shop.left, Kept())
    with pytest.raises(Retained, match=r"cannot be continued: .*one\.tar\.gz.*until tomorrow"):
        shop.go_on()


def test_while_another_run_works_on_it_nothing_is_touched(shop: Shop) -> None:
    shop.killed(2)
    before = dict(shop.left.files)
    shop.clock.moment -= timedelta(minutes=57)  # the lock of the killed run has not ended yet
    with pytest.raises(Busy, match="locked by here, process 1"):
        shop.go_on()
    assert shop.left.files == before


def lock_ends_and(shop: Shop, then: Callable[[], None]) -> None:
    """While the first volume is read, the store is away for longer than the lock lasts."""

    def away(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        if len(shop.exec.calls) == 1:
            shop.clock.wait(3600)
            then()
        return out, ended

    shop.exec.after = away
    create_saving(shop.request(), shop.cluster, shop.store, clock=shop.clock, holder=HOLDER)


def test_a_lock_that_ended_while_the_store_was_away_is_still_the_own_one(shop: Shop) -> None:
    lock_ends_and(shop, lambda: None)
    assert verify(opened(shop.store, "one")).intact


def test_a_run_whose_lock_another_took_ends_and_leaves_everything_to_it(shop: Shop) -> None:
    below = layout.own_locks("one", "whole")

    def another() -> None:
        Lock(shop.store, "x", "there", clock=shop.clock, below=below).take()

    with pytest.raises(Busy):
        lock_ends_and(shop, another)
    assert layout.marker("one") not in shop.store.files
    assert RECORD in shop.store.files
    assert [key for key in shop.store.files if key.startswith(below)]


def test_what_a_lock_keeps_of_the_records_damages_nothing(shop: Shop) -> None:
    shop.killed(4)
    shop.go_on()
    shop.left.put(RECORD, b"kept by a lock")
    assert verify(opened(shop.left, "one")).intact


def test_while_a_shard_works_nobody_completes_the_snapshot(shop: Shop) -> None:
    shop.killed(2)
    below = layout.own_locks("one", "shard-0-of-2")
    Lock(shop.left, "x", "there", clock=shop.clock, below=below).take()
    with pytest.raises(Busy, match="locked by there"):
        shop.go_on()


@pytest.fixture
def shards(shop: Shop) -> Callable[..., bool]:
    def act(number: int, of: int = 2) -> bool:
        shard = Shard(number, of)
        scope = shard.scope(shop.cluster, SCOPE)
        return save_shard(
            shop.request(scope=scope), shard, shop.cluster, shop.left,
            clock=shop.clock, holder=HOLDER,
        )  # fmt: skip

    return act


def test_shards_save_each_volume_once_and_the_last_one_completes(
    shop: Shop, shards: Callable[..., bool]
) -> None:
    assert shards(0) is False
    assert shop.read == [("a", "one"), ("a", "two"), ("b", "one")]
    shop.exec.calls.clear()
    assert shards(1) is True
    assert shop.read == [("d", "one")]
    shop.exec.calls.clear()
    shop.go_on()
    assert shop.read == []
    shop.require_whole()


def test_each_namespace_is_in_one_shard(shop: Shop) -> None:
    names = [f"team-{number}" for number in range(200)]
    for of in (1, 2, 7):
        found = [[each for each in names if Shard(n, of).has(each)] for n in range(of)]
        assert sorted(name for each in found for name in each) == sorted(names)
        assert all(found)


def test_a_shard_that_is_started_again_reads_only_what_it_lacks(
    shop: Shop, shards: Callable[..., bool]
) -> None:
    shards(0)
    shop.exec.calls.clear()
    assert shards(0) is False
    assert shop.read == []


def test_a_shard_leaves_the_volumes_of_others_alone(
    shop: Shop, shards: Callable[..., bool]
) -> None:
    shards(0)
    mine = {key for key in shop.left.files if "/volumes/" in key}
    stray = layout.volume("one", "nobody", "x")
    shop.left.put(stray, b"being written by another shard")
    shards(1)
    assert mine | {stray} <= set(shop.left.files)


def test_no_shard_starts_while_the_snapshot_is_being_completed(
    shop: Shop, shards: Callable[..., bool]
) -> None:
    below = layout.own_locks("one", "whole")
    Lock(shop.left, "x", "there", clock=shop.clock, below=below).take()
    with pytest.raises(Busy, match="locked by there"):
        shards(0)
    assert shop.read == []


def test_the_same_shard_twice_at_once_is_refused(shop: Shop, shards: Callable[..., bool]) -> None:
    below = layout.own_locks("one", "shard-0-of-2")
    Lock(shop.left, "x", "there", clock=shop.clock, below=below).take()
    with pytest.raises(Busy, match="locked by there"):
        shards(0)


def test_a_shard_of_a_complete_snapshot_says_so(shop: Shop, shards: Callable[..., bool]) -> None:
    shards(0), shards(1)
    shop.go_on()
    with pytest.raises(Exists, match="is complete"):
        shards(0)


def test_a_shard_whose_hook_fails_saves_nothing_and_is_not_done(shop: Shop) -> None:
    def hooks() -> AbstractContextManager[None]:
        raise HookFailed("no")

    request = shop.request(hooks=hooks)
    with pytest.raises(HookFailed):
        save_shard(request, Shard(0, 1), shop.cluster, shop.left, clock=shop.clock, holder=HOLDER)
    assert not [key for key in shop.left.files if "/volumes/" in key or "/shards/" in key]


def test_claims_that_cannot_be_listed_fail_the_shard(
    shop: Shop, shards: Callable[..., bool]
) -> None:
    def refuse(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb == "list" and kind == "persistentvolumeclaims":
            raise Forbidden(403, "no")

    shop.cluster.faults.append(refuse)
    with pytest.raises(Incomplete, match="cannot be listed"):
        shards(0)


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_run_that_wakes_up_after_another_completed_its_snapshot_harms_nothing(
    shop: Shop, at: int
) -> None:
    """It was frozen for longer than its lock lasts, at its volume number `at`."""

    def frozen(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        if len(shop.exec.calls) == at:
            shop.exec.after = lambda out, ended: (out, ended)
            shop.clock.wait(3600)
            continued(shop.request(), shop.cluster, shop.store, clock=shop.clock, holder="other")
        return out, ended

    shop.exec.after = frozen
    with pytest.raises(BackupError):
        create_saving(shop.request(), shop.cluster, shop.store, clock=shop.clock, holder=HOLDER)
    assert verify(opened(shop.store, "one")).intact


def test_a_shard_that_wakes_up_after_another_pod_took_its_work_harms_nothing(
    shop: Shop, shards: Callable[..., bool]
) -> None:
    """It was frozen between a volume and its record, so the other Pod read the volume again."""
    frozen: list[str] = []

    def on_write(key: str) -> None:
        if key == RECORD and not frozen:
            frozen.append(key)
            shop.clock.wait(3600)
            shards(0)

    shop.left = MemoryStore(on_write=on_write)
    with pytest.raises(BackupError):
        shards(0)
    shop.exec.calls.clear()
    shards(1)
    shop.go_on()
    assert shop.read == [("d", "one")]
    shop.require_whole()


def test_records_of_the_run_that_took_over_stay(shop: Shop) -> None:
    """The other run failed, and what it saved can still be continued."""

    def frozen(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        if len(shop.exec.calls) == 1:
            shop.exec.after = lambda out, ended: (out, ended)
            shop.clock.wait(3600)
            with pytest.raises(HookFailed):
                continued(
                    shop.request(before_commit=refuse), shop.cluster, shop.store,
                    clock=shop.clock, holder="other",
                )  # fmt: skip
        return out, ended

    def refuse() -> None:
        raise HookFailed("no")

    shop.exec.after = frozen
    with pytest.raises(BackupError):
        create_saving(shop.request(), shop.cluster, shop.store, clock=shop.clock, holder=HOLDER)
    shop.clock.wait(3600)
    shop.left = copied(shop.store)
    shop.exec.calls.clear()
    shop.go_on()
    assert shop.read == []
    shop.require_whole()
