"""The locks of a run on virtual time: which, in which order, whose, and what a loss does."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from resilience.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import LEASES, NAMESPACES
from resilience.cluster.lease import ASK_EVERY, DURATION
from resilience.engine.guard import locks
from resilience.engine.guard.locks import Locks, covered, ensure_namespace, names
from resilience.model.step_reach import ANY, Reach
from resilience.model.values import RunId
from resilience.verbs.context import Refused
from tests.engine.fakes import FakeClock, FakeCluster

SPACE = "shop"
OURS, THEIRS = "run r1 of us", "run r2 of them"


class Here:
    """A cluster with the Leases of others, and our locks on it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster(self.clock)
        self.told: list[str] = []
        self.lost: list[str] = []
        self.locks = Locks(self.cluster, SPACE, ["a", "b"], OURS, self.clock, self.told.append)

    def held(self, name: str, who: str = THEIRS) -> None:
        spec = {"holderIdentity": who, "leaseDurationSeconds": DURATION}
        self.cluster.put(LEASES, {"metadata": {"name": name, "namespace": SPACE}, "spec": spec})

    def holders(self) -> dict[str, str]:
        return {
            each["metadata"]["name"]: each["spec"].get("holderIdentity") or ""
            for each in self.cluster.find(LEASES, SPACE)
        }

    def answering(self, *answers: Exception) -> None:
        """The next requests of Leases fail so."""
        left = list(answers)
        self.cluster.faults.append(lambda method, path: left.pop(0) if left else None)

    def regain(self, within: float = 0.0, away: float = 0.0) -> bool:
        return self.locks.regain(within, self.clock, away)


@pytest.fixture
def here() -> Iterable[Here]:
    made = Here()
    yield made
    made.locks.release()


# ----- names


@pytest.mark.parametrize(
    ("reach", "found"),
    [
        (Reach(), ()),
        (Reach(namespaces=frozenset({"b", "a"})), ("namespace-a", "namespace-b")),
        (Reach(nodes=True), ("nodes",)),
        (Reach(cluster_scoped=ANY), ("cluster-scoped",)),
        (Reach(namespaces=frozenset({"z"}), nodes=True, cluster_scoped=ANY),
         ("cluster-scoped", "namespace-z", "nodes")),
    ],
)  # fmt: skip
def test_each_thing_that_a_run_touches_has_its_lock_in_a_fixed_order(
    reach: Reach, found: tuple[str, ...]
) -> None:
    assert names(reach) == found
    assert covered(found) == reach


def test_a_lock_of_another_name_covers_nothing() -> None:
    assert covered(["nodes-2", "my-namespace-x"]) == Reach()


