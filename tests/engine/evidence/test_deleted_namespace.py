"""A namespace that someone deleted during the run, and what that explains."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.errors import NotFound
from resilience.cluster.interface import Object, WatchEvent
from resilience.engine.evidence.deleted_namespace import Deletion, found
from resilience.model.finding import Outage, Reason
from resilience.model.verdict import Outcome, Result
from tests.engine.evidence.test_verdict import finding, record

GOING = {"deletionTimestamp": "2026-11-30T10:00:09Z"}
THERE = {"metadata": {"name": "shop", "creationTimestamp": "2026-11-30T10:00:00Z"}}


class Cluster:
    """Answers for the namespace."""

    def __init__(self, answer: Object | Exception) -> None:
        self._answer = answer

    def get(self, resource: Any, name: str) -> Object:
        assert (resource.kind, name) == ("Namespace", "shop")
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def seen(at: float, name: str, kind: str = "MODIFIED", **more: Any) -> WatchEvent:
    about = {"name": name, "uid": name, "namespace": "shop",
             "creationTimestamp": "2026-11-30T10:00:01Z"}  # fmt: skip
    phase = more.pop("phase", "Running")
    return WatchEvent(kind, {"metadata": about | more, "status": {"phase": phase}}, at)


LEFT = (seen(1.0, "a"), seen(1.0, "b"), seen(5.0, "a", **GOING), seen(6.0, "b", "DELETED"),
        seen(7.0, "a", "DELETED"))  # fmt: skip


def deletion(answer: Object | Exception, *events: WatchEvent) -> float | None:
    made = found(Cluster(answer), "shop", events)  # type: ignore[arg-type]
    return made.since if made else None


@pytest.mark.parametrize(
    ("answer", "since"),
    [
        (NotFound(404, "gone"), 6.0),
        ({"metadata": {**THERE["metadata"], **GOING}}, 6.0),
        ({"metadata": {"creationTimestamp": "2026-11-30T10:00:20Z"}}, 6.0),  # made again
        (THERE, None),
    ],
)
def test_a_namespace_that_went_with_its_pods(
    answer: Object | Exception, since: float | None
) -> None:
    assert deletion(answer, *LEFT) == since


@pytest.mark.parametrize(
    ("events", "since"),
    [
        ((), None),
        ((seen(1.0, "a"),), None),
        ((*LEFT, seen(8.0, "c")), None),
        ((*LEFT, seen(8.0, "c"), seen(9.0, "c", **GOING)), 9.0),
        ((seen(1.0, "a"), seen(1.0, "job", phase="Succeeded"), seen(4.0, "a", **GOING)), 4.0),
        ((seen(1.0, "other", namespace="bank"), *LEFT), 6.0),
    ],
)
def test_the_moment_is_when_the_last_pod_left(
    events: tuple[WatchEvent, ...], since: float | None
) -> None:
    assert deletion(NotFound(404, "gone"), *events) == since


@pytest.mark.parametrize(
    ("ended", "outcome", "explained"),
    [
        (7.0, Outcome.SERVICE_FAILED, True),
        (6.0, Outcome.SERVICE_FAILED, True),
        (5.9, Outcome.SERVICE_FAILED, False),
        (None, Outcome.SERVICE_FAILED, False),
        (7.0, Outcome.REFUSED, True),
        (7.0, Outcome.NOT_MEASURED, True),
        (7.0, Outcome.HARNESS_ERROR, False),
    ],
)
def test_a_step_that_failed_since(ended: float | None, outcome: Outcome, explained: bool) -> None:
    assert Deletion("shop", 6.0).explains_step(record("ready", 1.0, ended), outcome) is explained


@pytest.mark.parametrize(
    ("result", "outages", "explained"),
    [
        (Result.FAILED, (), True),
        (Result.FAILED, (5.8,), True),
        (Result.FAILED, (5.0, 7.0), False),
        (Result.PASSED, (), False),
    ],
)
def test_an_objective_that_was_missed_since(
    result: Result, outages: tuple[float, ...], explained: bool
) -> None:
    missed = finding(
        result, *(Outage(since=at, until=9.0, resolution=0.1, lost=3) for at in outages)
    )
    judged = Deletion("shop", 6.0).judged(missed)
    assert (judged.reason is Reason.DELETED) is explained
    assert judged.result is (Result.NOT_MEASURED if explained else result)
