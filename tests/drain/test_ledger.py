"""The books of a drain: what is sent, what waits and why, what became of each Pod."""

from __future__ import annotations

from typing import Any

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


def is_done(ledger: Ledger) -> bool:
    return ledger.done


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


# ----- budgets that come, change and go while Pods wait


def changed(ledger: Ledger, obj: Object, kind: str = "MODIFIED") -> None:
    ledger.budget_changed(WatchEvent(kind, obj, NOW))


def test_budgets_that_are_known_only_after_the_pods_hold_them_back() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    ledger.budgets_are([budget(allowed=0)])
    assert taken(ledger) == []


def test_a_budget_that_is_created_meanwhile_holds_them_back() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    changed(ledger, budget(allowed=0), "ADDED")
    assert taken(ledger) == []


@pytest.mark.parametrize("answer", [Answer.ACCEPTED, Answer.LEAVING, Answer.GONE, Answer.NEVER])
def test_what_is_settled_is_not_sent_again_when_budgets_change(answer: Answer) -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(answer), NOW)
    changed(ledger, budget(allowed=9), "ADDED")
    assert taken(ledger) == []


@pytest.mark.parametrize("answered", [True, False])
def test_a_budget_whose_selector_changes_covers_other_pods_from_then_on(answered: bool) -> None:
    ledger, _ = ledger_of(budget(allowed=0))
    meet(ledger, pod("a"), pod("x", app="other"))
    now_other = budget(allowed=0, selector={"matchLabels": {"app": "other"}}, version=2)
    if answered:
        ledger.budget_answered(now_other, NOW)
    else:
        changed(ledger, now_other)
    assert taken(ledger) == ["a"]


def test_numbers_that_change_leave_the_order_of_those_who_wait() -> None:
    """Sorting again would put the Pods back into the order in which they were met."""
    ledger, _ = ledger_of(budget(allowed=0, healthy=1, desired=2))
    meet(ledger, pod("a"), pod("b", ready=False))
    ledger.pod_changed(WatchEvent("MODIFIED", pod("a", ready=False), NOW), NOW)
    changed(ledger, budget(allowed=1, healthy=1, desired=2, version=2))
    assert taken(ledger) == ["b"]
    ledger.book("uid-b", Reply(Answer.NEVER), NOW)
    ledger.budget_answered(budget(allowed=1, healthy=1, desired=2, version=3), NOW)
    assert taken(ledger) == ["a"]


def test_an_answer_about_a_budget_that_is_gone_changes_nothing() -> None:
    ledger, _ = ledger_of(budget(allowed=0))
    meet(ledger, pod("a"))
    changed(ledger, budget(allowed=0), "DELETED")
    ledger.budget_answered(budget(allowed=0), NOW)
    assert taken(ledger) == ["a"]


def test_entries_of_a_new_budgets_first_version_are_old_ones() -> None:
    """The Pod of that name was evicted before: it does not account for the one sent now."""
    ledger, _ = ledger_of(budget(allowed=1, disrupted={"a": "t"}))
    meet(ledger, pod("a"), pod("b"))
    assert taken(ledger) == ["a"]
    changed(ledger, budget(allowed=1, disrupted={"a": "t"}, version=2))
    assert taken(ledger) == []


def test_only_a_budget_that_somebody_waits_for_is_doubted() -> None:
    several = [budget("one", allowed=1), budget("two", allowed=1)]
    ledger, _ = ledger_of(*several)
    meet(ledger, pod("a"))
    assert ledger.in_doubt(NOW + DOUBT) == []
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"), pod("b"), pod("x", app="other"))
    assert ledger.in_doubt(NOW) == [], "nothing was sent yet"
    assert taken(ledger) == ["a", "x"]
    ledger.book("uid-a", ACCEPTED, NOW)
    assert ledger.in_doubt(NOW + DOUBT) == [("shop", "web")]


# ----- answers


def test_a_refused_eviction_is_given_back_to_its_budget() -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"), pod("b"))
    assert taken(ledger) == ["a"]
    ledger.book("uid-a", Reply(Answer.AGAIN, 60.0, "away"), NOW)
    assert taken(ledger) == ["b"]


def test_an_accepted_eviction_is_not_given_back() -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"), pod("b"))
    taken(ledger)
    ledger.book("uid-a", ACCEPTED, NOW)
    assert taken(ledger) == []


@pytest.mark.parametrize("answer", [Answer.AGAIN, Answer.CLOSED])
def test_an_eviction_without_a_budget_is_sent_again_after_its_wait(answer: Answer) -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    assert taken(ledger) == ["a"]
    ledger.book("uid-a", Reply(answer, 5.0, "words"), NOW)
    [record] = ledger.records()
    assert (record.reason, record.rejected) == ("words", int(answer is Answer.CLOSED))
    assert taken(ledger, NOW + 4.9) == []
    assert taken(ledger, NOW + 5.0) == ["a"]


def test_under_a_budget_an_eviction_that_failed_for_now_is_sent_after_its_wait_too() -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.AGAIN, 5.0, "away"), NOW)
    assert taken(ledger, NOW + 4.9) == []
    assert taken(ledger, NOW + 5.0) == ["a"]


