"""ServiceAccount tokens: issued by TokenRequest, recognized by their signature.

Source: k8s.io/api/authentication, pkg/serviceaccount, pkg/registry/core/serviceaccount/storage.
Tokens are JWTs with the real claims. A token for another audience does not authenticate here, and a
TokenReview accepts it only for that audience.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from resilience.sandbox.apiserver.access.signing import ISSUER, SigningKey
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj, Resource

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_LEAST, _MOST, _DEFAULT = 600, 2**32, 3600
_OF_VOLUMES = 3607
"""The lifetime that only the volume `kube-api-access` requests."""
_EXTENDED = 365 * 24 * 3600
"""The real lifetime of such a token, for clients that read it only once."""
_REQUEST = Resource("authentication.k8s.io", "v1", "tokenrequests", "TokenRequest", True)


def identity(namespace: str, name: str) -> Identity:
    """The identity of a ServiceAccount."""
    return Identity(
        f"system:serviceaccount:{namespace}:{name}",
        ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"),
    )


class Tokens:
    """Issues and checks tokens. Expiry counts real seconds, as token holders do."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.key = SigningKey()

    def issue(self, namespace: str, name: str, request: Obj) -> Obj:
        """Answer a TokenRequest for a ServiceAccount; ApiError 404, 409, 422."""
        accounts = self._registry.resource("serviceaccounts")
        account = self._registry.get(accounts, namespace, name)
        spec = request.get("spec") or {}
        seconds = _seconds(spec)
        now, bound = int(time.time()), self._bound(namespace, spec)
        audiences = spec.get("audiences") or [ISSUER]
        about: dict[str, Any] = {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
            **bound,
        }
        valid = seconds
        if seconds == _OF_VOLUMES and "pod" in bound and audiences == [ISSUER]:
            about["warnafter"], valid = now + seconds, _EXTENDED
        claims = {
            "aud": audiences,
            "exp": now + valid,
            "iat": now,
            "nbf": now,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "kubernetes.io": about,
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
            "status": {"token": self.key.sign(claims), "expirationTimestamp": stamp},
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
        return self.key.sign(claims)

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
        about = {plural[:-1]: {"name": name, "uid": found["metadata"]["uid"]}}
        return about | self._node(found["spec"].get("nodeName", "") if kind == "Pod" else "")

    def _node(self, name: str) -> dict[str, Any]:
        """The claim that says where a Pod runs."""
        node = self._registry.find(self._registry.resource("nodes"), "", name) if name else None
        return {"node": {"name": name, "uid": node["metadata"]["uid"]}} if node else {}

    def check(self, token: str) -> Identity | None:
        """The owner of a token for this server; None if it is forged, expired, orphaned or for
        another server."""
        claims = self.claims(token)
        if claims is None or ISSUER not in claims.get("aud", (ISSUER,)):
            return None
        about = claims["kubernetes.io"]
        return identity(about["namespace"], about["serviceaccount"]["name"])

    def review(self, token: str, audiences: Sequence[str]) -> dict[str, Any] | None:
        """The status of a TokenReview of this token; None if it is not valid for any of them."""
        claims = self.claims(token)
        if claims is None:
            return None
        known = [each for each in audiences or (ISSUER,) if each in claims.get("aud", (ISSUER,))]
        if not known:
            return None
        about = claims["kubernetes.io"]
        who = identity(about["namespace"], about["serviceaccount"]["name"])
        extra = {"credential-id": f"JTI={claims['jti']}"} if "jti" in claims else {}
        for word in ("pod", "node"):
            if word in about:
                extra |= {f"{word}-{part}": about[word][part] for part in ("name", "uid")}
        user: dict[str, Any] = {
            "username": who.user,
            "uid": about["serviceaccount"]["uid"],
            "groups": list(who.groups),
        }
        if extra:
            user["extra"] = {f"authentication.kubernetes.io/{k}": [v] for k, v in extra.items()}
        return {"authenticated": True, "user": user, "audiences": known}

    def claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that is genuine, not expired, and whose owners are alive."""
        claims = self.key.claims(token)
        if claims is None or claims.get("exp", math.inf) <= time.time():
            return None
        return claims if self._alive(claims["kubernetes.io"]) else None

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


def _seconds(spec: Obj) -> int:
    """The requested lifetime of a token; ApiError 422 for too short or too long."""
    seconds: int = spec.get("expirationSeconds") or _DEFAULT
    if _LEAST <= seconds <= _MOST:
        return seconds
    why = (
        "may not specify a duration less than 10 minutes"
        if seconds < _LEAST
        else "may not specify a duration larger than 2^32 seconds"
    )
    raise refusals.invalid(
        _REQUEST, "", [refusals.value_invalid("spec.expirationSeconds", seconds, why)]
    )
