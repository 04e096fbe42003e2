"""The kubelet's clock: the sandbox's (maybe scaled) wall time for stamps and machinery timers.

Probes, grace periods and hooks run in real time, because Pods' own processes do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from resilience.sandbox.host.sandbox_clock import stamp, stamp_micro


@dataclass(frozen=True, slots=True)
class WallClock:
    """`started` is the start of scaled time, the same for all processes of a sandbox."""

    started: float
    scale: float

    def now(self) -> float:
        """Sandbox wall time, seconds since the epoch."""
        real = time.time()
        return real if self.scale == 1 else self.started + (real - self.started) * self.scale

    def stamp(self) -> str:
        """Now, as a `metav1.Time`."""
        return stamp(self.now())

    def stamp_micro(self) -> str:
        """Now, as a `metav1.MicroTime`."""
        return stamp_micro(self.now())

    def real(self, seconds: float) -> float:
        """The real duration of `seconds` of sandbox time."""
        return seconds / self.scale