def test_under_a_budget_it_is_queued_at_once_and_the_budget_opens_it() -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.CLOSED, 5.0, "closed"), NOW)
    assert taken(ledger, NOW + 1) == []
    changed(ledger, budget(allowed=1, version=2))
    assert taken(ledger, NOW + 1) == ["a"]


def test_a_time_that_the_server_set_is_kept_though_the_budget_changes() -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.CLOSED, 5.0, "closed", firm=True), NOW)
    changed(ledger, budget(allowed=1, version=2))
    assert taken(ledger, NOW + 4.9) == []
    assert taken(ledger, NOW + 5.0) == ["a"]


def test_a_pod_that_left_while_it_waited_for_its_next_try_is_not_sent() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.AGAIN, 1.0), NOW)
    meet(ledger)
    assert taken(ledger, NOW + 2) == []
    assert ledger.done


def test_a_pod_in_flight_is_not_queued_again_when_budgets_change() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    assert taken(ledger) == ["a"]
    changed(ledger, budget(allowed=9), "ADDED")
    assert taken(ledger) == []


def test_a_time_to_try_again_is_kept_though_budgets_come_and_go() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"), pod("b"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.AGAIN, 5.0), NOW)
    changed(ledger, budget(allowed=9), "ADDED")
    assert taken(ledger, NOW + 4.9) == []
    assert taken(ledger, NOW + 5.0) == ["a"]
    assert taken(ledger, NOW + 6.0) == []


def test_an_answer_that_it_is_gone_awaits_the_watch() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.GONE), NOW)
    assert not is_done(ledger)
    ledger.close("", lambda node: "", NOW)
    assert ledger.records()[0].state is State.TIMED_OUT
    meet(ledger, now=NOW + 1)
    assert is_done(ledger)
    assert ledger.records()[0].state is State.GONE


@pytest.mark.parametrize(
    ("answer", "state", "rejected"),
    [
        (Answer.ACCEPTED, State.EVICTED, 0),
        (Answer.GONE, State.GONE, 0),
        (Answer.LEAVING, State.GONE, 0),
        (Answer.CLOSED, State.GONE, 1),
        (Answer.AGAIN, State.GONE, 0),
        (Answer.NEVER, State.GONE, 0),
    ],
)
def test_of_a_pod_that_went_before_its_answer_the_answer_says_whose_doing_it_was(
    answer: Answer, state: State, rejected: int
) -> None:
    ledger, changes = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    meet(ledger, now=NOW + 2)
    assert changes == [], "nothing is told before it is known"
    ledger.book("uid-a", Reply(answer, 1.0, "words"), NOW + 3)
    [record] = ledger.records()
    assert changes == [record]
    assert (record.state, record.reason, record.rejected) == (state, "", rejected)
    assert record.asked == (NOW + 2 if state is State.EVICTED else None)
    assert ledger.done
    assert taken(ledger, NOW + 9) == []


def test_a_pod_whose_namespace_is_deleted_leaves_with_that_reason() -> None:
    ledger, changes = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.LEAVING, words="its namespace is being deleted"), NOW)
    [record] = ledger.records()
    assert (record.state, record.reason) == (State.LEAVING, "its namespace is being deleted")
    assert changes == [record]
    assert not ledger.done


@pytest.mark.parametrize("running", [True, False])
def test_a_pod_that_a_finalizer_holds_names_it_once_its_containers_have_ended(
    running: bool,
) -> None:
    ledger, _ = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", ACCEPTED, NOW)
    held = pod("a", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["example.com/hold"])
    state = {"running": {}} if running else {"terminated": {"exitCode": 0}}
    held["status"]["containerStatuses"] = [{"name": "main", "state": state}]
    ledger.pod_changed(WatchEvent("MODIFIED", held, NOW), NOW)
    ledger.close("", lambda node: "", NOW + 5)
    reason = ledger.records()[0].reason
    assert ("example.com/hold" in reason) is not running
    assert ("of its grace period of 30 s" in reason) is running


def test_an_accepted_eviction_is_told_with_its_reason_and_waits_no_more() -> None:
    ledger, changes = ledger_of(budget(allowed=1))
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", ACCEPTED, NOW)
    [record] = ledger.records()
    assert record.reason == "its eviction was accepted"
    assert changes == [record]
    ledger.close("", lambda node: "", NOW + 99)
    assert record.reason == "still terminating", "it is not among those that wait"


def test_a_failed_pod_is_told_and_waits_no_more() -> None:
    ledger, changes = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.book("uid-a", Reply(Answer.NEVER, words="no right"), NOW)
    assert [(each.state, each.reason) for each in changes] == [(State.FAILED, "no right")]
    assert ledger.done


def test_a_pod_that_left_is_told_once_and_leaves_its_queue() -> None:
    ledger, changes = ledger_of(budget(allowed=0))
    meet(ledger, pod("a"), pod("b"))
    meet(ledger, pod("b"), now=NOW + 3)
    meet(ledger, pod("b"), now=NOW + 4)
    assert [(each.name, each.state, each.gone) for each in changes] == [("a", State.GONE, NOW + 3)]
    changed(ledger, budget(allowed=2, version=2))
    assert taken(ledger) == ["b"]


