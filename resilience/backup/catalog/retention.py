"""Which snapshots are kept: grandfather, father, son. Pure.

For each period the newest snapshot of each of its last N spans is kept, as in restic; `last` keeps
the newest N. The newest verified one is kept regardless of the numbers: a schedule that has been
failing for weeks must not delete the last good snapshot (velero #5381). Only snapshots of the same
plan compete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from resilience.model.scenario import Keep


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """One visible snapshot."""

    started: datetime
    name: str
    verified: bool = False


@dataclass(frozen=True, slots=True)
class KeepDecision:
    """A snapshot without `reasons` is deleted."""

    candidate: Candidate
    reasons: tuple[str, ...]

    @property
    def keep(self) -> bool:
        """Whether it stays."""
        return bool(self.reasons)


_SPANS: Mapping[str, Callable[[datetime], str]] = {
    "hourly": lambda at: at.strftime("%Y-%m-%d %H %z"),
    "daily": lambda at: at.strftime("%Y-%m-%d"),
    "weekly": lambda at: "{}-W{:02}".format(*at.isocalendar()[:2]),
    "monthly": lambda at: at.strftime("%Y-%m"),
    "yearly": lambda at: at.strftime("%Y"),
}


def decide(
    candidates: Iterable[Candidate], keep: Keep, *, timezone: str = "UTC"
) -> list[KeepDecision]:
    """One decision for each, newest first. A `Keep` with only zeros keeps everything: without a
    retention setting, nothing is deleted."""
    newest = sorted(candidates, reverse=True)
    reasons: dict[str, list[str]] = {each.name: [] for each in newest}
    if keep == Keep():
        return [KeepDecision(each, ("no retention is set",)) for each in newest]
    for each in newest[: keep.last]:
        reasons[each.name].append("last")
    zone = ZoneInfo(timezone)
    for period, span in _SPANS.items():
        _keep_spans(newest, getattr(keep, period), period, span, zone, reasons)
    if verified := next((each for each in newest if each.verified), None):
        reasons[verified.name].append("last verified")
    return [KeepDecision(each, tuple(reasons[each.name])) for each in newest]


def _keep_spans(
    newest: list[Candidate],
    count: int,
    period: str,
    span: Callable[[datetime], str],
    zone: ZoneInfo,
    reasons: dict[str, list[str]],
) -> None:
    seen: set[str] = set()
    for each in newest:
        key = span(each.started.astimezone(UTC).astimezone(zone))
        if key in seen:
            continue
        if len(seen) == count:
            return
        seen.add(key)
        reasons[each.name].append(period)
