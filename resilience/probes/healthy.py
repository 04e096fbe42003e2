"""Whether this run's actions brought a disruption budget below its desired number of healthy Pods.
Pure.

Only the values written by the disruption controller count; a dip that ended before it looked is not
seen. An action is blamed for a breach from the first reading with fewer healthy Pods than before
the action, until that number is healthy again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resilience.cluster.interface import Object, WatchEvent
from resilience.drain.budgets import sync_failure
from resilience.kube import objects
from resilience.model.verdict import Window

Key = tuple[str, str]
"""Namespace and name of a budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A budget's status at one moment (monotonic seconds)."""

    at: float
    healthy: int
    desired: int

    @property
    def short(self) -> int:
        """How many healthy Pods are missing; 0 if none."""
        return max(0, self.desired - self.healthy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """An action of this run on Pods that a budget covers."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A span below `desired`. `until` is None while it lasts; `blamed` is empty if this run did not
    cause it."""

    since: float
    until: float | None
    worst: Reading
    blamed: tuple[Deed, ...]


def is_current(budget: Object) -> bool:
    """Whether the status refers to the budget's current spec."""
    seen, written = objects.generations(budget)
    return "currentHealthy" in (budget.get("status") or {}) and seen >= written


def unjudged(budget: Object) -> str:
    """Why the numbers of its status say nothing, though they are current: its controller cannot
    compute them, and leaves the former ones; or it counts none of the Pods. "" if they do."""
    status = budget.get("status") or {}
    if why := sync_failure(budget):
        return f"budget {objects.title(budget)} cannot be computed: {why}"
    if not status.get("expectedPods"):
        return (
            f"budget {objects.title(budget)} counts no Pod, so it could not be violated:"
            " maxUnavailable and percentages count only Pods of controllers"
        )
    return ""


def reading(budget: Object, at: float) -> Reading:
    """The reading of a budget with a current status."""
    status = budget["status"]
    return Reading(at=at, healthy=int(status["currentHealthy"]),
                   desired=int(status.get("desiredHealthy") or 0))  # fmt: skip


def readings(events: Iterable[WatchEvent]) -> dict[Key, list[Reading]]:
    """Each budget's current readings, in order of receipt."""
    found: dict[Key, list[Reading]] = {}
    for event in events:
        key = objects.namespace(event.object), objects.name(event.object)
        series = found.setdefault(key, [])
        if event.type != "DELETED" and is_current(event.object) and not sync_failure(event.object):
            series.append(reading(event.object, event.received))
    return found


def failures(events: Iterable[WatchEvent], window: Window) -> list[str]:
    """Budgets that their controller could not compute at some time in the window."""
    versions: dict[Key, list[WatchEvent]] = {}
    for event in events:
        if event.type != "DELETED" and event.received <= window.until:
            key = objects.namespace(event.object), objects.name(event.object)
            versions.setdefault(key, []).append(event)
    found = []
    for series in versions.values():
        before = [each for each in series if each.received <= window.since]
        inside = [*before[-1:], *(each for each in series if each.received > window.since)]
        failed = [each.object for each in inside if sync_failure(each.object)]
        found += [unjudged(failed[-1])] if failed else []
    return sorted(found)


def within(series: Sequence[Reading], window: Window) -> list[Reading]:
    """The readings that were true at some time in the window: the last one before it as well. While
    `given` sets everything up, a budget has no healthy Pod yet."""
    before = [each for each in series if each.at <= window.since]
    return [*before[-1:], *(each for each in series if window.since < each.at <= window.until)]


def breaches(series: Sequence[Reading], deeds: Sequence[Deed]) -> list[Breach]:
    """All spans below the desired number, each with its cause."""
    found: list[Breach] = []
    span: list[int] = []
    for index, each in enumerate(series):
        if each.short:
            span.append(index)
        elif span:
            found.append(_breach(series, span, each.at, deeds))
            span = []
    if span:
        found.append(_breach(series, span, None, deeds))
    return found


def _breach(
    series: Sequence[Reading], span: Sequence[int], until: float | None, deeds: Sequence[Deed]
) -> Breach:
    blamed = [deed for deed in deeds if any(_weighs(deed, series[: at + 1]) for at in span)]
    inside = [series[at] for at in span]
    return Breach(since=inside[0].at, until=until, blamed=tuple(blamed),
                  worst=max(inside, key=lambda each: each.short))  # fmt: skip


def _weighs(deed: Deed, series: Sequence[Reading]) -> bool:
    """Whether the last of these readings shows fewer healthy Pods because of the action."""
    before = [each for each in series if each.at <= deed.at]
    if not before:
        return False
    fallen = False
    for each in series[len(before) :]:
        if each.healthy < before[-1].healthy:
            fallen = True
        elif fallen:
            return False  # the number had recovered; a later drop has another cause
    return fallen
