"""What a prober records. Times are seconds of CLOCK_MONOTONIC, one clock for the whole host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Answer(Enum):
    """How one request ended. Everything except GOOD counts against availability."""

    GOOD = "good"
    REFUSED = "connection refused"
    TIMEOUT = "timed out"
    RESET = "connection reset"
    UNREACHABLE = "unreachable"
    NAME = "name not resolved"
    TLS = "TLS failed"
    STATUS = "wrong status"
    BODY = "wrong body"
    PROTOCOL = "not HTTP"
    WRONG = "wrong answer"
    NXDOMAIN = "NXDOMAIN"
    NODATA = "no such record"
    SERVFAIL = "SERVFAIL"
    DNS = "another DNS error"
    UNSENT = "could not be sent"


@dataclass(frozen=True, slots=True)
class Sample:
    """One planned request.

    `intended` is when the request should have been sent, `sent` when it was (None: it could not
    be), `ended` when its outcome was known. Latency is `ended - intended`: time spent waiting to be
    sent counts, and `sent - intended` (the lag) shows whether the prober caused it. `status` is the
    HTTP status or 0, `by` is the Pod that the answer names ("" if none).
    """

    seq: int
    intended: float
    sent: float | None
    ended: float
    answer: Answer
    status: int = 0
    by: str = ""

    @property
    def latency(self) -> float:
        """Seconds from the intended moment to the outcome."""
        return self.ended - self.intended

    @property
    def lag(self) -> float:
        """Seconds by which the prober itself was late."""
        return (self.ended if self.sent is None else self.sent) - self.intended
