"""Probing one container instance: when to try, and the meaning of a run of results.

The real kubelet tries at once when the container starts (`prober/worker.go`; its random delay of up
to one period applies only right after the kubelet itself started) and again on each status change
while the container is not ready (its manual trigger). Here: at once, and while nothing listens on
the port yet, again after 10, 20, 40 ... ms until one period has passed. Those early refusals do not
count as failures, because the real kubelet's first try also comes a container start later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.probes.probe import Result

FIRST_RETRY = 0.01
LONGEST_RETRY = 0.25
Attempt = Callable[[float], Awaitable[Result]]


@dataclass(slots=True)
class Streak:
    """Turns single results into a verdict that holds until enough opposite results follow in a
    row."""

    failure_threshold: int
    success_threshold: int
    last: bool | None = None
    run: int = 0

    def add(self, ok: bool) -> bool | None:
        """The new verdict, or None while the run is below its threshold."""
        self.run = self.run + 1 if self.last == ok else 1
        self.last = ok
        needed = self.success_threshold if ok else self.failure_threshold
        return ok if self.run >= needed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A probe's numbers with their defaults."""

    initial_delay: float
    period: float
    timeout: float
    failure_threshold: int
    success_threshold: int

    @classmethod
    def of(cls, probe: Obj) -> Timing:
        """From a probe's JSON."""
        return cls(
            initial_delay=probe.get("initialDelaySeconds") or 0,
            period=probe.get("periodSeconds") or 10,
            timeout=probe.get("timeoutSeconds") or 1,
            failure_threshold=probe.get("failureThreshold") or 3,
            success_threshold=probe.get("successThreshold") or 1,
        )


async def run(
    timing: Timing,
    attempt: Attempt,
    *,
    on_verdict: Callable[[bool, str], None],
    on_failure: Callable[[str], None],
) -> None:
    """Probe until cancelled. `on_failure` is called with each counted failure, `on_verdict` with
    each verdict."""
    streak = Streak(timing.failure_threshold, timing.success_threshold)
    await asyncio.sleep(timing.initial_delay)
    result = await _first(timing, attempt)
    next_time = time.monotonic()
    while True:
        if not result.ok:
            on_failure(result.message)
        verdict = streak.add(result.ok)
        if verdict is not None:
            on_verdict(verdict, result.message)
        next_time = max(next_time + timing.period, time.monotonic())
        await asyncio.sleep(next_time - time.monotonic())
        result = await attempt(timing.timeout)


async def _first(timing: Timing, attempt: Attempt) -> Result:
    """The first result other than "nothing listens yet", or the last one of the period."""
    end = time.monotonic() + timing.period
    wait = FIRST_RETRY
    while True:
        result = await attempt(timing.timeout)
        if not result.refused or time.monotonic() + wait > end:
            return result
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_RETRY)
