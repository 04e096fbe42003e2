"""Undos are newest first, and what is in use waits for what uses it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from resilience.cluster.errors import ApiError
from resilience.engine.base.timeline import Timeline
from resilience.engine.journal.journal import Journal
from resilience.engine.journal.undo import Putback
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, InUse
from tests.engine.fakes import FakeClock
from tests.engine.helpers import MemorySink
from tests.engine.run.test_steps import toy


class Tried:
    """Undos by name; those in `used` are in use until the undo that uses them is done, or refused
    by the error that `refusals` has for them."""

    refusals: Mapping[str, Exception] = {}

    def __init__(self, used: dict[str, str]) -> None:
        self.used, self.calls, self.done = used, list[tuple[str, bool]](), set[str]()

    def undo(self, data: Any, context: Any) -> None:
        name = data["name"]
        self.calls.append((name, context.last))
        user = self.used.get(name, "")
        if user and user not in self.done:
            if name in self.refusals:
                raise self.refusals[name]
            if not context.last:
                raise InUse(f"{name} is in use")
            raise ActionFailed(f"{name} still exists")
        self.done.add(name)


def put_back(tried: Tried, *names: str) -> tuple[list[str], Journal]:
    """The names in the order of their creation."""
    clock, journal = FakeClock(), Journal([MemorySink()])
    journal.begin({"run": "r1", "scenario": "x"})
    for name in names:
        journal.record("make", "when[0]", {"name": name}, name)
    verb = dataclasses.replace(toy(lambda context: None).verb, name="make", undo=tried.undo)
    cluster: Any = None
    left = Putback(cluster=cluster, run=RunId("r1"), clock=clock, journal=journal,
                   timeline=Timeline(clock, lambda entry: None), verbs={"make": verb},
                   within=10.0).all()  # fmt: skip
    return left, journal


def test_what_is_in_use_is_undone_after_its_user() -> None:
    """A manifest may name a claim after the Deployment that mounts it."""
    tried = Tried({"claim": "deployment"})
    left, journal = put_back(tried, "service", "deployment", "claim")
    assert left == []
    assert [name for name, _ in tried.calls] == ["claim", "deployment", "service", "claim"]
    assert list(journal.pending()) == []


def test_what_stays_in_use_is_waited_for_once_and_then_left() -> None:
    tried = Tried({"claim": "a stranger"})
    left, journal = put_back(tried, "deployment", "claim")
    assert left == ["claim: claim still exists"]
    assert [name for name, _ in tried.calls] == ["claim", "deployment", "claim"]
    assert [undo.text for undo in journal.pending()] == ["claim"]


@pytest.mark.parametrize("names", [("claim",), ("claim", "service")])
def test_the_last_undo_has_nobody_to_wait_for(names: tuple[str, ...]) -> None:
    tried = Tried({})
    put_back(tried, *names)
    assert tried.calls[-1] == ("claim", True)
    assert all(not last for _, last in tried.calls[:-1])


def refused(code: int) -> ApiError:
    return ApiError(code, "the policy pods-stay denies it", request="DELETE /pods/web")


def within(problem: Exception) -> ActionFailed:
    failure = ActionFailed("web.yaml:1: it was refused")
    failure.__cause__ = problem
    return failure


@pytest.mark.parametrize("refusal", [refused(403), refused(422), within(refused(403))], ids=repr)
def test_what_a_rule_refuses_is_tried_again_when_the_rule_may_be_gone(refusal: Exception) -> None:
    """A policy that forbids deletions, and after it a Pod: the Pod's undo comes first."""
    tried = Tried({"pod": "policy"})
    tried.refusals = {"pod": refusal}
    left, journal = put_back(tried, "policy", "pod")
    assert left == []
    assert tried.calls == [("pod", False), ("policy", False), ("pod", True)]
    assert list(journal.pending()) == []


def test_what_is_still_refused_at_the_end_is_left_with_its_reason() -> None:
    tried = Tried({"pod": "a stranger"})
    tried.refusals = {"pod": refused(403)}
    left, journal = put_back(tried, "service", "pod")
    assert left == [f"pod: {refused(403)}"]
    assert [name for name, _ in tried.calls] == ["pod", "service", "pod"]
    assert [undo.text for undo in journal.pending()] == ["pod"]


def test_another_failure_is_not_tried_again() -> None:
    tried = Tried({"pod": "policy"})
    tried.refusals = {"pod": refused(400)}
    left, _ = put_back(tried, "policy", "pod")
    assert left == [f"pod: {refused(400)}"]
    assert [name for name, _ in tried.calls] == ["pod", "policy"]
