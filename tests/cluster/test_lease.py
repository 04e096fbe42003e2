"""One holder at a time; a dead one is found out by our own clock; a loss is known in time."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from resilience.cluster.errors import ClusterError, Conflict, NotFound, Unreachable
from resilience.cluster.interface import LEASES, Object
from resilience.cluster.lease import (
    ASK_EVERY,
    DURATION,
    GIVE_UP_AFTER,
    RENEW_EVERY,
    Acquired,
    Held,
    LeaseLock,
    holder_of,
)
from resilience.cluster.requests.request import Request


class Time:
    """Virtual time; `then` happens once, after a number of seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.plans: list[tuple[float, Any]] = []

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_700_000_000 + self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = [plan for plan in self.plans if plan[0] <= self.now]
        self.plans = [plan for plan in self.plans if plan[0] > self.now]
        for _, act in due:
            act()

    def after(self, seconds: float, act: Any) -> None:
        self.plans.append((self.now + seconds, act))


class Leases:
    """As much of a cluster as a Lease needs: optimistic locking, and a switch for trouble."""

    def __init__(self) -> None:
        self.stored: dict[str, Object] = {}
        self.version = 0
        self.trouble: ClusterError | None = None

    def _written(self, body: Object) -> Object:
        self.version += 1
        saved = copy.deepcopy(body)
        saved["metadata"]["resourceVersion"] = str(self.version)
        self.stored[body["metadata"]["name"]] = saved
        return copy.deepcopy(saved)

    def get(self, resource: Any, name: str, namespace: str = "") -> Object:
        assert (resource, namespace) == (LEASES, "shop")
        if self.trouble:
            raise self.trouble
        if name not in self.stored:
            raise NotFound(404, "not found")
        return copy.deepcopy(self.stored[name])

    def create(self, resource: Any, body: Object, namespace: str = "", **_: Any) -> Object:
        if body["metadata"]["name"] in self.stored:
            raise Conflict(409, "exists")
        return self._written(body)

    def send(self, request: Request) -> Object:
        body = request.body
        assert (request.method, request.path) == ("PUT", LEASES.path("shop", "resilience"))
        assert request.timeout < DURATION - GIVE_UP_AFTER
        if self.trouble:
            raise self.trouble
        name = body["metadata"]["name"]
        if name not in self.stored:
            raise NotFound(404, "not found")
        given = body["metadata"]["resourceVersion"]
        if given != self.stored[name]["metadata"]["resourceVersion"]:
            raise Conflict(409, "stale")
        return self._written(body)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def leases() -> Leases:
    return Leases()


def lock(leases: Leases, time: Time, holder: str) -> LeaseLock:
    return LeaseLock(leases, "shop", "resilience", holder, time)  # type: ignore[arg-type]


def held_by(leases: Leases) -> str:
    return holder_of(leases.stored["resilience"])


def test_a_free_lock_is_taken_at_once(leases: Leases, time: Time) -> None:
    assert lock(leases, time, "a").acquire(0) == Acquired()
    assert held_by(leases) == "a"


def test_a_held_lock_names_its_holder(leases: Leases, time: Time) -> None:
    lock(leases, time, "run-a on host-1").acquire(0)
    with pytest.raises(Held, match="held by run-a on host-1 since 2023-"):
        lock(leases, time, "b").acquire(0)


def test_a_dead_holder_is_waited_for_as_long_as_its_own_lease_says(
    leases: Leases, time: Time
) -> None:
    lock(leases, time, "run-a on host-1").acquire(0)
    with pytest.raises(Held, match="or if it is dead, for 30 s and try again"):
        lock(leases, time, "b").acquire(0)
    leases.stored["resilience"]["spec"]["leaseDurationSeconds"] = 86400
    with pytest.raises(Held, match="or if it is dead, for 86400 s and try again"):
        lock(leases, time, "b").acquire(0)


def test_whoever_waits_says_for_whom_and_since_when(leases: Leases, time: Time) -> None:
    lock(leases, time, "run-a on host-1").acquire(0)
    told: list[str] = []
    waiting = LeaseLock(leases, "shop", "resilience", "b", time, told.append)  # type: ignore[arg-type]
    with pytest.raises(Held):
        waiting.acquire(5)
    assert len(told) == 1
    assert told[0].startswith("waiting for the lock shop/resilience, held by run-a on host-1 since")
    assert told[0].endswith("; up to 5 s")


def test_a_released_lock_is_taken_without_waiting_for_its_end(leases: Leases, time: Time) -> None:
    first = lock(leases, time, "a")
    first.acquire(0)
    first.release()
    began = time.now
    assert lock(leases, time, "b").acquire(10) == Acquired()
    assert time.now == began


def test_waiting_ends_as_soon_as_the_holder_lets_go(leases: Leases, time: Time) -> None:
    first = lock(leases, time, "a")
    first.acquire(0)
    time.after(3.5, first.release)
    began = time.now
    lock(leases, time, "b").acquire(60)
    assert 3.5 <= time.now - began <= 3.5 + ASK_EVERY