@pytest.mark.parametrize("error", [KeyError("uid"), OSError("no user"), None])
def test_a_holder_is_named_though_its_user_has_no_name(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def user() -> str:
        if error is not None:
            raise error
        return "ann"

    monkeypatch.setattr(getpass, "getuser", user)
    text = locks.holder(RunId("r1"))
    assert text.startswith(f"run r1 of {'someone' if error else 'ann'}@")


# ----- the namespace of locks and journal


def test_the_namespace_is_created_only_where_it_is_missing(here: Here) -> None:
    ensure_namespace(here.cluster, SPACE)
    assert [method for method, _ in here.cluster.calls] == ["GET"]
    ensure_namespace(here.cluster, "journal")
    assert here.cluster.find(NAMESPACES, fields="metadata.name=journal")


def test_a_namespace_that_another_created_meanwhile_is_there(here: Here) -> None:
    here.cluster.faults.append(
        lambda method, path: Conflict(409, "exists") if method == "POST" else None
    )
    ensure_namespace(here.cluster, "journal")
    assert [method for method, _ in here.cluster.calls] == ["GET", "POST"]


def test_one_that_may_not_be_created_is_refused_with_what_to_do(here: Here) -> None:
    here.cluster.faults.append(
        lambda method, path: Forbidden(403, "no") if method == "POST" else None
    )
    with pytest.raises(Refused, match="create it: kubectl create namespace journal, or name"):
        ensure_namespace(here.cluster, "journal")


# ----- taking


def test_all_are_taken_and_released(here: Here) -> None:
    here.locks.acquire(0.0)
    assert here.holders() == {"a": OURS, "b": OURS}
    assert here.locks.holders() == {"a": OURS, "b": OURS}
    here.locks.release()
    assert here.holders() == {"a": "", "b": ""}
    assert here.locks.holders() == {"a": "", "b": ""}


def test_one_that_another_holds_leaves_none_held(here: Here) -> None:
    here.held("b")
    began = here.clock.now
    with pytest.raises(Refused, match=f"the lock shop/b is held by {THEIRS}"):
        here.locks.acquire(0.0)
    assert here.clock.now - began < 0.1, "no time to wait is no second either"
    assert here.holders() == {"a": "", "b": THEIRS}


def test_any_other_failure_leaves_none_held_and_stays_what_it_was(here: Here) -> None:
    here.cluster.faults.append(
        lambda method, path: Forbidden(403, "no") if path.endswith("/b") else None
    )
    with pytest.raises(Forbidden):
        here.locks.acquire(0.0)
    assert here.holders() == {"a": ""}


def test_the_time_to_wait_is_for_all_of_them_together(here: Here) -> None:
    here.held("a")
    here.held("b", "run r3 of others")
    here.clock.after(6.0, lambda: here.held("a", ""))
    began = here.clock.now
    with pytest.raises(Refused):
        here.locks.acquire(10.0)
    assert 10.0 <= here.clock.now - began <= 11.0
    assert any("shop/b" in text for text in here.told)


def test_a_holder_that_was_silent_on_one_lock_is_not_watched_on_the_next(here: Here) -> None:
    here.held("a")
    here.held("b")
    began = here.clock.now
    here.locks.acquire(2 * DURATION + 10)
    assert DURATION <= here.clock.now - began < DURATION + 3


def test_a_holder_that_is_known_to_be_dead_is_not_waited_for(here: Here) -> None:
    here.held("a")
    here.held("b")
    here.locks.acquire(0.0, [THEIRS])
    assert here.holders() == {"a": OURS, "b": OURS}


# ----- keeping and losing


def silent(here: Here) -> None:
    """As after a suspended host: longer than a lock may go without a renewal."""
    here.clock.now += DURATION


def test_locks_are_ours_until_a_doubt_shows_otherwise(here: Here) -> None:
    here.locks.acquire(0.0)
    here.locks.keep(here.lost.append)
    assert here.locks.still_ours() is True
    here.held("b")
    assert here.locks.still_ours() is True, "it was renewed a moment ago"
    silent(here)
    assert here.locks.still_ours() is False
    assert here.lost == [f"the lock shop/b was taken by {THEIRS}"]
    assert here.locks.lost == here.lost[0]


def test_a_silence_in_which_nobody_came_is_no_loss(here: Here) -> None:
    here.locks.acquire(0.0)
    here.locks.keep(here.lost.append)
    silent(here)
    assert here.locks.still_ours() is True
    assert here.lost == []


def test_after_a_loss_no_further_lock_is_asked(here: Here) -> None:
    here.locks.acquire(0.0)
    here.locks.keep(here.lost.append)
    here.held("a")
    here.held("b")
    silent(here)
    assert here.locks.still_ours() is False
    assert here.locks.still_ours() is False
    assert here.lost == [f"the lock shop/a was taken by {THEIRS}"]


def renewing() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "lease"}


def test_each_lock_is_renewed_on_a_thread_of_its_own_until_it_is_released(here: Here) -> None:
    before = renewing()
    here.locks.acquire(0.0)
    here.locks.keep(here.lost.append)
    assert len(renewing() - before) == 2
    here.locks._lose("silent")
    assert here.regain() is True
    assert len(renewing() - before) == 2, "the lost ones are no longer renewed, the new ones are"
    here.locks.release()
    assert renewing() - before == set()


def test_the_first_loss_is_the_reason(here: Here) -> None:
    here.locks.keep(here.lost.append)
    here.locks._lose("first")
    here.locks._lose("second")
    assert here.locks.lost == "first"
    assert here.lost == ["first", "second"]


# ----- again after a loss


def lose(here: Here) -> None:
    here.locks.acquire(0.0)
    here.locks.keep(here.lost.append)
    here.locks._lose("silent")


