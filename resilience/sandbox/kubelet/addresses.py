"""Pod addresses of one sandbox: 127.SLOT.32.1 to 127.SLOT.127.254, given out in turn.

A released address goes to the end of the queue, so that a client that still talks to a dead Pod's
address does not soon reach another Pod there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

FIRST, LAST = 32, 127


class AddressesExhausted(Exception):
    """All 24,000 addresses are in use."""


class Addresses:
    """`network` is the first two octets."""

    def __init__(self, network: str) -> None:
        self._fresh = _all(network)
        self._released: deque[str] = deque()

    def take(self) -> str:
        """The next address: fresh ones first, then the one released longest ago."""
        fresh = next(self._fresh, None)
        if fresh is not None:
            return fresh
        if not self._released:
            raise AddressesExhausted
        return self._released.popleft()

    def release(self, address: str) -> None:
        """Give an address back."""
        self._released.append(address)


def _all(network: str) -> Iterator[str]:
    for third in range(FIRST, LAST + 1):
        for fourth in range(1, 255):
            yield f"{network}.{third}.{fourth}"
