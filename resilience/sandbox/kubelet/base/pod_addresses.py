"""Pod addresses of one sandbox: 127.SLOT.32.1 to 127.SLOT.127.254, allocated in turn.

A released address goes to the end of the queue, so that a client that still uses a dead Pod's
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
        self._used: set[str] = set()

    @property
    def used(self) -> int:
        """The number of allocated addresses."""
        return len(self._used)

    def take(self) -> str:
        """The next address: fresh ones first, then the one released longest ago."""
        address = next(self._fresh, None)
        if address is None:
            if not self._released:
                raise AddressesExhausted
            address = self._released.popleft()
        self._used.add(address)
        return address

    def release(self, address: str) -> None:
        """Release an address; call this only once, or two Pods would get it."""
        self._used.remove(address)
        self._released.append(address)


def _all(network: str) -> Iterator[str]:
    for third in range(FIRST, LAST + 1):
        for fourth in range(1, 255):
            yield f"{network}.{third}.{fourth}"
