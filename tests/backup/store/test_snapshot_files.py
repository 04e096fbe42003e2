"""Several small files of a snapshot at once."""

from __future__ import annotations

from threading import Barrier

import pytest

from resilience.backup.format.errors import StoreUnreachable
from resilience.backup.store.base import Stored
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.snapshot_files import Files

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
