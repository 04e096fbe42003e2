"""How long the sandbox's Pods waited for a CPU that other programs used; pure values.

The rule is in docs/explanation/judgement.md, "A service that waited for a CPU".
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """One span between two readings, in monotonic seconds. `waited` is the time that the threads
    behind requests waited for a CPU, added up; `others` the CPU time that programs outside of the
    sandbox used. Either may exceed the span: there are several threads, and several CPUs."""

    since: float
    until: float
    waited: float
    others: float

    def allowance(self, since: float, until: float) -> float:
        """At most so many of the seconds from `since` to `until` were lost in this span."""
        part = min(until, self.until) - max(since, self.since)
        return max(0.0, min(part, self.waited, self.others))


@dataclass(frozen=True, slots=True)
class CpuWaits:
    """Spans in order of time, without overlap; none where nobody reads these numbers."""

    spans: tuple[Waited, ...] = ()

    def allowance(self, since: float, until: float) -> float:
        """Seconds by which something that lasted from `since` to `until` would have been faster at
        most."""
        first = bisect_right(self.spans, since, key=lambda span: span.until)
        last = bisect_left(self.spans, until, key=lambda span: span.since)
        return sum(span.allowance(since, until) for span in self.spans[first:last])

    def __bool__(self) -> bool:
        return bool(self.spans)


UNKNOWN = CpuWaits()
"""Nobody reads these numbers."""
