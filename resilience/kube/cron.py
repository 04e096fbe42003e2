"""Cron expressions with a time zone: the only module that knows croniter.

Five fields, names of months and days, the `@daily` forms. A fixed time of day matches once a day:
the hour that daylight saving repeats does not match twice, and a time that it skips matches when
the gap ends. Expressions whose hour is a star follow elapsed time instead, so that "every half
hour" stays every half hour. Nothing here reads a clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

_START = datetime(2024, 1, 1, tzinfo=UTC)
"""An arbitrary moment from which each expression is tested once for being satisfiable."""

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_LAST_WITH_STEP = re.compile(r"(?:^|,)\d+/\d+")
"""`59/1`: cron programs disagree whether it means minute 59 or every minute from 59 on."""

_ZONED = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.+)")
"""The zone before the fields, as robfig/cron reads it."""


def zone(name: str) -> ZoneInfo:
    """The IANA zone with that name; ValueError with an example otherwise."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("an IANA time zone, such as Europe/Berlin or UTC") from error


@dataclass(frozen=True, slots=True)
class Cron:
    """One schedule. `text` is as written."""

    text: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, zone_name: str = "UTC") -> Self:
        """ValueError says what was expected, also for a date that never occurs."""
        fields = _fields(text)
        if other := otherwise(text):
            raise ValueError(other)
        if len(fields) != 5:
            raise ValueError(
                "a cron expression of five fields, such as 0 2 * * * or */15 9-17 * * 1-5"
            )
        if any(_LAST_WITH_STEP.search(field) for field in fields):
            raise ValueError("a range before the step, such as 0-59/15: a bare number has no step")
        made = cls(text, zone(zone_name))
        try:
            made.next_after(_START)
        except (ValueError, KeyError) as error:
            if "failed to find next date" in str(error):
                raise ValueError("a date that occurs: this one never does") from error
            raise ValueError(
                "a cron expression whose fields are in range, such as 0 2 * * *"
            ) from error
        return made

    def next_after(self, moment: datetime) -> datetime:
        """The first scheduled time after `moment` (aware), in UTC."""
        return next(self._walk(moment, forward=True))

    def previous_before(self, moment: datetime) -> datetime:
        """The last scheduled time before `moment` (aware), in UTC."""
        return next(self._walk(moment, forward=False))

    def between(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Scheduled times after `since` up to and including `until`, in order, in UTC."""
        for fire in self._walk(since, forward=True):
            if fire > until:
                return
            yield fire

    def matches(self, moment: datetime) -> bool:
        """Whether the schedule contains the minute of `moment` on the wall clock of the zone.

        So `* 9-16 * * mon-fri` is the window from 09:00 up to, not including, 17:00.
        """
        from croniter import croniter

        local = moment.astimezone(self.zone).replace(tzinfo=None, second=0, microsecond=0)
        return bool(croniter.match(self._five, local))

    @property
    def _five(self) -> str:
        return " ".join(_fields(self.text))

    def _walk(self, moment: datetime, *, forward: bool) -> Iterator[datetime]:
        if _fields(self.text)[1].startswith("*"):
            yield from self._elapsed(moment, forward)
        else:
            yield from self._wall(moment, forward)

    def _elapsed(self, moment: datetime, forward: bool) -> Iterator[datetime]:
        """Starts by real time: every repetition of an hour counts."""
        step = self._stepper(moment.astimezone(self.zone), forward)
        while True:
            yield step().astimezone(UTC)

    def _wall(self, moment: datetime, forward: bool) -> Iterator[datetime]:
        """Starts by the wall clock: each local time once, moved to the end of the gap if it is
        skipped."""
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        # One day of margin: around a change, a time that is earlier on the wall clock may be later.
        margin = timedelta(days=-1 if forward else 1)
        step = self._stepper(local + margin, forward)
        last: datetime | None = None
        while True:
            fire = self._moment(step())
            ahead = fire > moment if forward else fire < moment
            if ahead and fire != last:
                yield fire
                last = fire

    def _moment(self, local: datetime) -> datetime:
        """When the wall clock first shows `local`, or the end of the gap that contains it."""
        first = local.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
        if first.astimezone(self.zone).replace(tzinfo=None) == local:
            return first
        # In a gap, fold=0 uses the offset before it, so `first` is past the gap's end by as much as
        # `local` is past its beginning.
        before = local.replace(tzinfo=self.zone, fold=0).utcoffset() or timedelta()
        after = local.replace(tzinfo=self.zone, fold=1).utcoffset() or timedelta()
        end = first
        while (end - timedelta(minutes=1)).astimezone(self.zone).utcoffset() == max(before, after):
            end -= timedelta(minutes=1)
        return end

    def _stepper(self, start: datetime, forward: bool) -> Callable[[], datetime]:
        from croniter import croniter

        walker: Any = croniter(self._five, start)
        turn = walker.get_next if forward else walker.get_prev

        def step() -> datetime:
            found = turn(datetime)
            assert isinstance(found, datetime)
            return found

        return step


def otherwise(text: str) -> str:
    """What is expected instead of what other programs have in a schedule; "" for anything else."""
    if found := _ZONED.fullmatch(text.strip()):
        return f"the zone as `timezone: {found[1]}`, and the schedule without it: {found[2]}"
    if text.strip().lower().startswith("@every"):
        return "fixed times, such as 0 * * * * or */15 * * * *: no run of an interval can be missed"
    fields = text.split()
    if len(fields) == 6 and fields[0] == "0":
        return f"five fields, without seconds: {' '.join(fields[1:])}"
    return ""


def _fields(text: str) -> list[str]:
    return _ALIASES.get(text.strip().lower(), text).split()
