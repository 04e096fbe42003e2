"""`latest` and times mean one snapshot, or are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resilience.backup.catalog.by_time import resolved, start_of
from resilience.backup.format import layout
from resilience.backup.format.errors import BadRequest, NoSnapshot
from resilience.backup.store import Store, open_store
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from tests.backup.fakes import FakeClock, FakeCluster, config_map

FIRST = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def taken(store: Store, plan: str, moment: datetime) -> str:
    cluster = FakeCluster()
    cluster.namespace("shop")
    cluster.add(config_map("a"))
    name = layout.stamped_name(plan, moment)
    clock = FakeClock()
    clock.moment = moment
    request = Request(name=name, plan=plan, scope=Scope(namespaces=("shop",)))
    create(request, cluster, store, clock=clock)
    return name


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(f"file:{tmp_path}/store")
    for day in range(3):
        taken(made, "shop", FIRST + timedelta(days=day))
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("latest", "shop-20260303020000"),
        ("shop@latest", "shop-20260303020000"),
        ("2026-03-01", "shop-20260301020000"),
        ("2026-03-02T02:00", "shop-20260302020000"),
        ("2026-03-02T01:59:59", "shop-20260301020000"),
        ("2026-03-02T03:30+02:00", "shop-20260301020000"),
        ("shop@2026-03-09", "shop-20260303020000"),
        ("shop-20260302020000", "shop-20260302020000"),
        ("no-such-name", "no-such-name"),
    ],
)
def test_a_time_means_the_newest_that_began_by_then(store: Store, text: str, expected: str) -> None:
    assert resolved(store, text) == expected


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-03-01", "2026-03-01T00:00"),
        ("shop@2026-03-01", "shop@2026-03-01T00:00"),
        ("2026-03-01T10:00", "2026-03-01T10:00"),
    ],
)
def test_since_a_day_is_from_its_first_moment(text: str, meant: str) -> None:
    assert start_of(text) == meant


@pytest.mark.parametrize("text", ["latest", "soon", "shop-20260301020000", "", "shop@latest"])
def test_what_is_no_time_is_said_so(text: str) -> None:
    with pytest.raises(BadRequest, match="expected 2026-03-01"):
        start_of(text)


def test_before_the_first_there_is_none(store: Store) -> None:
    with pytest.raises(NoSnapshot, match=r"2026-02-28: the oldest, shop-20260301020000, began"):
        resolved(store, "2026-02-28")


def test_an_empty_store_has_none(tmp_path: Path) -> None:
    with pytest.raises(NoSnapshot, match="holds no snapshot that 'latest' could mean"):
        resolved(open_store(f"file:{tmp_path}/empty"), "latest")


def test_two_plans_are_not_guessed_between(store: Store) -> None:
    taken(store, "mail", FIRST)
    with pytest.raises(BadRequest, match=r"holds snapshots of mail, shop; write mail@latest"):
        resolved(store, "latest")
    assert resolved(store, "mail@latest") == "mail-20260301020000"


def test_a_damaged_one_that_may_be_meant_is_not_passed_over(store: Store, tmp_path: Path) -> None:
    name = "shop-20260303020000"
    (tmp_path / "store" / layout.manifest(name)).write_bytes(b"{")
    with pytest.raises(NoSnapshot, match=f"may mean {name}, which cannot be read"):
        resolved(store, "latest")


@pytest.mark.parametrize("text", ["2026-13-01", "2026-03-01T25:00", "2026-03-01 noon"])
def test_what_looks_like_a_time_and_is_none_is_said_so(store: Store, text: str) -> None:
    with pytest.raises(BadRequest, match="is not a time"):
        resolved(store, text)
