"""The credential of one context; it is reloaded when the API server rejects it.

Tokens expire and rotate while a run lasts. The official client reads a `tokenFile` once, and calls
an exec plugin again only if the plugin named an expiry. So after a 401 the kubeconfig is read and
its plugin called again, as client-go does; the request, which was not carried out, can then be sent
once more. An expired client certificate is not replaced: it belongs to open connections.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from resilience.cluster.errors import ClusterError

Header = Callable[[], str]

PAUSE = 5.0
"""Seconds before another attempt to replace a credential: a plugin takes a while, and may open a
browser."""


class Credential:
    """Returns the Authorization header; thread-safe. `load` reads everything again."""

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
        """The header's value, "" for none. A trailing newline in the file is ignored."""
        return self._header().strip()

    def renewed(self, refused: str) -> bool:
        """Whether the header now differs from the one that was rejected."""
        with self._lock:
            if self() != refused:
                return True  # another thread has already replaced the credential
            if self._looked and self._looked[0] == refused and not self._due(self._looked[1]):
                return False
            self._looked = (refused, self._clock())
            try:
                fresh = self._load()
            except ClusterError:  # the 401 is reported instead
                return False
            if not fresh() or fresh().strip() == refused:
                return False
            self._header = fresh
            return True

    def _due(self, looked: float) -> bool:
        return self._clock() >= looked + PAUSE
