"""The key that signs ServiceAccount tokens, and what OIDC discovery publishes of it.

JWTs by ES256 (RFC 7515, RFC 7518 3.4): any reader of the discovery documents can check them, as
with a real API server. The key exists only as long as this server. A checked token is remembered,
because a signature costs more than the rest of a request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

ISSUER = "https://kubernetes.default.svc.cluster.local"
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/openid/v1/jwks"
_HALF = 32
_REMEMBERED = 1024


def pack(data: bytes) -> str:
    """Base64 as JWTs have it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unpack(text: str) -> bytes:
    """The inverse of `pack`; ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class SigningKey:
    """Signs and checks JWTs."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._public = self._key.public_key()
        numbers = self._public.public_numbers()
        self._point = {
            "x": pack(numbers.x.to_bytes(_HALF, "big")),
            "y": pack(numbers.y.to_bytes(_HALF, "big")),
        }
        self._id = pack(hashlib.sha256(json.dumps(self._point).encode()).digest())
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def sign(self, claims: dict[str, Any]) -> str:
        """The token of these claims."""
        head = pack(json.dumps({"alg": "ES256", "kid": self._id}).encode())
        text = f"{head}.{pack(json.dumps(claims, separators=(',', ':')).encode())}"
        one, two = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{pack(one.to_bytes(_HALF, 'big') + two.to_bytes(_HALF, 'big'))}"

    def claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that this key signed; None for every other text."""
        if token in self._known:
            self._known.move_to_end(token)
            return self._known[token]
        claims = self._checked(token)
        if claims is not None:
            self._known[token] = claims
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return claims

    def _checked(self, token: str) -> dict[str, Any] | None:
        text, _, mark = token.rpartition(".")
        try:
            raw = unpack(mark)
            if text.count(".") != 1 or len(raw) != 2 * _HALF:
                return None
            halves = (int.from_bytes(part, "big") for part in (raw[:_HALF], raw[_HALF:]))
            self._public.verify(
                encode_dss_signature(*halves), text.encode(), ec.ECDSA(hashes.SHA256())
            )
            claims: dict[str, Any] = json.loads(unpack(text.partition(".")[2]))
        except (ValueError, InvalidSignature):
            return None
        return claims

    def published(self, path: str) -> dict[str, Any] | None:
        """The document of OIDC discovery at `path`, None for other paths."""
        if path == DISCOVERY:
            return {
                "issuer": ISSUER,
                "jwks_uri": f"{ISSUER}{KEYS}",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }
        if path == KEYS:
            key = {"use": "sig", "kty": "EC", "kid": self._id, "crv": "P-256", "alg": "ES256"}
            return {"keys": [{**key, **self._point}]}
        return None
