"""When an ended container may start again: 10 s, doubled each time, at most 300 s.

The first restart is immediate; the delay counts from the end of the last instance and is reset
after an instance that ran for ten minutes (kubelet: MaxContainerBackOff, `doBackOff`).
"""

from __future__ import annotations

from dataclasses import dataclass

INITIAL = 10.0
LONGEST = 300.0
FORGOTTEN_AFTER = 600.0


@dataclass(slots=True)
class BackOff:
    """The delay before the next start of one container."""

    delay: float = 0.0

    def next(self, ran: float) -> float:
        """Record that an instance ended after `ran` seconds; return the time to wait before the
        next start."""
        if ran >= FORGOTTEN_AFTER:
            self.delay = 0.0
        wait = self.delay
        self.delay = min(LONGEST, 2 * self.delay) if self.delay else INITIAL
        return wait


def text(seconds: float) -> str:
    """A delay as Go prints durations: 10s, 40s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
