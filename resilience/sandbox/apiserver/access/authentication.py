"""The identity behind a client's certificate or a bearer token.

Source: k8s.io/apiserver/pkg/authentication. Anonymous requests are refused (the sandbox runs with
`--anonymous-auth=false`), except on the few paths that need no identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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

    def identify(self, header: str, certificate: Mapping[str, Any] | None = None) -> Identity:
        """The identity of a verified certificate, or else of an Authorization header; ApiError
        401."""
        if certificate and (user := of_certificate(certificate)) is not None:
            return user
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


def of_certificate(certificate: Mapping[str, Any]) -> Identity | None:
    """Common name and organizations of a certificate, as the `ssl` module reads it, are a user and
    their groups (k8s.io/apiserver/pkg/authentication/request/x509, CommonNameUserConversion)."""
    pairs = [pair for part in certificate.get("subject") or () for pair in part]
    name = next((value for key, value in pairs if key == "commonName"), "")
    groups = [value for key, value in pairs if key == "organizationName"]
    return Identity(name, (*groups, _AUTHENTICATED)) if name else None
