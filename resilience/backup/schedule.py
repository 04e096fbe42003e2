"""When a plan fires. The one place that knows croniter.

Five fields or an @-word, in the plan's zone. `L`, `#` and six fields are refused because not every
cron understands them; `{max}/{step}` forms such as `59/1`, whose meaning has changed between cron
libraries, and dates that never come (30 February) are refused when the plan is loaded. When the
clocks change, a time that is repeated fires once, at its first passing, one that is skipped fires
at the moment of the change, and what fires every hour goes on doing so (as Debian's cron).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from resilience.backup.errors import BadRequest

_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LAST_OF_FIELD = (59, 23, 31, 12, 7)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A checked expression with its zone."""

    expression: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, zone_name: str = "UTC") -> Self:
        """`BadRequest` that says what is wrong."""
        try:
            zone = ZoneInfo(zone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadRequest(
                f"timezone {zone_name!r} is not known; expected a name such as Europe/Berlin"
            ) from None
        schedule = cls(_checked(text), zone)
        schedule.next_after(datetime(2025, 1, 1, tzinfo=UTC))
        return schedule

    def next_after(self, moment: datetime) -> datetime:
        """The first fire time later than `moment`, in UTC."""
        return next(self._fires(moment))

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """Fire times in (after, until], in UTC; the newest 1,000 at most."""
        found = []
        for fire in self._fires(after):
            if fire > until:
                break
            found.append(fire)
        return found[-1000:]

    def previous(self, moment: datetime) -> datetime:
        """The last fire time not later than `moment`, in UTC."""
        reach = timedelta(days=2)
        while True:
            if fires := self.between(moment - reach, moment):
                return fires[-1]
            reach *= 8

    def _fires(self, after: datetime) -> Iterator[datetime]:
        """Local wall times from croniter, made into moments by ourselves: its own handling fires a
        repeated hour twice."""
        from croniter import CroniterBadDateError, croniter

        zone: tzinfo = self.zone
        if self.expression.split()[1] == "*":
            zone = timezone(after.astimezone(self.zone).utcoffset() or timedelta())
        local = after.astimezone(zone).replace(tzinfo=None) - timedelta(hours=3)
        walls: Any = croniter(self.expression, local, max_years_between_matches=9)
        last = after.astimezone(UTC)
        while True:
            try:
                wall: datetime = walls.get_next(datetime)
            except CroniterBadDateError:
                raise BadRequest(
                    f"schedule {self.expression!r} never fires; there is no such date"
                ) from None
            fire = _moment(wall, zone)
            if fire > last:
                last = fire
                yield fire

    def __str__(self) -> str:
        return f"{self.expression} ({self.zone.key})"


def _moment(wall: datetime, zone: tzinfo) -> datetime:
    """A wall time as a moment: the first of two; of one that is skipped, the change itself."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    jump = moment.astimezone(zone).replace(tzinfo=None) - wall
    return _change(moment - jump, moment, zone) if jump else moment


def _change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The second at which the clocks changed, by halving."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _checked(text: str) -> str:
    from croniter import CroniterBadCronError, CroniterBadDateError, croniter

    expression = _WORDS.get(text.strip(), text.strip())
    fields = expression.split()
    if len(fields) != 5:
        raise BadRequest(
            f"schedule {text!r} has {len(fields)} fields; expected five (minute hour day month "
            f"weekday) or one of {', '.join(_WORDS)}"
        )
    for field, last in zip(fields, _LAST_OF_FIELD, strict=True):
        if any(part.startswith(f"{last}/") for part in field.split(",")):
            raise BadRequest(
                f"schedule {text!r}: {field!r} means different things to different "
                "crons; write the values out"
            )
        if set("L#?").intersection(field.upper().replace("JUL", "")):
            raise BadRequest(f"schedule {text!r}: {field!r} is not understood by every cron")
    try:
        croniter(expression)
    except (CroniterBadCronError, CroniterBadDateError, ValueError) as problem:
        raise BadRequest(f"schedule {text!r}: {problem}") from None
    return expression
