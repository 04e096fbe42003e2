"""`authorizer` in expressions: whether the requester may do something else.

Source: k8s.io/apiserver/pkg/cel/library/authz.go. The variable is a mapping with `who`; a check is
a mapping that its functions fill step by step. The answer comes from the same rules as for
requests.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from resilience.sandbox.kube.api import Obj

Check = Callable[[Obj], str]
"""Why a check is allowed, "" if it is not."""
DECIDE: ContextVar[Check] = ContextVar("DECIDE")
"""Answers by the rules of the server that evaluates."""


def _with(field: str) -> Callable[[Obj, str], Obj]:
    def add(check: Obj, value: str) -> Obj:
        return {"who": check["who"], "asked": {**check.get("asked", {}), field: value}}

    return add


def _account(check: Obj, namespace: str, name: str) -> Obj:
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}",
              "system:authenticated"]  # fmt: skip
    return {"who": {"user": f"system:serviceaccount:{namespace}:{name}", "groups": groups}}


def _decided(check: Obj, verb: str) -> Obj:
    reason = DECIDE.get()({**check["who"], **check["asked"], "verb": verb})
    return {"allowed": bool(reason), "reason": reason}


METHODS: dict[str, tuple[Callable[..., Any], int]] = {
    **{each: (_with(each), 2) for each in ("group", "resource", "subresource", "namespace",
                                           "name", "path")},
    "serviceAccount": (_account, 3),
    "check": (_decided, 2),
    "allowed": (lambda decision: decision["allowed"], 1),
    "reason": (lambda decision: decision["reason"], 1),
    "errored": (lambda decision: False, 1),
    "error": (lambda decision: "", 1),
}  # fmt: skip
"""Called as x.f(y), with how many arguments, x counted."""
