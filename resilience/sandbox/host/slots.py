"""Which 127.SLOT.0.0/16 a sandbox may use: one each, for as long as one of its processes lives.

The claim is an abstract Unix socket: the kernel scopes those to the network namespace, exactly as
it scopes 127.0.0.0/8, and drops the claim with the last process that holds it, however it ended.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from resilience.sandbox.host.sandbox_error import SandboxError

SLOTS = range(20, 120)
"""Each slot has a twin at +128 for what Pods bind on their own `localhost`; 1-19 stay free."""


def claim(slots: Iterable[int] = SLOTS) -> tuple[int, socket.socket]:
    """The first free slot and the socket that holds it."""
    for slot in slots:
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0resilience-sandbox-slot-{slot}")
        except OSError as error:
            holder.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            _require_loopback(slot, holder)
            return slot, holder
    raise SandboxError(
        "no free address range: every slot of 127.20.0.0 to 127.119.0.0 is held by a running"
        " sandbox; end some: `resilience sandbox status` lists them, `down ID` ends one"
    )


def _require_loopback(slot: int, holder: socket.socket) -> None:
    # A bind alone proves nothing: it succeeds while the interface is down.
    try:
        with socket.create_server((f"127.{slot}.0.1", 0)) as listener:
            socket.create_connection(listener.getsockname(), timeout=1).close()
    except OSError as error:
        holder.close()
        raise SandboxError(
            f"127.{slot}.0.1 cannot be reached ({error.strerror or error}); the sandbox needs IPv4"
            " loopback (127.0.0.0/8 on the interface lo, which must be up)"
        ) from error
