"""The tokens in one Pod's projected volumes, renewed before they expire.

Source: pkg/kubelet/token/token_manager.go: a token is kept until a fifth of its life is left, and
for a day at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.setup.references import References

_KEPT = 0.8
_LONGEST = 24 * 3600.0
_DEFAULT = 3600
Key = tuple[str, int]


class PodTokens:
    """Keeps what the API server issued. Expiry counts real seconds, as in the token itself."""

    def __init__(
        self, references: References, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._references = references
        self._monotonic = monotonic
        self._known: dict[Key, tuple[str, float]] = {}

    async def get(self, pod: Obj, source: Obj) -> str:
        """The token of a `serviceAccountToken` source; ApiError."""
        key = (source.get("audience") or "", int(source.get("expirationSeconds") or _DEFAULT))
        known = self._known.get(key)
        if known is not None and self._monotonic() < known[1]:
            return known[0]
        token = await self._references.token(pod, _request(pod, *key))
        self._known[key] = (token, self._monotonic() + min(_KEPT * key[1], _LONGEST))
        return token


def _request(pod: Obj, audience: str, seconds: int) -> dict[str, Any]:
    about = pod["metadata"]
    bound = {"apiVersion": "v1", "kind": "Pod", "name": about["name"], "uid": about["uid"]}
    audiences = [audience] if audience else []
    return {"expirationSeconds": seconds, "audiences": audiences, "boundObjectRef": bound}
