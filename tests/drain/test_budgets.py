"""The account of a budget: never one eviction too many, never one held back without cause."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.drain.budgets import DOUBT, LOOK_AGAIN, SETTLE, Allowance, needs_budget, selects
from tests.drain.objects import budget, pod

NOW = 100.0


def test_what_the_status_allows_is_free() -> None:
    assert Allowance(budget(allowed=3)).free(NOW) == 3


def test_an_eviction_under_way_is_spent_before_the_watch_says_so() -> None:
    account = Allowance(budget(allowed=2))
    account.spend("web-1", NOW)
    assert account.free(NOW) == 1


def test_a_spent_disruption_is_not_counted_twice_once_its_entry_is_seen() -> None:
    account = Allowance(budget(allowed=2))
    account.spend("web-1", NOW)
    account.update(budget(allowed=1, disrupted={"web-1": "t1"}))
    assert account.free(NOW) == 1


def test_an_event_from_before_the_eviction_frees_nothing() -> None:
    account = Allowance(budget(allowed=1))
    account.spend("web-1", NOW)
    account.update(budget(allowed=1))
    assert account.free(NOW) == 0


def test_an_old_entry_of_the_same_name_does_not_account_for_a_new_pod() -> None:
    account = Allowance(budget())
    account.update(budget(allowed=1, disrupted={"db-0": "t1"}))
    account.spend("db-0", NOW)
    account.update(budget(allowed=1, disrupted={"db-0": "t1"}))
    assert account.free(NOW) == 0
    account.update(budget(allowed=1, disrupted={"db-0": "t2"}))
    assert account.free(NOW) == 1


def test_a_refused_eviction_is_given_back() -> None:
    account = Allowance(budget(allowed=1))
    account.spend("web-1", NOW)
    account.give_back("web-1")
    assert account.free(NOW) == 1


def test_a_relist_that_skipped_the_entry_is_forgiven_after_a_while() -> None:
    account = Allowance(budget(allowed=1))
    account.spend("web-1", NOW)
    assert account.free(NOW + SETTLE - 0.01) == 0
    assert account.free(NOW + SETTLE) == 1


def test_an_accepted_eviction_whose_entry_was_skipped_is_asked_about_soon() -> None:
    account = Allowance(budget(allowed=1))
    account.spend("web-1", NOW)
    assert not account.in_doubt(NOW + 2 * DOUBT), "its answer is still under way"
    account.accept("web-1", NOW)
    assert not account.in_doubt(NOW + DOUBT - 0.01)
    assert account.in_doubt(NOW + DOUBT)
    account.answered(budget(allowed=1, version=9), NOW + DOUBT)
    assert account.free(NOW + DOUBT) == 1
    assert not account.in_doubt(NOW + DOUBT)


def test_nothing_is_asked_of_a_budget_that_lets_more_go() -> None:
    account = Allowance(budget(allowed=2))
    account.spend("web-1", NOW)
    account.accept("web-1", NOW)
    assert not account.in_doubt(NOW + DOUBT)


def test_an_answer_says_nothing_of_what_was_accepted_after_the_question() -> None:
    account = Allowance(budget(allowed=2))
    account.spend("web-1", NOW)
    account.spend("web-2", NOW)
    account.accept("web-1", NOW)
    account.accept("web-2", NOW + 2)
    account.answered(budget(allowed=2, version=9), NOW + 1)
    assert account.free(NOW + 2) == 1


def test_an_event_that_is_older_than_the_answer_changes_no_number() -> None:
    account = Allowance(budget(allowed=1))
    account.answered(budget(allowed=0, version=9), NOW)
    account.update(budget(allowed=1, version=8))
    assert account.free(NOW) == 0
    account.update(budget(allowed=1, version=10))
    assert account.free(NOW) == 1


def test_a_budget_that_its_controller_has_not_seen_yet_allows_nothing() -> None:
    waiting = Allowance(budget(allowed=5, generation=2, observed=1))
    assert waiting.free(NOW) == 0
    assert waiting.words().startswith("budget web was written, and the disruption controller has")
    waiting.close(NOW + 10, "The disruption budget web is still being processed", firmly=True)
    assert waiting.words() == "budget web: The disruption budget web is still being processed"


def test_a_refusal_without_a_time_ends_with_the_next_event() -> None:
    account = Allowance(budget(allowed=1))
    account.close(NOW + 5, "no", firmly=False)
    assert account.free(NOW) == 0
    account.update(budget(allowed=1))
    assert account.free(NOW) == 1


def test_a_refusal_with_retry_after_holds_until_its_time() -> None:
    account = Allowance(budget(allowed=1))
    account.close(NOW + 10, "still being processed", firmly=True)
    account.update(budget(allowed=1))
    assert account.free(NOW + 9.9) == 0
    assert account.free(NOW + 10) == 1


def test_a_budget_that_cannot_be_computed_says_why_instead_of_its_numbers() -> None:
    failing = budget(allowed=0, healthy=0, desired=0)
    failing["status"]["conditions"] = [
        {"type": "DisruptionAllowed", "reason": "SyncFailed", "message": "jobs.batch has no scale"}
    ]
    told = "budget web allows nothing: jobs.batch has no scale"
    assert Allowance(failing).words() == told


def test_the_reason_is_the_api_servers_own() -> None:
    account = Allowance(budget(allowed=0, healthy=3, desired=3))
    assert account.words() == "budget web needs 3 healthy pods and has 3 currently"
    account.close(NOW, "The disruption budget web needs 3 healthy pods", firmly=False)
    assert "The disruption budget web needs 3" in account.words()


@given(st.lists(st.sampled_from(["spend", "see", "skip", "ask"]), max_size=30), st.integers(0, 5))
def test_never_more_is_sent_than_the_server_has_left(steps: list[str], allowed: int) -> None:
    """Play the server: each sent eviction debits it at once, its events arrive later, in order, or
    never (a relist); asked, it answers at once."""
    account = Allowance(budget(allowed=allowed))
    left, sent = allowed, 0
    entries: dict[str, str] = {}
    queue = []
    for step in steps:
        if step == "spend" and account.free(NOW) > 0:
            account.spend(f"p{sent}", NOW)
            account.accept(f"p{sent}", NOW)
            left -= 1
            sent += 1
            entries = {**entries, f"p{sent - 1}": "t"}
            queue.append(budget(allowed=left, disrupted=entries, version=sent))
        elif step == "see" and queue:
            account.update(queue.pop(0))
        elif step == "skip" and queue:
            queue.pop(0)
        elif step == "ask":
            account.answered(budget(allowed=left, version=sent), NOW + 1)
        assert left >= 0


@pytest.mark.parametrize(
    ("selector", "covers"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selectors_cover_what_kubernetes_covers(selector: dict[str, Any], covers: bool) -> None:
    assert selects(budget(selector=selector), pod("web-1")) is covers


def test_a_budget_without_a_selector_covers_nothing() -> None:
    bare = budget()
    del bare["spec"]["selector"]
    assert not selects(bare, pod("web-1"))


def test_a_budget_covers_its_own_namespace_only() -> None:
    elsewhere = pod("web-1")
    elsewhere["metadata"]["namespace"] = "other"
    assert selects(budget(), elsewhere) is False


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed"])
def test_pods_that_do_not_run_cost_nothing(phase: str) -> None:
    assert needs_budget(pod("web-1", phase=phase), budget()) is False


def test_a_running_pod_that_is_not_ready_is_free_while_the_budget_is_healthy() -> None:
    sick = pod("web-1", ready=False)
    assert not needs_budget(sick, budget(healthy=2, desired=2))
    assert needs_budget(sick, budget(healthy=1, desired=2))
    assert needs_budget(sick, budget(healthy=0, desired=0))
    assert needs_budget(sick, budget(healthy=1, desired=2, policy="AlwaysAllow")) is False


def without(obj: Any, field: str) -> Any:
    """A copy with null in place of the field."""
    return {**obj, field: None}


def test_a_budget_or_pod_that_is_hardly_written_is_read_as_covering_nothing() -> None:
    assert selects(without(budget(), "spec"), pod("web-1")) is False
    assert selects(budget(), pod("web-1")) is True
    unlabelled = pod("web-1")
    unlabelled["metadata"]["labels"] = None
    assert selects(budget(), unlabelled) is False
    assert selects(budget(selector={}), unlabelled) is True


@pytest.mark.parametrize(
    ("one", "status", "needs"),
    [
        (pod("a"), {}, True),
        (pod("a", deletionTimestamp="2026-01-01T00:00:00Z"), {}, False),
        (without(pod("a"), "status"), {}, True),
        (pod("a", ready=False), {"currentHealthy": 2, "desiredHealthy": 2}, False),
        (pod("a", ready=False), {"currentHealthy": 3, "desiredHealthy": 2}, False),
        (pod("a", ready=False), {"currentHealthy": 1, "desiredHealthy": 1}, False),
        (pod("a", ready=False), {"currentHealthy": 0, "desiredHealthy": 1}, True),
        (pod("a", ready=False), {"currentHealthy": 1}, True),
        (pod("a", ready=False), {"desiredHealthy": 1}, True),
        (pod("a", ready=False), None, True),
    ],
)
def test_an_eviction_costs_what_the_api_server_says(one: Any, status: Any, needs: bool) -> None:
    assert needs_budget(one, {**budget(), "status": status}) is needs


@pytest.mark.parametrize(
    ("status", "generation", "free"),
    [
        ({"disruptionsAllowed": 2, "observedGeneration": 1}, 1, 2),
        ({"disruptionsAllowed": 2, "observedGeneration": 2}, 1, 2),
        ({"disruptionsAllowed": 2, "observedGeneration": 1}, 2, 0),
        ({"disruptionsAllowed": 2}, 1, 0),
        ({"disruptionsAllowed": 2}, None, 2),
        ({"disruptionsAllowed": None}, None, 0),
        (None, None, 0),
    ],
)
def test_a_status_counts_once_it_is_of_the_present_generation(
    status: Any, generation: Any, free: int
) -> None:
    made = {**budget(generation=generation), "status": status}
    assert Allowance(made).free(NOW) == free


def test_a_refusal_ends_at_its_time() -> None:
    account = Allowance(budget(allowed=1))
    account.close(NOW + 5, "no", firmly=False)
    assert [account.free(NOW + later) for later in (4.9, 5.0)] == [0, 1]


def test_an_event_clears_a_refusal_and_its_words_at_once() -> None:
    account = Allowance(budget(allowed=1))
    account.close(NOW + 5, "no", firmly=False)
    account.update({**budget(allowed=1), "status": {"disruptionsAllowed": 1,
                                                    "observedGeneration": 1}})  # fmt: skip
    assert account.free(0.5) == 1, "on a clock that has just begun, too"
    assert account.words() == "budget web needs 0 healthy pods and has 0 currently"


@pytest.mark.parametrize("status", [None, {}, {"disruptedPods": None}])
def test_a_version_without_entries_accounts_for_nothing(status: Any) -> None:
    account = Allowance(budget(allowed=2))
    account.spend("web-1", NOW)
    account.update({**budget(allowed=2), "status": status})
    assert account.spent.keys() == {"web-1"}
    assert account.words().startswith("budget web was written, and")
    account.update({**budget(allowed=2), "status": {**(status or {}), "observedGeneration": 1}})
    assert account.spent.keys() == {"web-1"}
    assert account.words() == "budget web needs 0 healthy pods and has 0 currently"


@pytest.mark.parametrize(
    ("asked", "doubted"),
    [(float("-inf"), True), (NOW + DOUBT, True), (NOW + DOUBT + 0.1, False)],
)
def test_a_budget_is_requested_once_in_a_while(asked: float, doubted: bool) -> None:
    account = Allowance(budget(allowed=1))
    account.spend("web-1", NOW)
    account.accept("web-1", NOW)
    account.asked = asked
    assert account.in_doubt(NOW + 2 * DOUBT) is doubted


def test_a_budget_that_lets_nothing_go_is_read_every_few_seconds() -> None:
    """The event that opened it may be lost."""
    account = Allowance(budget(allowed=0))
    assert account.in_doubt(NOW)
    account.asked = NOW
    assert not account.in_doubt(NOW + LOOK_AGAIN - 0.01)
    assert account.in_doubt(NOW + LOOK_AGAIN)


def test_a_budget_of_which_the_server_just_said_that_it_is_closed_is_not_read() -> None:
    account = Allowance(budget(allowed=0))
    account.close(NOW + 5, "no", firmly=True)
    assert not account.in_doubt(NOW + 4.9)
    assert account.in_doubt(NOW + 5)


def test_one_accepted_eviction_is_enough_to_ask() -> None:
    account = Allowance(budget(allowed=1))
    account.spend("web-1", NOW)
    account.spend("web-2", NOW)
    account.accept("web-2", NOW)
    assert account.in_doubt(NOW + DOUBT) is True, "one of them is enough"


@pytest.mark.parametrize(
    ("accepted", "left"),
    [(NOW - 1, set()), (NOW, {"web-1"}), (NOW + 1, {"web-1"}), (None, {"web-1"})],
)
def test_an_answer_accounts_for_what_was_accepted_before_the_question(
    accepted: float | None, left: set[str]
) -> None:
    account = Allowance(budget(allowed=1))
    account.spend("web-1", NOW - 2)
    if accepted is not None:
        account.accept("web-1", accepted)
    account.answered(budget(allowed=1, version=9), NOW)
    assert account.spent.keys() == left


@pytest.mark.parametrize(
    ("new", "known", "taken"),
    [
        ("9", "10", False),
        ("10", "9", True),
        ("10", "10", True),
        ("x", "10", True),
        ("9", "x", True),
    ],
)
def test_the_newer_version_counts_and_one_that_is_no_number_is_taken(
    new: Any, known: Any, taken: bool
) -> None:
    account = Allowance(budget(allowed=1, version=known))
    account.update(budget(allowed=2, version=new))
    assert account.free(NOW) == (2 if taken else 1)


def test_entries_of_an_older_version_still_account_for_their_pods() -> None:
    account = Allowance(budget(allowed=2, version=9))
    account.spend("web-1", NOW)
    account.update(budget(allowed=9, version=8, disrupted={"web-1": "t"}))
    assert account.free(NOW) == 2


def test_accepting_or_giving_back_what_was_never_spent_changes_nothing() -> None:
    account = Allowance(budget(allowed=1))
    account.accept("web-1", NOW)
    account.give_back("web-1")
    assert account.free(NOW) == 1


def test_a_budget_that_allows_less_than_is_under_way_has_nothing_free() -> None:
    account = Allowance(budget(allowed=1))
    account.spend("web-1", NOW)
    account.spend("web-2", NOW)
    assert account.free(NOW) == 0
