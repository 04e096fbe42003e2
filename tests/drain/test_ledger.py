"""The books of a drain: what is sent, what waits and why, what became of each Pod."""

from __future__ import annotations

import pytest

from resilience.cluster.interface import Object, WatchEvent
from resilience.drain.answers import Answer, Reply
from resilience.drain.budgets import DOUBT
from resilience.drain.filters import Allow, Fate, decide
from resilience.drain.ledger import Ledger
from resilience.drain.outcome import PodDrain, State
from tests.drain.objects import budget, pod

NOW = 100.0
ACCEPTED = Reply(Answer.ACCEPTED)


def by_rules(obj: Object) -> tuple[State, str]:
    decision = decide(obj, Allow())
    fates = {Fate.EVICT: State.BLOCKED, Fate.IGNORE: State.IGNORED, Fate.REFUSE: State.REFUSED}
    return fates[decision.fate], decision.reason


def meet(ledger: Ledger, *pods: Object, now: float = NOW) -> None:
    ledger.pods_are(pods, now)


def taken(ledger: Ledger, now: float = NOW) -> list[str]:
    return [p["metadata"]["name"] for p in ledger.take(now)]


def ledger_of(*budgets: Object) -> tuple[Ledger, list[PodDrain]]:
    changes: list[PodDrain] = []
    ledger = Ledger(by_rules, changes.append)
    ledger.budgets_are(budgets)
    return ledger, changes


def test_no_more_is_taken_than_the_budget_allows() -> None:
    ledger, _ = ledger_of(budget(allowed=2))
    meet(ledger, pod("a"), pod("b"), pod("c"))
    assert taken(ledger) == ["a", "b"]
    assert taken(ledger) == []


def test_pods_without_a_budget_go_at_once() -> None:
    ledger, _ = ledger_of(budget(allowed=0))
    meet(ledger, pod("a"), pod("x", app="other"), pod("y", app="other"))
    assert taken(ledger) == ["x", "y"]


def test_the_next_goes_when_the_watch_shows_room() -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"), pod("b"))
    assert taken(ledger) == ["a"]
    ledger.book("uid-a", ACCEPTED, NOW)
    ledger.budget_changed(WatchEvent("MODIFIED", budget(allowed=0, disrupted={"a": "t"}), NOW))
    assert taken(ledger) == []
    ledger.budget_changed(WatchEvent("MODIFIED", budget(allowed=1), NOW))
    assert taken(ledger) == ["b"]


def test_a_wave_whose_events_were_skipped_holds_the_next_back_for_one_question_only() -> None:
    """An expired watch: what the list shows is all healthy again, without the entries."""
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"), pod("b"))
    taken(ledger)
    ledger.book("uid-a", ACCEPTED, NOW)
    again = budget(allowed=1, version=5)
    ledger.budget_changed(WatchEvent("MODIFIED", again, NOW))
    assert taken(ledger, NOW + DOUBT) == []
    assert ledger.in_doubt(NOW + DOUBT) == [("shop", "web")]
    assert ledger.in_doubt(NOW + DOUBT) == [], "asked already"
    ledger.budget_answered(again, NOW + DOUBT)
    assert taken(ledger, NOW + DOUBT) == ["b"]


def test_nobody_is_asked_for_a_pod_that_does_not_wait() -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", ACCEPTED, NOW)
    assert ledger.in_doubt(NOW + DOUBT) == []


def test_a_deleted_budget_no_longer_holds_anything_back() -> None:
    ledger, _ = ledger_of(budget(allowed=0))
    meet(ledger, pod("a"))
    assert taken(ledger) == []
    ledger.budget_changed(WatchEvent("DELETED", budget(allowed=0), NOW))
    assert taken(ledger) == ["a"]


def test_a_pod_under_two_budgets_is_never_sent_and_says_why() -> None:
    ledger, _ = ledger_of(budget("one", allowed=5), budget("two", allowed=5))
    meet(ledger, pod("a"))
    assert taken(ledger) == []
    ledger.close("", lambda node: "", NOW)
    assert "more than one budget (one, two)" in ledger.records()[0].reason


def test_a_pod_that_went_after_we_asked_is_evicted_with_its_time() -> None:
    ledger, changes = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", ACCEPTED, NOW)
    [record] = ledger.records()
    assert record.state is State.LEAVING
    meet(ledger, now=NOW + 2)
    assert (record.state, record.asked, record.gone) == (State.EVICTED, NOW, NOW + 2)
    assert str(record) == "shop/a: evicted in 2.0 s"
    assert changes[-1] is record
    assert ledger.done


