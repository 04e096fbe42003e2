"""The endpoint of a new connection: random, or the client's last one under affinity."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from resilience.sandbox.dataplane.forwarding_table import Endpoint, Forward

REMEMBERED = 10000


class Chooser:
    """One per listener; remembers clients only if the Service has affinity."""

    def __init__(
        self,
        *,
        pick: Callable[[tuple[Endpoint, ...]], Endpoint] = random.choice,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pick = pick
        self._now = now
        self._last: dict[str, tuple[Endpoint, float]] = {}

    def choose(self, forward: Forward, client: str) -> Endpoint:
        """An endpoint of `forward`, which must have one."""
        if not forward.affinity:
            return self._pick(forward.endpoints)
        endpoint, seen = self._last.pop(client, (None, 0.0))
        fresh = self._now() - seen <= forward.affinity
        if endpoint is None or not fresh or endpoint not in forward.endpoints:
            endpoint = self._pick(forward.endpoints)
        self._last[client] = (endpoint, self._now())
        if len(self._last) > REMEMBERED:
            self._last.pop(next(iter(self._last)))
        return endpoint
