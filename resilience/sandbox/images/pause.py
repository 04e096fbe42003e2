"""`registry.k8s.io/pause` as a process: only if it shares a Pod with others or has a hook.

A Pod with only pause needs no process at all; the kubelet simulates it.
"""

from __future__ import annotations

import signal
import sys


def main(argv: list[str]) -> int:
    """Wait for SIGTERM or SIGINT, then end with 0."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        # A handler marks the signal as caught, so the kubelet's signal is delivered.
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    got = signal.sigwait(numbers)
    print(f"Shutting down, got signal: {signal.strsignal(got)}", file=sys.stderr)
    return 0
