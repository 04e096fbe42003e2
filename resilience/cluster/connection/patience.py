"""Waits for an unreachable API server, as far as that is safe.

A request that was never sent is sent again in any case. One whose answer was lost, or that met a
server in trouble, is repeated only where that does no harm: reads, and writes whose caller declares
them repeatable (locks and undos, which first check the current state). All other errors reach the
caller at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

from resilience.cluster.connection.pace import Clock, is_budget
from resilience.cluster.errors import (
    ApiError,
    ClusterError,
    NeverSent,
    NotTrusted,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import Object
from resilience.cluster.requests.request import Middleware, Request, Send

READS = frozenset({"GET", "HEAD"})
AGAIN = 1.0
"""Seconds between two tries, unless the server asks for more."""

AWAY = frozenset({500, 502, 503, 504})
"""Status codes of a server, or a proxy before it, that is starting or overloaded."""

SHORT = 5.0
"""Seconds in which a command or a session waits for an API server that says "try again" or is away,
before it has begun anything. Longer waits belong to what has begun."""

TELL_AFTER = 2.0
"""Seconds of silence before a line is printed."""


def chained(outer: Middleware, inner: Middleware) -> Middleware:
    """Two wrappers combined into one."""
    return lambda call, send: outer(call, lambda again: inner(again, send))


def may_repeat(request: Request, error: ClusterError, *, writes: bool) -> bool:
    """Whether the same request may be sent again after that error."""
    if isinstance(error, NeverSent):
        return True
    if isinstance(error, NotTrusted) or (request.method not in READS and not writes):
        return False
    if isinstance(error, Throttled):
        return not is_budget(error)
    return isinstance(error, Unreachable) or (
        isinstance(error, ServerTrouble) and error.code in AWAY
    )


def patient(
    clock: Clock, within: float, tell: Callable[[str], None], *, writes: bool = False
) -> Middleware:
    """Wait up to `within` seconds for the API server; used with `HttpCluster.through`. `writes`:
    writes whose answer was lost may be repeated as well."""

    def send_patiently(request: Request, send: Send) -> Object:
        began, told = clock.monotonic(), False
        for times in count(1):
            try:
                answer = send(request)
            except (Unreachable, ServerTrouble, Throttled) as error:
                waited, pause = clock.monotonic() - began, _pause(error)
                if not may_repeat(request, error, writes=writes) or waited + pause > within:
                    if times > 1:
                        error.tried(times, waited)
                    raise
                if waited >= TELL_AFTER and not told:
                    told = True
                    tell(f"the API server does not answer; waiting up to {within:.0f} s: {error}")
                clock.wait(pause)
            else:
                if told:
                    waited = clock.monotonic() - began
                    tell(f"the API server answers again, after {waited:.0f} s")
                return answer
        raise AssertionError("unreachable: the last try returns or raises")

    return send_patiently


def short() -> Middleware:
    """The patience of a caller that opens a cluster, until it asks for another: it tells nothing,
    and waits in real time."""
    return patient(_RealTime(), SHORT, lambda text: None)


class _RealTime:
    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


def _pause(error: ClusterError) -> float:
    after = error.retry_after if isinstance(error, ApiError) else None
    return max(AGAIN, after or 0.0)
