"""Several small files of a snapshot at once."""

from __future__ import annotations

import hashlib
from importlib import import_module
from threading import Barrier

import pytest

from resilience.backup.data.container_stream import Counted
from resilience.backup.format.errors import StoreUnreachable
from resilience.backup.store.base import Stored
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.snapshot_files import Files

pyrage = import_module("pyrage")

NAMES = ("c", "a", "b")


class Together(MemoryStore):
    """Each write waits for the others; that of `refused` fails."""

    def __init__(self, refused: str = "") -> None:
        super().__init__()
        self.refused, self.met = refused, Barrier(len(NAMES))

    def put(self, key: str, data: bytes, **options: object) -> Stored:
        self.met.wait(60)
        if key == self.refused:
            raise StoreUnreachable(key)
        return super().put(key, data, **options)  # type: ignore[arg-type]


def test_files_are_written_at_the_same_time_and_recorded_in_their_order() -> None:
    files = Files(Together())
    files.put_all({name: name.encode() for name in NAMES})
    assert [each.key for each in files.records] == list(NAMES)


def test_when_one_fails_those_that_were_written_are_taken_back() -> None:
    store = Together(refused="a")
    files = Files(store)
    with pytest.raises(StoreUnreachable):
        files.put_all({name: b"" for name in NAMES})
    assert [each.key for each in files.records] == ["c", "b"]
    files.take_back()
    assert not list(store.list())


@pytest.mark.parametrize("sealed", [False, True])
def test_what_is_stored_is_recorded_with_its_own_hash(sealed: bool) -> None:
    """What the caller has hashed is not hashed again, unless it is encrypted on its way."""
    recipients = (str(pyrage.x25519.Identity.generate().to_public()),) if sealed else ()
    store = MemoryStore()
    files = Files(store, recipients=recipients)
    counted = Counted(lambda data: None)
    with files.data("volume", lambda: counted.sha256) as write:
        for data in (b"one", b"", b"two" * 100_000):
            counted.write(data)
            write(data)
    (record,) = files.records
    assert record.sha256 == hashlib.sha256(store.files[record.key]).hexdigest()
    assert (record.sha256 == counted.sha256) is not sealed


def test_what_the_caller_has_hashed_is_not_hashed_again() -> None:
    files = Files(MemoryStore())
    with files.data("volume", lambda: "known") as write:
        write(b"data")
    assert files.records[0].sha256 == "known"
