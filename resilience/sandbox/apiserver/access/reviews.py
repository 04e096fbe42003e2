"""Reviews: objects that ask a question; the reply contains the answer, and nothing is stored.

Source: pkg/registry/{authentication,authorization}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience.sandbox.apiserver.access.authentication import Authenticator
from resilience.sandbox.apiserver.access.authorization import Attributes, Authorizer
from resilience.sandbox.apiserver.access.signing import ISSUER
from resilience.sandbox.apiserver.access.tokens import Tokens
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj, Resource


class Reviews:
    """Answers by kind."""

    def __init__(
        self, authenticator: Authenticator, authorizer: Authorizer, tokens: Tokens
    ) -> None:
        self._authenticator = authenticator
        self._tokens = tokens
        self._authorizer = authorizer
        self._answers: dict[str, Callable[[Obj, Identity, str], dict[str, Any]]] = {
            "SelfSubjectAccessReview": self._self_access,
            "SubjectAccessReview": self._access,
            "LocalSubjectAccessReview": self._access,
            "SelfSubjectRulesReview": self._rules,
            "SelfSubjectReview": self._self,
            "TokenReview": self._token,
        }

    def answer(self, kind: str, obj: Obj, user: Identity, namespace: str) -> Obj:
        """The object with its status; ApiError 400, 422."""
        return {**obj, "status": self._answers[kind](obj, user, namespace)}

    def _self_access(self, obj: Obj, user: Identity, namespace: str) -> dict[str, Any]:
        return self._decide(user, obj.get("spec") or {})

    def _access(self, obj: Obj, user: Identity, namespace: str) -> dict[str, Any]:
        spec = obj.get("spec") or {}
        if not spec.get("user") and not spec.get("groups"):
            raise refusals.bad_request("at least one of user or group must be specified")
        asked = (spec.get("resourceAttributes") or {}).get("namespace")
        if namespace and asked != namespace:
            raise refusals.bad_request(
                f'spec.resourceAttributes.namespace must match namespace: "{namespace}"'
            )
        who = Identity(spec.get("user", ""), tuple(spec.get("groups") or ()))
        return self._decide(who, spec)

    def _decide(self, user: Identity, spec: Obj) -> dict[str, Any]:
        wanted, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if (wanted is None) == (path is None):
            why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise refusals.invalid(
                Resource("authorization.k8s.io", "v1", "", "", False),
                "",
                [refusals.value_invalid("spec.resourceAttributes", wanted, why)],
            )
        if wanted is not None:
            asked = Attributes(
                verb=wanted.get("verb", ""),
                group=wanted.get("group", ""),
                resource=wanted.get("resource", ""),
                subresource=wanted.get("subresource", ""),
                namespace=wanted.get("namespace", ""),
                name=wanted.get("name", ""),
            )
        else:
            given = path or {}
            asked = Attributes(verb=given.get("verb", ""), path=given.get("path", ""))
        reason = self._authorizer.allowed(user, asked)
        return {"allowed": True, "reason": reason} if reason else {"allowed": False}

    def _rules(self, obj: Obj, user: Identity, namespace: str) -> dict[str, Any]:
        inside = (obj.get("spec") or {}).get("namespace")
        if not inside:
            raise refusals.bad_request("no namespace on request")
        rules = self._authorizer.rules(user, inside)
        return {
            "resourceRules": [rule for rule in rules if not rule.get("nonResourceURLs")],
            "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
            "incomplete": False,
        }

    def _self(self, obj: Obj, user: Identity, namespace: str) -> dict[str, Any]:
        return {"userInfo": {"username": user.user, "groups": list(user.groups)}}

    def _token(self, obj: Obj, user: Identity, namespace: str) -> dict[str, Any]:
        spec = obj.get("spec") or {}
        token, audiences = spec.get("token", ""), spec.get("audiences") or []
        issued = self._tokens.review(token, audiences)
        if issued is not None:
            return issued
        known = self._authenticator.token(token)
        if known is None or (audiences and ISSUER not in audiences):
            return {"user": {}, "error": "invalid bearer token"}
        about = {"username": known.user, "groups": list(known.groups)}
        return {"authenticated": True, "user": about, "audiences": [ISSUER]}
