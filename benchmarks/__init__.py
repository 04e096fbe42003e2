"""Speed, memory and growth, measured side by side with a peer or the physical limit.

Each module has `measure() -> Iterator[Row]`. Machines are small and noisy: a row quotes medians
and, wherever there is something to hold it against in the same run, a ratio. Nothing here asserts.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. `reach` is the goal as written in the issue; `beside` what it is held against."""

    what: str
    measured: str
    reach: str = ""
    beside: str = ""
    ratio: float | None = None


def median_of(runs: int, work: Callable[[], float]) -> float:
    """Median of `runs` results of `work`, after one that is not counted."""
    work()
    return statistics.median(work() for _ in range(runs))


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def peak_mib(who: int = resource.RUSAGE_SELF) -> float:
    """Peak resident memory in MiB of this process, or of ended children (RUSAGE_CHILDREN)."""
    return resource.getrusage(who).ru_maxrss / 1024


def milliseconds(value: float) -> str:
    """For people."""
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest-rank percentile of unsorted values."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print one table; plain text, so that it can be pasted anywhere."""
    head = Row(what=title, measured="measured", reach="reach", beside="beside")
    lines = [
        (r.what, r.measured, r.reach, r.beside, "" if r.ratio is None else f"{r.ratio:.2f}")
        for r in (head, *rows)
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    for line in lines:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
    print(flush=True)
    sys.stdout.flush()
