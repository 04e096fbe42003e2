"""Retention and locks: the life of a snapshot after it was made."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.backup.catalog.retention import Candidate, decide
from resilience.backup.format.errors import Busy, Retained, StoreUnreachable
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.store_lock import MARGIN, Lock
from resilience.model.scenario import Keep
from tests.backup.fakes import FakeClock

DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(count: int, verified: tuple[int, ...] = ()) -> list[Candidate]:
    """`count` snapshots, the newest (number 0) of Sunday 1 March 2026 at two."""
    newest = at("2026-03-01T02:00")
    return [Candidate(newest - n * DAY, f"d{n}", n in verified) for n in range(count)]


def kept(candidates: list[Candidate], keep: Keep) -> dict[str, str]:
    return {
        each.candidate.name: "+".join(each.reasons)
        for each in decide(candidates, keep)
        if each.keep
    }


def test_each_period_keeps_its_newest() -> None:
    assert kept(daily(80), Keep(last=2, daily=3, weekly=2, monthly=3)) == {
        "d0": "last+daily+weekly+monthly",
        "d1": "last+daily+monthly",
        "d2": "daily",
        "d7": "weekly",
        "d29": "monthly",
    }


def test_the_last_verified_one_is_never_deleted() -> None:
    assert kept(daily(30, verified=(20, 25)), Keep(last=1)) == {
        "d0": "last",
        "d20": "last verified",
    }


def test_without_a_rule_nothing_is_deleted() -> None:
    assert len(kept(daily(30), Keep())) == 30


def test_two_of_one_day_leave_the_newer() -> None:
    two = [Candidate(at("2026-03-01T02:00"), "early"), Candidate(at("2026-03-01T14:00"), "late")]
    assert kept(two, Keep(daily=5)) == {"late": "daily"}


@given(
    st.lists(st.integers(0, 4000), unique=True, max_size=60),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_retention_keeps_at_most_what_was_asked_and_always_the_newest(
    hours: list[int], last: int, day: int, week: int
) -> None:
    candidates = [Candidate(at("2026-01-01") + n * timedelta(hours=1), str(n)) for n in hours]
    found = kept(candidates, Keep(last=last, daily=day, weekly=week, yearly=1))
    assert len(found) <= last + day + week + 1
    assert not candidates or max(candidates).name in found
    assert (
        kept(
            [c for c in candidates if c.name in found],
            Keep(last=last, daily=day, weekly=week, yearly=1),
        ).keys()
        == found.keys()
    )


def lock(store: MemoryStore, holder: str, clock: FakeClock) -> Lock:
    return Lock(store, "plan-shop", holder, clock=clock)


def test_a_held_lock_names_its_holder() -> None:
    store, clock = MemoryStore(), FakeClock()
    with lock(store, "pod-1", clock).held(), pytest.raises(Busy, match="by pod-1; its lock ends"):
        lock(store, "pod-2", clock).take()
    lock(store, "pod-2", clock).take()


def test_a_dead_holder_is_waited_out_with_a_margin() -> None:
    store, clock = MemoryStore(), FakeClock()
    lock(store, "dead", clock).take()
    clock.wait(600 + MARGIN.total_seconds() - 1)
    with pytest.raises(Busy):
        lock(store, "next", clock).take()
    clock.wait(1)
    lock(store, "next", clock).take()


def test_a_holder_that_comes_back_late_knows_that_it_lost() -> None:
    store, clock = MemoryStore(), FakeClock()
    late = lock(store, "late", clock)
    late.take()
    clock.wait(7200)
    lock(store, "next", clock).take()
    with pytest.raises(Busy, match="took its lock"):
        late.renew()
    late.free()
    with pytest.raises(Busy, match="by next"):
        lock(store, "third", clock).take()


def test_a_renewed_lock_holds_longer() -> None:
    store, clock = MemoryStore(), FakeClock()
    mine = lock(store, "mine", clock)
    mine.take()
    clock.wait(500)
    mine.renew()
    clock.wait(500)
    with pytest.raises(Busy):
        lock(store, "other", clock).take()


class _Keeping(MemoryStore):
    """A bucket with a default retention: nothing can be deleted."""

    def delete(self, key: str) -> None:
        raise Retained(f"{key} is locked until 2027-01-01 00:00 UTC")


def test_records_that_a_retention_lock_keeps_are_left() -> None:
    store, clock = _Keeping(), FakeClock()
    for holder in ("one", "two", "three", "four"):
        mine = lock(store, holder, clock)
        mine.take()
        mine.renew()
        mine.free()
    lock(store, "five", clock).take()
    with pytest.raises(Busy, match="by five"):
        lock(store, "six", clock).take()


def test_a_lock_that_cannot_be_freed_fails_nothing() -> None:
    down: list[str] = []

    def trouble(key: str) -> None:
        if down:
            raise StoreUnreachable("no answer")

    store, clock = MemoryStore(on_write=trouble), FakeClock()
    with lock(store, "mine", clock).held():
        down.append("now")
    down.clear()
    with pytest.raises(Busy, match="by mine"):
        lock(store, "next", clock).take()


def test_of_many_at_once_exactly_one_gets_it() -> None:
    store, clock, winners = MemoryStore(), FakeClock(), list[int]()
    start = threading.Barrier(16)

    def contend(number: int) -> None:
        start.wait()
        try:
            lock(store, f"pod-{number}", clock).take()
        except Busy:
            return
        winners.append(number)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1


def test_a_lock_leaves_two_records_whatever_its_age() -> None:
    store, clock = MemoryStore(), FakeClock()
    for _ in range(10):
        with lock(store, "pod", clock).held():
            pass
    assert len(store.files) == 2