# ----- the end


def test_a_drain_has_begun_once_something_was_taken_and_stays_begun() -> None:
    ledger, _ = ledger_of()
    begun = []
    for pods in ((), (pod("a"),), ()):
        if pods:
            meet(ledger, *pods)
        taken(ledger)
        begun.append(ledger.begun)
    assert begun == [False, True, True]


def test_nothing_is_refused_where_all_may_go() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    assert not ledger.refused
    assert not ledger.done


@pytest.mark.parametrize(
    ("budgets", "before", "given", "said"),
    [
        ([budget(allowed=0)], "", "stopped", "stopped"),
        ([budget(allowed=0, healthy=2, desired=2)], "", "",
         "budget web needs 2 healthy pods and has 2 currently"),
        ([], "the server is away", "", "the server is away"),
        ([], "the server is away", "stopped", "stopped"),
        ([], "", "", "not evicted before the deadline"),
    ],
)  # fmt: skip
def test_what_waits_at_the_end_says_why(
    budgets: list[Object], before: str, given: str, said: str
) -> None:
    ledger, _ = ledger_of(*budgets)
    meet(ledger, pod("a"))
    if before:
        taken(ledger)
        ledger.book("uid-a", Reply(Answer.AGAIN, 60.0, before), NOW)
    ledger.close(given, lambda node: "trouble", NOW)
    [record] = ledger.records()
    assert (record.state, record.reason) == (State.BLOCKED, said)


def test_one_whose_eviction_has_no_answer_at_the_end_says_so() -> None:
    ledger, _ = ledger_of()
    meet(ledger, pod("a"))
    taken(ledger)
    ledger.close("", lambda node: "", NOW)
    said = "its eviction was sent, and the API server has not answered"
    assert ledger.records()[0].reason == said


def test_a_nodes_trouble_is_asked_for_once_and_comes_before_the_time_left() -> None:
    ledger, asked = ledger_of()[0], list[str]()
    meet(ledger, pod("a"), pod("b"), pod("c", node="node-2"))
    taken(ledger)
    for uid in ("uid-a", "uid-b", "uid-c"):
        ledger.book(uid, ACCEPTED, NOW)

    def trouble(node: str) -> str:
        asked.append(node)
        return "is away" if node == "node-1" else ""

    ledger.close("", trouble, NOW + 5)
    assert asked == ["node-1", "node-2"]
    reasons = [record.reason for record in ledger.records()]
    assert reasons[:2] == ["still terminating: is away"] * 2
    assert reasons[2].startswith("still terminating: 5 s of its grace period of 30 s")


def test_records_are_in_the_order_of_namespace_and_name() -> None:
    ledger, _ = ledger_of()
    far = pod("a", uid="u")
    far["metadata"]["namespace"] = "zoo"
    meet(ledger, far, pod("c"), pod("b"))
    assert [(each.namespace, each.name) for each in ledger.records()] == [
        ("shop", "b"), ("shop", "c"), ("zoo", "a"),
    ]  # fmt: skip


def test_a_deletion_of_a_pod_that_was_never_seen_is_nothing() -> None:
    ledger, changes = ledger_of()
    ledger.pod_changed(WatchEvent("DELETED", pod("a"), NOW), NOW)
    assert ledger.records() == []
    assert changes == []


# ----- Pods that no budget counts


GOING = "2026-01-01T00:00:00Z"


def test_a_pod_that_terminates_while_ready_is_evicted_although_its_budget_is_spent() -> None:
    """The API server lets it go whatever the budget says, and a shorter grace period applies."""
    ledger, _ = ledger_of(budget(allowed=0))
    meet(ledger, pod("a", deletionTimestamp=GOING), pod("b"))
    assert taken(ledger) == ["a"]


def test_a_pod_that_begins_to_terminate_no_longer_waits_for_the_budget() -> None:
    ledger, _ = ledger_of(budget(allowed=0))
    meet(ledger, pod("a"))
    assert taken(ledger) == []
    ledger.pod_changed(WatchEvent("MODIFIED", pod("a", deletionTimestamp=GOING), NOW), NOW)
    assert taken(ledger) == ["a"]


@pytest.mark.parametrize("gone", [{"deletionTimestamp": GOING}, {"phase": "Pending"}])
def test_what_no_budget_counts_is_evicted_under_two_of_them(gone: dict[str, Any]) -> None:
    ledger, _ = ledger_of(budget("one", allowed=0), budget("two", allowed=0))
    meet(ledger, pod("a", **gone), pod("b"), pod("c", ready=False))
    assert taken(ledger) == ["a"]


# ----- budgets whose events were lost


def test_a_budget_that_the_server_no_longer_has_holds_nothing_back() -> None:
    ledger, _ = ledger_of(budget(allowed=0))
    meet(ledger, pod("a"))
    assert taken(ledger) == []
    [key] = ledger.in_doubt(NOW)
    ledger.budget_is_gone(key)
    assert taken(ledger) == ["a"]