def test_a_pod_that_went_before_the_answer_came_in_is_still_booked_once() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    meet(ledger, now=NOW + 1)
    ledger.book("uid-a", ACCEPTED, NOW + 1)
    assert ledger.done
    assert [(r.name, r.state) for r in ledger.records()] == [("a", State.EVICTED)]


def test_a_pod_that_left_by_itself_is_no_eviction_of_ours() -> None:
    ledger, _ = ledger_of(budget(allowed=0))
    meet(ledger, pod("a"))
    meet(ledger)
    assert ledger.records()[0].state is State.GONE


def test_the_new_pod_of_a_stateful_set_is_a_new_pod() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("db-0", uid="first"))
    taken(ledger)
    ledger.book("first", ACCEPTED, NOW)
    meet(ledger, pod("db-0", uid="second"), now=NOW + 1)
    assert taken(ledger, NOW + 1) == ["db-0"]
    assert [r.uid for r in ledger.records()] == ["first", "second"]


def test_a_rejected_eviction_is_counted_and_keeps_the_servers_words() -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.CLOSED, 5, "The budget needs 3"), NOW)
    assert taken(ledger, NOW + 4.9) == []
    assert taken(ledger, NOW + 5) == ["a"]
    assert ledger.records()[0].rejected == 1


def test_what_can_never_work_is_not_asked_again() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.NEVER, words="no right"), NOW)
    assert taken(ledger, NOW + 100) == []
    assert str(ledger.records()[0]) == "shop/a: failed: no right"


def test_a_pod_that_does_not_leave_names_the_nodes_trouble() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", ACCEPTED, NOW)
    ledger.close("", lambda node: f"node {node} is not ready", NOW)
    assert "node node-1 is not ready" in str(ledger.records()[0])
    assert ledger.records()[0].state is State.TIMED_OUT


@pytest.mark.parametrize(
    ("grace", "later", "said"),
    [
        (None, 6.0, "6 s of its grace period of 40 s have passed; give the step a longer"),
        (90.0, 50.0, "50 s of its grace period of 90 s have passed"),
        (None, 40.0, ""),
        (2.0, 6.0, ""),
    ],
)
def test_a_pod_that_may_still_take_its_time_says_how_much(
    grace: float | None, later: float, said: str
) -> None:
    ledger = Ledger(by_rules, lambda change: None, grace)
    slow = pod("a")
    slow["spec"]["terminationGracePeriodSeconds"] = 40
    meet(ledger, slow)
    taken(ledger)
    ledger.book("uid-a", ACCEPTED, NOW)
    ledger.close("", lambda node: "", NOW + later)
    text = str(ledger.records()[0])
    assert text.startswith("shop/a: timed out: still terminating")
    assert (said in text) if said else text.endswith("still terminating")


def test_a_refused_pod_is_seen_before_anything_is_sent() -> None:
    ledger, changes = ledger_of()
    meet(ledger, pod("a"), pod("lonely", owner=None))
    assert ledger.refused
    assert not ledger.begun
    assert [c.state for c in changes] == [State.REFUSED]


def test_an_event_is_worth_as_much_as_a_look() -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    ledger.pod_changed(WatchEvent("ADDED", pod("a"), NOW), NOW)
    assert taken(ledger) == ["a"]
    ledger.pod_changed(WatchEvent("DELETED", pod("a"), NOW), NOW + 1)
    ledger.book("uid-a", ACCEPTED, NOW + 1)
    assert ledger.done
    assert ledger.records()[0].state is State.EVICTED


def test_a_pod_that_became_unready_no_longer_waits_for_the_budget() -> None:
    ledger, _ = ledger_of(budget(allowed=0, healthy=2, desired=2))
    meet(ledger, pod("a"))
    assert taken(ledger) == []
    ledger.pod_changed(WatchEvent("MODIFIED", pod("a", ready=False), NOW), NOW)
    assert taken(ledger) == ["a"]


def test_a_budget_that_comes_to_cover_a_waiting_pod_holds_it_back() -> None:
    ledger, _ = ledger_of(budget("one", allowed=0))
    meet(ledger, pod("a"))
    ledger.budget_changed(WatchEvent("ADDED", budget("two", allowed=9), NOW))
    assert taken(ledger) == []
    ledger.budget_changed(WatchEvent("DELETED", budget("one"), NOW))
    assert taken(ledger) == ["a"]


def test_those_that_are_not_ready_go_first() -> None:
    ledger, _ = ledger_of(budget(allowed=1, healthy=0, desired=2))
    meet(ledger, pod("a"), pod("b", ready=False))
    assert taken(ledger) == ["b"]
