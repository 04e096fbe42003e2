"""Which process created a helper Pod, and whether that process still runs.

A run acts in a namespace under its lock (a Lease), so the holder of the lock only meets helpers of
dead runs. The sandbox has no locks, and everything that acts on it runs on this host: there,
whether the process is alive decides. A process is identified by host, boot, process namespace, pid
and start time, so a pid that was reused since is not mistaken for it.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

HOLDER = "resilience/holder"
"""Annotation of a helper Pod: the process that created it."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def holder() -> str:
    """This process."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_started(pid)}"


def runs_here(named: str) -> bool:
    """Whether the recorded process is on this host and alive."""
    machine, _, rest = named.rpartition("/")
    machine, _, pid = machine.rpartition("/")
    if machine != _machine() or not pid.isdigit():
        return False
    return bool(rest) and _started(int(pid)) == rest


def _machine() -> str:
    try:
        return f"{_BOOT.read_text().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    """The start of a process in clock ticks since boot; "" when there is no such process, or only a
    zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
