"""Two parts of a restore that do not depend on each other, at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from resilience.backup.format.backup_clock import Clock

T = TypeVar("T")


def side_by_side(
    work: Callable[[], T], other: Callable[[], object], clock: Clock
) -> tuple[T, float]:
    """The result of `work`, and the seconds that `other` took beyond it. Both have ended when this
    returns or raises; what `work` raises comes first."""
    with ThreadPoolExecutor(1, "resilience-beside") as pool:
        running = pool.submit(other)
        result = work()
        ended = clock.monotonic()
        running.result()
        return result, clock.monotonic() - ended
