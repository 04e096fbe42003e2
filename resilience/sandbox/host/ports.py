"""Ports below 1024 if the user may not bind them: shifted, everywhere by the same number.

Each Pod, Service and node has its own address, so port 80 of each can be at 64080 of the same
address without a conflict; 64000 and up is above the kernel's ephemeral ports (60999).
"""

from __future__ import annotations

import os

PRIVILEGED = 1024
SHIFT = 64000
CAP_NET_BIND_SERVICE = 10
PUBLISHED = "resilience.sandbox/published-port"
"""Annotation on a Service: "80=64080,443=64443" for each port that stands elsewhere."""


def needed_shift() -> int:
    """`SHIFT` where this process may not bind ports below 1024, else 0."""
    return 0 if _first_free_port() <= 1 or _may_bind() else SHIFT


def _first_free_port() -> int:
    try:
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
            return int(file.read())
    except OSError:
        return PRIVILEGED


def _may_bind() -> bool:
    with open(f"/proc/{os.getpid()}/status") as file:
        effective = next(line for line in file if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> CAP_NET_BIND_SERVICE & 1)


def published(port: int, shift: int) -> int:
    """The actual number of `port`."""
    return port + shift if 0 < port < PRIVILEGED else port
