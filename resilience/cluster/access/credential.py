"""The credential of one context, loaded anew once the API server no longer takes it.

Tokens expire and rotate while a run lasts. The official client reads a `tokenFile` once, and asks
an exec plugin again only where it had named an expiry. So a 401 makes us read the kubeconfig again
and run its plugin again, as client-go does; the request, which was not carried out, can then be
sent once more. A client certificate that has expired is not replaced: it belongs to open
connections.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from resilience.cluster.errors import ClusterError

Header = Callable[[], str]

PAUSE = 5.0
"""Seconds before a credential that could not be replaced is looked for again: a plugin takes a
moment, and may open a browser."""


class Credential:
    """Gives the Authorization header; thread-safe. `load` reads everything anew."""

    def __init__(
        self,
        header: Header,
        load: Callable[[], Header],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._header = header
        self._load = load
        self._clock = clock
        self._lock = Lock()
        self._looked: tuple[str, float] | None = None

    def __call__(self) -> str:
        """The header's value, "" for none. A file that ends in a new line is no other token."""
        return self._header().strip()

    def renewed(self, refused: str) -> bool:
        """Whether there is another header by now than the one that was refused."""
        with self._lock:
            if self() != refused:
                return True  # another thread was refused before, and has replaced it
            if self._looked and self._looked[0] == refused and not self._due(self._looked[1]):
                return False
            self._looked = (refused, self._clock())
            try:
                fresh = self._load()
            except ClusterError:  # the 401 itself is what is told
                return False
            if not fresh() or fresh().strip() == refused:
                return False
            self._header = fresh
            return True

    def _due(self, looked: float) -> bool:
        return self._clock() >= looked + PAUSE
