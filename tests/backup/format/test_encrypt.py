"""An encrypted snapshot shows nothing, restores with its identity and with no other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from importlib import import_module

import pytest

from resilience.backup.catalog.catalog import Snapshot, opened
from resilience.backup.catalog.damage import note_damage
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import record
from resilience.backup.drills.negative_controls import unseen
from resilience.backup.format import encrypt, layout
from resilience.backup.format.errors import BadRequest, StoreUnreachable, Tampered
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from tests.backup.fakes import FakeClock, FakeCluster, shop

pyrage = import_module("pyrage")


@pytest.fixture(scope="module")
def private() -> str:
    return str(pyrage.x25519.Identity.generate())


def stored(private: str) -> MemoryStore:
    public = str(pyrage.x25519.Identity.from_str(private).to_public())
    store = MemoryStore()
    request = Request(name="one", scope=Scope(namespaces=("shop",)), recipients=(public,))
    create(request, shop(), store, clock=FakeClock())
    return store


def test_no_file_holds_anything_in_clear_and_velero_sees_nothing(private: str) -> None:
    store = stored(private)
    assert layout.marker("one") not in store.files
    assert all(b"c2VjcmV0" not in data for data in store.files.values())
    clear = {key for key in store.files if not key.endswith(".age")}
    assert clear == {
        layout.manifest("one"),
        layout.signature("one"),
        layout.sealed_marker("one"),
        layout.CREATE_ONLY_PROBE,
    }


def test_it_is_restored_with_its_identity(private: str) -> None:
    snapshot = opened(stored(private), "one", [encrypt.identity(private)])
    assert verify(snapshot).intact
    record(snapshot, verify(snapshot), FakeClock().now())
    target = FakeCluster()
    assert restore(RestoreRequest(name="r"), snapshot, target, clock=FakeClock()).complete
    assert target.objects["secrets", "shop", "password"]["data"] == {"value": "c2VjcmV0"}


def test_without_an_identity_the_stored_bytes_are_verified_all_the_same(private: str) -> None:
    store = stored(private)
    assert verify(opened(store, "one")).intact
    key = layout.sealed(layout.archive("one"))
    store.files[key] = store.files[key][:-1] + bytes([store.files[key][-1] ^ 1])
    assert not verify(opened(store, "one")).intact


def test_another_key_is_no_damage(private: str) -> None:
    store, moment = stored(private), FakeClock().now()
    other = encrypt.identity(str(pyrage.x25519.Identity.generate()))
    before = set(store.files)
    assert not verify(opened(store, "one", [other])).intact
    note_damage(opened(store, "one", [other]), moment)
    assert set(store.files) == before
    key = layout.sealed(layout.archive("one"))
    store.files[key] = store.files[key][:-1] + bytes([store.files[key][-1] ^ 1])
    note_damage(opened(store, "one", [other]), moment)
    assert len(store.files) == len(before) + 1


def test_a_lost_key_is_told_before_anything_is_created(private: str) -> None:
    target = FakeCluster()
    other = encrypt.identity(str(pyrage.x25519.Identity.generate()))
    for identities, error, words in (
        ([], BadRequest, "is encrypted; give its identity"),
        ([other], Tampered, "cannot be decrypted: wrong identity"),
    ):
        with pytest.raises(error, match=words):
            restore(
                RestoreRequest(name="r"),
                opened(stored(private), "one", identities),
                target,
                clock=FakeClock(),
            )
    assert [request for request in target.requests if request[0] == "create"] == []


def test_every_changed_bit_of_the_archive_is_found(private: str) -> None:
    store, key = stored(private), layout.sealed(layout.archive("one"))
    whole, chance = store.files[key], random.Random(11)
    for at in {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(40))}:
        changed = bytes([whole[at] ^ 1 << chance.randrange(8)])
        store.files[key] = whole[:at] + changed + whole[at + 1 :]
        assert not verify(opened(store, "one", [encrypt.identity(private)])).intact, at


def test_a_store_that_fails_in_the_middle_is_not_called_a_wrong_key(private: str) -> None:
    def cut() -> Iterator[bytes]:
        yield sealed[: len(sealed) // 2]
        raise StoreUnreachable("the store went away")

    sealed = stored(private).files[layout.sealed(layout.archive("one"))]
    with pytest.raises(StoreUnreachable, match="went away"):
        list(encrypt.opened(cut(), [encrypt.identity(private)], "it"))


def test_each_drill_shows_that_a_lost_key_is_lost(
    private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = opened(stored(private), "one", [encrypt.identity(private)])
    assert unseen(snapshot) == []
    monkeypatch.setattr(Snapshot, "archive", lambda self: iter([b"in clear"]))
    assert "reading it without its key" in unseen(snapshot)


def test_a_key_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(BadRequest) as refused:
        encrypt.identity("AGE-SECRET-KEY-1NOTAKEY")
    assert "NOTAKEY" not in str(refused.value)
    with pytest.raises(BadRequest, match="not an age public key"):
        encrypt.recipient("age1nonsense")