def test_lost_locks_that_nobody_took_are_held_again_and_kept(here: Here) -> None:
    lose(here)
    assert here.regain() is True
    assert here.locks.lost == ""
    assert here.locks.still_ours() is True
    here.held("a")
    silent(here)
    assert here.locks.still_ours() is False, "the new ones are watched, and reported"
    assert len(here.lost) == 2


def test_what_another_holds_is_not_regained_now_nor_later(here: Here) -> None:
    lose(here)
    here.held("b")
    assert here.regain() is False
    assert here.locks.lost == "silent", "the first reason stays"
    assert here.holders() == {"a": "", "b": THEIRS}
    here.held("b", "")
    assert here.regain() is False


@pytest.mark.parametrize(("leaves", "held"), [(5.0, True), (20.0, False)])
def test_another_holder_is_waited_for_for_a_while(here: Here, leaves: float, held: bool) -> None:
    lose(here)
    here.held("b")
    here.clock.after(leaves, lambda: here.held("b", ""))
    assert here.regain(within=10.0, away=60.0) is held
    assert here.clock.now <= 100.0 + (leaves if held else 10.0) + 2 * ASK_EVERY


@pytest.mark.parametrize("error", [Unreachable("away"), ServerTrouble(503, "away")])
def test_an_api_server_that_is_away_is_waited_for_longer(here: Here, error: ClusterError) -> None:
    lose(here)
    away = 100.0 + 20.0
    here.cluster.faults.append(lambda method, path: error if here.clock.now < away else None)
    assert here.regain(within=1.0, away=60.0) is True
    assert [text for text in here.told if "waiting for the API server, up to 60 s" in text]
    assert len(here.told) == 1, "it is told once"
    assert 20.0 <= here.clock.now - 100.0 <= 22.0


@pytest.mark.parametrize(
    "error", [Unreachable("away"), ServerTrouble(500, "leader changed"), Throttled(429, "later")]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_lock_is_taken_though_the_api_server_answers_late(
    here: Here, method: str, error: ClusterError
) -> None:
    left = [error]
    here.cluster.faults.append(lambda verb, path: left.pop() if left and verb == method else None)
    here.locks.acquire(10.0)
    assert here.holders() == {"a": OURS, "b": OURS}
    assert not left


def test_an_api_server_that_stays_away_ends_the_wait_for_a_lock(here: Here) -> None:
    here.cluster.faults.append(lambda method, path: Unreachable("away"))
    with pytest.raises(Unreachable):
        here.locks.acquire(10.0)
    assert 8.0 <= here.clock.now - 100.0 <= 11.0


def test_one_that_stays_away_is_given_up_at_the_end_of_that_time(here: Here) -> None:
    lose(here)
    here.cluster.faults.append(lambda method, path: Unreachable("away"))
    assert here.regain(within=1.0, away=30.0) is False
    assert 28.0 <= here.clock.now - 100.0 <= 31.0
    assert here.locks.lost == "silent"


def test_any_other_answer_ends_the_wait_at_once(here: Here) -> None:
    lose(here)
    here.cluster.faults.append(lambda method, path: Forbidden(403, "no"))
    assert here.regain(within=10.0, away=30.0) is False
    assert here.clock.now - 100.0 < 1.0


def test_a_release_that_the_server_does_not_accept_is_no_error(here: Here) -> None:
    here.locks.acquire(0.0)
    here.cluster.faults.append(lambda method, path: Unreachable("away"))
    here.locks.release()
    here.cluster.faults.clear()
    assert here.holders() == {"a": OURS, "b": OURS}
    assert here.locks.still_ours() is True, "nothing is held, so nothing can be lost"


def test_the_wait_for_a_lock_keeps_its_bound_though_the_server_was_away(here: Here) -> None:
    lose(here)
    here.held("b")
    seen: list[Any] = []
    here.cluster.faults.append(
        lambda method, path: Unreachable("away") if len(seen) < 2 and not seen.append(1) else None  # type: ignore[func-returns-value]
    )
    assert here.regain(within=3.0, away=3.0) is False
    assert here.clock.now - 100.0 <= 3.0 + 2 * ASK_EVERY
