"""The identity behind a bearer token.

Source: k8s.io/apiserver/pkg/authentication. Anonymous requests are refused (the sandbox runs with
`--anonymous-auth=false`), except on the few paths that need no identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube.api import ApiError

_AUTHENTICATED = "system:authenticated"


class Authenticator:
    """Recognizes static tokens of the sandbox and those of ServiceAccounts (`issued`)."""

    def __init__(
        self,
        tokens: Mapping[str, Identity],
        issued: Callable[[str], Identity | None] = lambda token: None,
    ) -> None:
        self._tokens = dict(tokens)
        self._issued = issued

    def identify(self, header: str) -> Identity:
        """The identity of an Authorization header; ApiError 401."""
        scheme, _, token = header.partition(" ")
        known = self.token(token.strip()) if scheme.lower() == "bearer" else None
        if known is None:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return known

    def token(self, token: str) -> Identity | None:
        """The identity of a token; None if it is unknown."""
        known = self._tokens.get(token) or self._issued(token)
        if known is not None and _AUTHENTICATED not in known.groups:
            return Identity(known.user, (*known.groups, _AUTHENTICATED))
        return known
