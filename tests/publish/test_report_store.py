"""Reports in object storage: a folder for each session, deleted by the age in its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resilience.backup.format.errors import Exists, Retained
from resilience.backup.store.directory import DirectoryStore
from resilience.backup.store.memory import MemoryStore
from resilience.publish.report_store import folders, save

NOW = datetime(2026, 11, 29, 3, 15, tzinfo=UTC)
FILES = {"report.html": "<!doctype html>", "report.json": "{}", "summary.md": "# Resilience"}


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "reports")


def names(store: DirectoryStore) -> list[str]:
    return [name for name, _ in folders(store)]


def test_each_session_has_its_own_folder(store: DirectoryStore) -> None:
    saved = save(FILES, store, now=NOW, mark="0a1b2c", keep=None)
    assert saved.url == f"{store.url}/20261129T031500Z-0a1b2c"
    assert {entry.key for entry in store.list()} == {
        f"20261129T031500Z-0a1b2c/{name}" for name in FILES
    }
    save(FILES, store, now=NOW, mark="ffffff", keep=None)
    assert len(names(store)) == 2


def test_no_report_is_ever_overwritten(store: DirectoryStore) -> None:
    save(FILES, store, now=NOW, mark="0a1b2c", keep=None)
    with pytest.raises(Exists):
        save(FILES, store, now=NOW, mark="0a1b2c", keep=None)


def test_the_page_is_written_last_and_deleted_first() -> None:
    order: list[str] = []

    class Watched(MemoryStore):
        def put(self, key: str, data: bytes, *, retain_until: datetime | None = None):  # type: ignore[no-untyped-def]
            order.append(f"put {key.rpartition('/')[2]}")
            return super().put(key, data, retain_until=retain_until)

        def delete(self, key: str) -> None:
            order.append(f"delete {key.rpartition('/')[2]}")
            super().delete(key)

    store = Watched()
    save(FILES, store, now=NOW, mark="0a1b2c", keep=None)
    assert order[-1] == "put report.html"
    order.clear()
    save(FILES, store, now=NOW + timedelta(days=2), mark="0a1b2c", keep=timedelta(days=1))
    assert next(each for each in order if each.startswith("delete")) == "delete report.html"


def test_only_older_sessions_are_deleted(store: DirectoryStore) -> None:
    for days in (40, 31, 30, 1):
        save(FILES, store, now=NOW - timedelta(days=days), mark="000000", keep=None)
    saved = save(FILES, store, now=NOW, mark="000000", keep=timedelta(days=30))
    assert saved.deleted == 2
    kept = ["20261030T031500Z-000000", "20261128T031500Z-000000", "20261129T031500Z-000000"]
    assert names(store) == kept


@pytest.mark.parametrize(
    "key",
    ["readme.txt", "shop/2020/x", "20200101T000000Z/x", "20200101T000000Z-000000-more/x",
     "x20200101T000000Z-000000/x"],
)  # fmt: skip
def test_nothing_else_in_the_store_is_deleted(store: DirectoryStore, key: str) -> None:
    store.put(key, b"someone else's")
    save(FILES, store, now=NOW, mark="000000", keep=timedelta(seconds=1))
    assert store.read(key) == b"someone else's"


def test_what_the_store_retains_is_left_for_later() -> None:
    class Locked(MemoryStore):
        def delete(self, key: str) -> None:
            raise Retained(f"{key} is locked")

    store = Locked()
    save(FILES, store, now=NOW - timedelta(days=9), mark="000000", keep=None)
    assert save(FILES, store, now=NOW, mark="000000", keep=timedelta(days=1)).deleted == 0


def test_the_options_of_a_url_stay_behind_the_folder() -> None:
    store = MemoryStore()
    store.url = "s3://bucket/reports?region=eu-central-1"
    saved = save(FILES, store, now=NOW, mark="0a1b2c", keep=None)
    assert saved.url == "s3://bucket/reports/20261129T031500Z-0a1b2c?region=eu-central-1"
