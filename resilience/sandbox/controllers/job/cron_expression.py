"""Cron schedules of CronJobs: five fields, names, steps, "@daily", a time zone.

Written here because the sandbox has no dependencies of its own; the rules are those of
robfig/cron v3, which kube-controller-manager uses: day of month and day of week are alternatives
when both are restricted, "7" is not a day, moments that a clock change skips do not happen.
"@every" counts from the last start. Limit: an hour that a clock change repeats counts once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS: Final = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NAMED: Final = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}  # fmt: skip
_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_EVERY: Final = re.compile(r"^@every (?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")
_HORIZON: Final = 5 * 366


class ScheduleError(ValueError):
    """The text is not a schedule, or the zone is unknown; says which."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to run. `every` seconds, or sets of allowed values in a zone."""

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    any_day: bool = True
    any_weekday: bool = True
    zone: tzinfo = UTC
    every: int = 0

    def after(self, moment: float) -> float | None:
        """The next start strictly after an instant; None when there is none in five years."""
        if self.every:
            return float(int(moment) + self.every)
        local = datetime.fromtimestamp(moment, self.zone).replace(tzinfo=None)
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(_HORIZON):
            if self._on(day):
                found = self._within(day, moment)
                if found is not None:
                    return found
            day += timedelta(days=1)
        return None

    def _on(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        by_date = day.day in self.days
        by_weekday = (day.weekday() + 1) % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_date and by_weekday
        return by_date or by_weekday

    def _within(self, day: datetime, moment: float) -> float | None:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                local = day.replace(hour=hour, minute=minute)
                instant = local.replace(tzinfo=self.zone).timestamp()
                back = datetime.fromtimestamp(instant, self.zone).replace(tzinfo=None)
                if instant > moment and back == local:
                    return instant
        return None


def parse(text: str, zone: str | None = None) -> Schedule:
    """Read a schedule; ScheduleError otherwise."""
    where = _zone(zone)
    found = _EVERY.match(text)
    if found and any(found.groups()):
        hours, minutes, seconds = (int(group or 0) for group in found.groups())
        return Schedule(zone=where, every=max(1, hours * 3600 + minutes * 60 + seconds))
    fields = _NAMED.get(text, text).split()
    if len(fields) != 5:
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{text}]")
    names: tuple[Sequence[str], ...] = ((), (), (), _MONTHS, _DAYS)
    at_minutes, at_hours, days, months, weekdays = (
        _field(field, low, high, known)
        for field, (low, high), known in zip(fields, _BOUNDS, names, strict=True)
    )
    return Schedule(
        minutes=at_minutes,
        hours=at_hours,
        days=days,
        months=months,
        weekdays=weekdays,
        any_day=fields[2][0] in "*?",
        any_weekday=fields[4][0] in "*?",
        zone=where,
    )


def _zone(name: str | None) -> tzinfo:
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ScheduleError(f"unknown time zone {name}") from None


def _field(text: str, low: int, high: int, names: Sequence[str]) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        values.update(_range(part, low, high, names))
    return frozenset(values)


def _range(text: str, low: int, high: int, names: Sequence[str]) -> range:
    body, slash, step_text = text.partition("/")
    if body in ("*", "?"):
        first, last = low, high
    else:
        start, dash, end = body.partition("-")
        first = _value(start, low, names)
        last = _value(end, low, names) if dash else (high if slash else first)
    step = int(step_text) if slash and step_text.isdigit() else 0 if slash else 1
    if not step or first < low or last > high or first > last:
        raise ScheduleError(f"{text!r} is not within {low} to {high}")
    return range(first, last + 1, step)


def _value(text: str, low: int, names: Sequence[str]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    if not (text.isascii() and text.isdigit()):
        raise ScheduleError(f"failed to parse int from {text}")
    return int(text)
