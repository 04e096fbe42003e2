"""The API server's time: what `creationTimestamp` and `deletionTimestamp` are compared with.

Its timestamps cannot be compared with the clock of another host, which may differ by minutes. The
time is read from the Date header of its answers, which has whole seconds.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

STEPPED = 2.0
"""Seconds that a Date may lag behind the expected one: the header is cut to whole seconds, and an
answer takes time. A larger difference is a clock that was set back."""

APART = 60.0
"""Seconds between two clocks beyond which one of them is wrong: more than whole seconds, slow
answers and a correction under way explain."""


def ahead(server: float, ours: float) -> float:
    """Seconds by which the server's clock is ahead of this machine's, less than 0 if it is behind;
    0 if they agree."""
    return server - ours if abs(server - ours) > APART else 0.0


def told(seconds: float) -> str:
    """What `ahead` found, for a message."""
    where = "ahead of" if seconds > 0 else "behind"
    return (
        f"the API server's clock is {abs(seconds):.0f} s {where} this machine's; correct the wrong "
        "one"
    )


class ServerClock:
    """The server's time from the answers so far. Between answers it advances with a monotonic
    clock."""

    def __init__(self) -> None:
        self._ahead: float | None = None  # seconds from the monotonic clock to the server's
        self._last = ""

    def heard(self, header: str, monotonic: float) -> None:
        """An answer with this Date arrived at `monotonic`. One without a usable Date says
        nothing."""
        if header == self._last:  # the same second as before: the time can only have advanced
            return
        self._last = header
        if (said := of_header(header)) is None:
            return
        ahead = said - monotonic
        if self._ahead is None or not self._ahead - STEPPED < ahead <= self._ahead:
            self._ahead = ahead

    def at(self, monotonic: float) -> float | None:
        """The server's time in seconds since the epoch, never ahead of the true value; None before
        any Date."""
        return None if self._ahead is None else self._ahead + monotonic


def of_header(text: str) -> float | None:
    """A Date header in seconds since the epoch; None if it is not one."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return None


def of_stamp(text: str) -> float:
    """A timestamp of an object (RFC 3339) in seconds since the epoch; 0 without one."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0
