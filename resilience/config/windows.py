"""When a target may be changed: windows as cron ranges, and blackout dates that take precedence.

A window is a cron expression that matches the minutes in which acting is allowed, such as
`* 9-16 * * mon-fri`:
from 09:00 up to, not including, 17:00 on weekdays. No window means always. A blackout is a date or
`first/last`, whole days in the target's zone, both ends included. Pure: the moment is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

from resilience.kube.cron import Cron, zone

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Blackout:
    """Days on which nothing may be touched, `first` to `last`, both included."""

    first: date
    last: date

    @classmethod
    def parse(cls, text: str) -> Self:
        """`2026-12-24` or `2026-12-24/2027-01-02`."""
        start, slash, end = text.partition("/")
        try:
            made = cls(date.fromisoformat(start), date.fromisoformat(end if slash else start))
        except ValueError as error:
            raise ValueError(
                "one date or two, such as 2026-12-24 or 2026-12-24/2027-01-02"
            ) from error
        if made.last < made.first:
            raise ValueError("the earlier date first")
        return made

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}/{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The times of one target."""

    zone: ZoneInfo = field(default_factory=lambda: zone("UTC"))
    open: Sequence[Cron] = ()
    blackouts: Sequence[Blackout] = ()

    @classmethod
    def parse(
        cls, windows: Sequence[str], blackouts: Sequence[str], zone_name: str = "UTC"
    ) -> Self:
        """ValueError names the text that is wrong and what was expected."""
        return cls(
            zone=zone(zone_name),
            open=tuple(_named(text, lambda text: Cron.parse(text, zone_name)) for text in windows),
            blackouts=tuple(_named(text, Blackout.parse) for text in blackouts),
        )

    def closed(self, moment: datetime) -> str:
        """Why nothing may be changed at `moment` (aware), and until when; "" if changes are
        allowed."""
        today = moment.astimezone(self.zone).date()
        for blackout in self.blackouts:
            if blackout.first <= today <= blackout.last:
                return f"{today} is in the blackout {blackout}"
        if not self.open or any(window.matches(moment) for window in self.open):
            return ""
        opens = min(window.next_after(moment) for window in self.open).astimezone(self.zone)
        windows = ", ".join(repr(window.text) for window in self.open)
        return f"outside the windows {windows}; the next opens at {opens:%Y-%m-%d %H:%M %Z}"


def _named(text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{text!r}: expected {error}") from error
