"""What the watches show becomes entries: states once, budgets by what they let go."""

from __future__ import annotations

from typing import Any

from resilience.cluster.interface import BUDGETS, PODS, WatchEvent
from resilience.engine.base.timeline import Timeline
from resilience.engine.evidence.verdict import _circumstances
from resilience.engine.evidence.watch_recorder import Witness
from resilience.model.timeline import Entry


class Clock:
    """Stands still."""

    def monotonic(self) -> float:
        return 10.0

    def wall(self) -> float:
        return 1000.0


def pod(phase: str = "Running", ready: bool = True) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"namespace": "shop", "name": "web", "uid": "u"},
        "status": {"phase": phase, "conditions": conditions},
    }


def budget(allowed: int) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "shop", "name": "web", "uid": "b"},
        "status": {"disruptionsAllowed": allowed},
    }


def heard(*events: tuple[Any, str, dict[str, Any], bool]) -> list[Entry]:
    timeline = Timeline(Clock(), lambda entry: None)  # type: ignore[arg-type]
    witness = Witness(timeline)
    for number, (resource, kind, obj, news) in enumerate(events):
        witness(resource, WatchEvent(kind, obj, float(number)), news)
    return list(timeline.entries())


def test_what_is_there_at_the_beginning_is_recorded_and_marked() -> None:
    first, second = heard(
        (PODS, "ADDED", pod(), False),
        (PODS, "MODIFIED", pod(), True),
        (PODS, "MODIFIED", pod(ready=False), True),
    )
    assert (first.text, first.facts["state"], first.facts["there"]) == (
        "Pod shop/web ready", "ready", True,
    )  # fmt: skip
    assert second.facts["state"] == "running, not ready"
    assert "there" not in second.facts


def test_a_pod_that_had_finished_before_is_not() -> None:
    assert heard((PODS, "ADDED", pod("Succeeded", ready=False), False)) == []


def test_a_budget_is_recorded_when_it_lets_another_number_go() -> None:
    entries = heard(
        (BUDGETS, "ADDED", budget(1), False),
        (BUDGETS, "MODIFIED", budget(1), True),
        (BUDGETS, "MODIFIED", budget(0), True),
        (BUDGETS, "DELETED", budget(0), True),
    )
    assert [entry.facts["allowed"] for entry in entries] == [1, 0, None]
    assert [entry.text for entry in entries] == [
        "PodDisruptionBudget shop/web allows 1 disruption",
        "PodDisruptionBudget shop/web allows 0 disruptions",
        "PodDisruptionBudget shop/web gone",
    ]


def test_an_outage_is_not_explained_by_what_was_there_or_by_a_budget() -> None:
    entries = heard(
        (PODS, "ADDED", pod(), False),
        (BUDGETS, "MODIFIED", budget(0), True),
        (PODS, "MODIFIED", pod(ready=False), True),
    )
    assert [line.split(" ", 1)[1] for line in _circumstances(0.0, 5.0, entries, 0.0)] == [
        "Pod shop/web running, not ready"
    ]
