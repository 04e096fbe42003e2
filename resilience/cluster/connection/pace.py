"""The pace of requests: a token bucket, and the server's Retry-After.

Nothing else limits the pace (the official Python client has no limit), and a real API server has
other clients. A request refused with 429 was not carried out: it is sent again after the time the
server asks for, unless a disruption budget is the cause, which is an answer for the action itself.
"""

from __future__ import annotations

from threading import Lock
from typing import Protocol

from resilience.cluster.errors import Throttled
from resilience.cluster.interface import Object
from resilience.cluster.requests.request import Middleware, Request, Send

TRIES = 5
"""How often one request is sent before its 429 is returned."""

BUDGET = "DisruptionBudget"
"""The cause of a 429 that is not throttling (pkg/registry/core/pod/storage/eviction.go)."""


class Clock(Protocol):
    """Time as an argument; `wait` may raise to cut it short."""

    def monotonic(self) -> float: ...
    def wait(self, seconds: float) -> None: ...


class Bucket:
    """At most `burst` requests at once, and `rate` per second on average. Thread-safe."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock.monotonic()
        self._lock = Lock()

    def take(self) -> None:
        """Wait for a turn. Turns are given in order of the calls."""
        wait = self._claim()
        if wait > 0:
            self._clock.wait(wait)

    def hold(self, seconds: float) -> None:
        """Let no request through for this time."""
        with self._lock:
            self._refill()
            self._tokens = min(self._tokens, -seconds * self._rate)

    def _claim(self) -> float:
        with self._lock:
            self._refill()
            self._tokens -= 1
            return max(0.0, -self._tokens / self._rate)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._rate)
        self._at = now


def paced(bucket: Bucket) -> Middleware:
    """For `HttpCluster.through`."""

    def send_in_turn(request: Request, send: Send) -> Object:
        for left in reversed(range(TRIES)):
            bucket.take()
            try:
                return send(request)
            except Throttled as error:
                if not left or not error.retry_after or is_budget(error):
                    raise
                bucket.hold(error.retry_after)
        raise AssertionError("unreachable: the last try returns or raises")

    return send_in_turn


def is_budget(error: Throttled) -> bool:
    """Whether a disruption budget is the cause, which is an answer and not throttling."""
    return any(cause.get("reason") == BUDGET for cause in error.causes)
