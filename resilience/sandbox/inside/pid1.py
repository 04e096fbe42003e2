"""Signals as they reach process 1 of a container.

In a PID namespace the kernel drops every signal to process 1 for which it has no handler; from
outside only SIGKILL and SIGSTOP are delivered regardless, from inside not even those
(pid_namespaces(7)). So the kubelet's SIGTERM does not end a program without a SIGTERM handler; it
is killed after the grace period. Containers here have no namespace: this module decides instead.
"""

from __future__ import annotations

import os
import signal

FORCED = (signal.SIGKILL, signal.SIGSTOP)
_main: list[int] = []


def would_feel(pid: int, number: signal.Signals) -> bool:
    """Whether process 1 would get `number` from the kubelet: a forced signal, or one with a
    handler."""
    return number in FORCED or bool(caught(pid) >> (number - 1) & 1)


def caught(pid: int) -> int:
    """The mask of signals for which `pid` has handlers, bit 0 for signal 1; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            line = next(line for line in file if line.startswith("SigCgt:"))
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return 0
    return int(line.split()[1], 16)


def main() -> int | None:
    """The process 1 of the container that this process is in; None outside of any."""
    return _main[0] if _main else None


def shield(main: int) -> None:
    """Inside a container whose process 1 is `main`: make `os.kill` of that behave as in a real one.
    Its children, and what `exec` starts, can kill themselves."""
    real_kill = os.kill
    _main[:] = [main]

    def kill(pid: int, number: int) -> None:
        if pid not in (1, main) or number == 0:
            real_kill(pid, number)
        elif number not in FORCED and caught(main) >> (number - 1) & 1:
            real_kill(main, number)

    os.kill = kill
