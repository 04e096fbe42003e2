"""Fills Secrets of type `kubernetes.io/service-account-token`, and deletes them with their account.

Source: pkg/controller/serviceaccount/tokens_controller.go. The token does not expire and is valid
as long as the Secret and its ServiceAccount exist; what the client wrote into `data` is kept.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from resilience.sandbox.kube.api import Change, Obj

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.access.tokens import Tokens
    from resilience.sandbox.apiserver.registry.registry import Registry

TYPE = "kubernetes.io/service-account-token"
NAME = "kubernetes.io/service-account.name"
UID = "kubernetes.io/service-account.uid"


class TokenSecrets:
    """Follows Secrets and ServiceAccounts of one registry."""

    def __init__(self, registry: Registry, tokens: Tokens, authority: bytes) -> None:
        self._registry = registry
        self._tokens = tokens
        self._authority = authority
        self._secrets = registry.resource("secrets")
        self._accounts = registry.resource("serviceaccounts")
        registry.subscribe(self._secrets, self._secret_changed)
        registry.subscribe(self._accounts, self._account_changed)

    def _secret_changed(self, change: Change) -> None:
        if change.type != "DELETED":
            self._settle(change.obj)

    def _account_changed(self, change: Change) -> None:
        namespace, name = (change.obj["metadata"][field] for field in ("namespace", "name"))
        for secret in list(self._registry.list(self._secrets, namespace)):
            if _account_of(secret) == name:
                self._settle(secret)

    def _settle(self, secret: Obj) -> None:
        name, about = _account_of(secret), secret["metadata"]
        if not name or "deletionTimestamp" in about:
            return
        account = self._registry.find(self._accounts, about["namespace"], name)
        uid = about.get("annotations", {}).get(UID)
        if account is None or (uid and uid != account["metadata"]["uid"]):
            self._registry.delete(self._secrets, about["namespace"], about["name"])
            return
        data = secret.get("data") or {}
        if {"token", "namespace", "ca.crt"} <= set(data) and uid:
            return
        fresh = {
            "ca.crt": self._authority,
            "namespace": about["namespace"].encode(),
            "token": self._tokens.lasting(about["namespace"], account, secret).encode(),
        }
        missing = {key: b64encode(value).decode() for key, value in fresh.items()
                   if not data.get(key)}  # fmt: skip
        patch = {
            "data": missing,
            "metadata": {"annotations": {UID: account["metadata"]["uid"]}},
        }
        self._registry.patch(self._secrets, about["namespace"], about["name"], patch)


def _account_of(secret: Obj) -> str:
    """The ServiceAccount whose token a Secret holds, "" if it holds none."""
    if secret.get("type") != TYPE:
        return ""
    return str((secret["metadata"].get("annotations") or {}).get(NAME, ""))
