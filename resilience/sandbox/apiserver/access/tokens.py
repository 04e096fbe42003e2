"""ServiceAccount tokens: issued by TokenRequest, recognized by their signature.

Source: k8s.io/api/authentication, pkg/serviceaccount. Tokens are JWTs with the real claims, signed
with a key that exists only as long as this server (HS256: no other server checks them).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import secrets
import time
from typing import TYPE_CHECKING, Any

from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj, Resource

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

ISSUER = "https://kubernetes.default.svc.cluster.local"
_LEAST, _MOST, _DEFAULT = 600, 2**32, 3600
_REQUEST = Resource("authentication.k8s.io", "v1", "tokenrequests", "TokenRequest", True)


def identity(namespace: str, name: str) -> Identity:
    """The identity of a ServiceAccount."""
    return Identity(
        f"system:serviceaccount:{namespace}:{name}",
        ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"),
    )


def _pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tokens:
    """Issues and checks tokens. Expiry counts real seconds, as token holders do."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._key = secrets.token_bytes(32)

    def issue(self, namespace: str, name: str, request: Obj) -> Obj:
        """Answer a TokenRequest for a ServiceAccount; ApiError 404, 409, 422."""
        accounts = self._registry.resource("serviceaccounts")
        account = self._registry.get(accounts, namespace, name)
        spec = request.get("spec") or {}
        seconds = spec.get("expirationSeconds") or _DEFAULT
        if seconds < _LEAST or seconds > _MOST:
            why = (
                "may not specify a duration less than 10 minutes"
                if seconds < _LEAST
                else "may not specify a duration larger than 2^32 seconds"
            )
            raise refusals.invalid(
                _REQUEST, "", [refusals.value_invalid("spec.expirationSeconds", seconds, why)]
            )
        now, bound = int(time.time()), self._bound(namespace, spec)
        audiences = spec.get("audiences") or [ISSUER]
        claims = {
            "aud": audiences,
            "exp": now + seconds,
            "iat": now,
            "nbf": now,
            "iss": ISSUER,
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
                **bound,
            },
        }
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + seconds))
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "audiences": audiences,
                "expirationSeconds": seconds,
                "boundObjectRef": spec.get("boundObjectRef"),
            },
            "status": {"token": self._sign(claims), "expirationTimestamp": stamp},
        }

    def lasting(self, namespace: str, account: Obj, secret: Obj) -> str:
        """A token without an expiry, bound to the Secret that holds it."""
        name, held = account["metadata"]["name"], secret["metadata"]
        claims = {
            "iss": "kubernetes/serviceaccount",
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
                "secret": {"name": held["name"], "uid": held["uid"]},
            },
        }
        return self._sign(claims)

    def _bound(self, namespace: str, spec: Obj) -> dict[str, Any]:
        """The claim of a token that ends with a Pod or a Secret."""
        reference = spec.get("boundObjectRef")
        if not reference:
            return {}
        kind, name = reference.get("kind"), reference.get("name", "")
        plural = {"Pod": "pods", "Secret": "secrets"}.get(kind)
        if plural is None:
            raise refusals.bad_request(f"cannot bind token for serviceaccount to object {kind}")
        resource = self._registry.resource(plural)
        found = self._registry.get(resource, namespace, name)
        if reference.get("uid") and reference["uid"] != found["metadata"]["uid"]:
            raise refusals.conflict(
                resource,
                name,
                f"the UID in the bound object reference ({reference['uid']}) does"
                f" not match the UID in record. The object might have been deleted and then"
                f" recreated",
            )
        return {plural[:-1]: {"name": name, "uid": found["metadata"]["uid"]}}

    def _sign(self, claims: dict[str, Any]) -> str:
        head = _pack(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = _pack(json.dumps(claims, separators=(",", ":")).encode())
        return f"{head}.{body}.{_pack(self._mac(f'{head}.{body}'))}"

    def _mac(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode(), hashlib.sha256).digest()

    def check(self, token: str) -> Identity | None:
        """The owner of this token; None for a forged, expired or orphaned one."""
        signed, _, mark = token.rpartition(".")
        try:
            if signed.count(".") != 1 or not hmac.compare_digest(_unpack(mark), self._mac(signed)):
                return None
            claims = json.loads(_unpack(signed.partition(".")[2]))
        except ValueError:
            return None
        about = claims["kubernetes.io"]
        if claims.get("exp", math.inf) <= time.time() or not self._alive(about):
            return None
        return identity(about["namespace"], about["serviceaccount"]["name"])

    def _alive(self, about: dict[str, Any]) -> bool:
        """Whether account and bound object are still those for which the token was issued."""
        for word, plural in (
            ("serviceaccount", "serviceaccounts"),
            ("pod", "pods"),
            ("secret", "secrets"),
        ):
            reference = about.get(word)
            if reference is None:
                continue
            found = self._registry.find(
                self._registry.resource(plural), about["namespace"], reference["name"]
            )
            if found is None or found["metadata"]["uid"] != reference["uid"]:
                return False
        return True