def test_a_holder_that_renews_is_never_robbed(leases: Leases, time: Time) -> None:
    first = lock(leases, time, "a")
    first.acquire(0)
    for number in range(1, 20):
        time.after(number * RENEW_EVERY, first.renew)
    with pytest.raises(Held):
        lock(leases, time, "b").acquire(DURATION * 4)
    assert held_by(leases) == "a"


def test_a_dead_holder_is_succeeded_after_a_whole_duration_and_named(
    leases: Leases, time: Time
) -> None:
    lock(leases, time, "a").acquire(0)
    time.now += 10_000  # However old it looks: only what we watched ourselves counts.
    began = time.now
    assert lock(leases, time, "b").acquire(DURATION * 2) == Acquired(after="a")
    assert DURATION <= time.now - began <= DURATION + ASK_EVERY


@pytest.mark.parametrize("theirs", [2, 120])
def test_a_holder_is_watched_for_as_long_as_it_said_itself(
    leases: Leases, time: Time, theirs: int
) -> None:
    """kubernetes#114872: by its own shorter duration a candidate took a living leader's lease."""
    lock(leases, time, "a").acquire(0)
    leases.stored["resilience"]["spec"]["leaseDurationSeconds"] = theirs
    began = time.now
    lock(leases, time, "b").acquire(1000)
    assert theirs <= time.now - began <= theirs + ASK_EVERY


def test_who_is_known_to_be_dead_is_succeeded_at_once(leases: Leases, time: Time) -> None:
    lock(leases, time, "a").acquire(0)
    began = time.now
    assert lock(leases, time, "b").acquire(0, {"a"}) == Acquired(after="a")
    assert time.now == began


def test_of_two_that_want_a_dead_holders_lock_one_gets_it(leases: Leases, time: Time) -> None:
    lock(leases, time, "a").acquire(0)
    second = lock(leases, time, "b")
    time.after(
        DURATION - 0.5,
        lambda: leases._written(
            {**leases.stored["resilience"], "spec": {"holderIdentity": "c", "renewTime": "now"}}
        ),
    )
    with pytest.raises(Held, match="held by c"):
        second.acquire(DURATION + 2)


def test_the_same_run_may_take_its_own_lock_again(leases: Leases, time: Time) -> None:
    lock(leases, time, "a").acquire(0)
    assert lock(leases, time, "a").acquire(0) == Acquired()


def test_a_lock_that_somebody_took_is_lost_at_the_next_renewal(leases: Leases, time: Time) -> None:
    first = lock(leases, time, "a")
    first.acquire(0)
    leases._written({**leases.stored["resilience"], "spec": {"holderIdentity": "b"}})
    assert "was taken by b" in first.renew()
    first.release()
    assert held_by(leases) == "b"


def test_a_deleted_lock_is_lost(leases: Leases, time: Time) -> None:
    first = lock(leases, time, "a")
    first.acquire(0)
    leases.stored.clear()
    assert "was deleted" in first.renew()


def test_a_label_somebody_added_is_no_loss(leases: Leases, time: Time) -> None:
    first = lock(leases, time, "a")
    first.acquire(0)
    touched = copy.deepcopy(leases.stored["resilience"])
    touched["metadata"]["labels"] = {"x": "y"}
    leases._written(touched)
    assert first.renew() == ""
    assert first.renew() == ""
    assert leases.stored["resilience"]["metadata"]["labels"] == {"x": "y"}


def test_an_api_server_away_for_a_moment_is_no_loss_but_silence_is(
    leases: Leases, time: Time
) -> None:
    first = lock(leases, time, "a")
    first.acquire(0)
    leases.trouble = Unreachable("connection refused")
    time.now += GIVE_UP_AFTER - 0.1
    assert first.renew() == ""
    time.now += 0.2
    lost = first.renew()
    assert "could not be renewed for 20 s: connection refused" in lost


def test_we_know_of_the_loss_before_anybody_else_may_have_the_lock() -> None:
    assert GIVE_UP_AFTER + RENEW_EVERY <= DURATION


def test_after_a_silence_as_long_as_a_loss_takes_the_holder_doubts_until_it_has_renewed(
    leases: Leases, time: Time
) -> None:
    first = lock(leases, time, "a")
    first.acquire(0)
    time.now += GIVE_UP_AFTER - 0.1
    assert not first.doubtful()
    time.now += 0.2
    assert first.doubtful()
    assert first.renew() == ""
    assert not first.doubtful()


def test_a_machine_that_slept_doubts_though_its_monotonic_clock_stood_still(
    leases: Leases, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lock(leases, time, "a")
    first.acquire(0)
    wall = time.wall() + DURATION
    monkeypatch.setattr(time, "wall", lambda: wall)
    assert first.doubtful()
