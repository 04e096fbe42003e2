"""The expressions of admission policies: the names they know, variables, conditions, messages.

Source: k8s.io/apiserver/pkg/admission/plugin/{cel,policy}. A variable that fails is an error only
where an expression uses it. Where CEL is not installed every expression fails: a policy that cannot
be evaluated refuses, unless its failure policy says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.apiserver.access.authorization import Attributes, Authorizer
from resilience.sandbox.apiserver.policies.bound_policies import Bound
from resilience.sandbox.apiserver.policies.policy_matching import Failed
from resilience.sandbox.apiserver.webhooks.hook_matching import Attempt
from resilience.sandbox.apiserver.webhooks.hook_reviews import review
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.schema import cel, cel_authorizer

MISSING = (
    "expressions of admission policies cannot be evaluated here: install pytest-resilience[cel]"
    " where the sandbox runs"
)
_USED = re.compile(r"\bvariables\s*\.\s*(\w+)")
_LONGEST = 5 << 10
_NAMESPACE = ("labels", "annotations", "name", "creationTimestamp", "deletionTimestamp", "uid",
              "resourceVersion", "generateName")  # fmt: skip


@dataclass(slots=True)
class Scope:
    """The variables that the expressions of one policy can use for one request."""

    names: dict[str, Any]
    failures: dict[str, str]
    authorizer: Authorizer

    def value(self, expression: str) -> Any:
        """The value of an expression; Failed."""
        if not cel.is_installed():
            raise Failed(MISSING)
        for name in _USED.findall(expression):
            if name in self.failures:
                raise Failed(
                    f"composited variable {name!r} fails to evaluate: {self.failures[name]}"
                )
        cel_authorizer.DECIDE.set(self._decide)
        try:
            return cel.evaluate(expression, self.names, cel.ADMISSION)
        except cel.CelError as error:
            raise Failed(str(error)) from error

    def _decide(self, check: Obj) -> str:
        who = Identity(check.pop("user"), tuple(check.pop("groups")))
        return self.authorizer.allowed(who, Attributes(**check))


def scope(
    attempt: Attempt, bound: Bound, params: Obj | None, variables: Sequence[Mapping[str, Any]]
) -> Scope:
    """All names that expressions may use; variables are evaluated in order."""
    names = {
        "object": attempt.obj,
        "oldObject": attempt.old,
        "request": review(attempt)["request"],
        "params": params,
        "namespaceObject": _namespace(bound.namespace),
        "variables": {},
        "authorizer": _authorizer(attempt),
    }
    found = Scope(names, {}, Authorizer(bound.view))
    for variable in variables:
        try:
            value = found.value(variable["expression"])
        except Failed as error:
            found.failures[variable["name"]] = str(error)
        else:
            names["variables"] = {**names["variables"], variable["name"]: value}
    return found


def _authorizer(attempt: Attempt) -> Obj:
    resource, user = attempt.kind.resource, attempt.call.user
    who = {"user": user.user, "groups": list(user.groups)}
    asked = {"group": resource.group, "resource": resource.plural, "name": attempt.name,
             "subresource": attempt.subresource, "namespace": attempt.namespace}  # fmt: skip
    return {"who": who, "requestResource": {"who": who, "asked": asked}}


def _namespace(namespace: Obj | None) -> Obj | None:
    if namespace is None:
        return None
    about = {key: namespace["metadata"][key] for key in _NAMESPACE if key in namespace["metadata"]}
    return {**namespace, "metadata": about}


def hold(conditions: Sequence[Mapping[str, Any]], seen: Scope) -> bool:
    """Whether all match conditions hold; raises Failed if none is false but one has no value."""
    failures = []
    for condition in conditions:
        try:
            if seen.value(condition["expression"]) is not True:
                return False
        except Failed as error:
            failures.append(str(error))
    if failures:
        raise Failed(failures[0])
    return True


def message(validation: Mapping[str, Any], seen: Scope) -> str:
    """The message of a violated validation."""
    expression = validation.get("messageExpression")
    if expression:
        try:
            said = seen.value(expression)
        except Failed:
            said = None  # then the plain message is used, as in the real server
        text = said.strip() if isinstance(said, str) else ""
        if text and "\n" not in text and len(text) <= _LONGEST:
            return text
    plain = (validation.get("message") or "").strip()
    return plain or f"failed expression: {validation['expression'].strip()}"


def check(expression: Any, where: str, kinds: Sequence[str]) -> list[Cause]:
    """Causes if an expression of a policy does not compile, or cannot have one of these types
    (without types, any is allowed)."""
    if not expression:
        return [refusals.value_required(where)]
    if not cel.is_installed():
        return []
    try:
        kind = cel.kind_of(str(expression), cel.ADMISSION)
    except cel.CelError as error:
        return [refusals.value_invalid(where, expression, f"compilation failed: {error}")]
    if kinds and kind.partition("<")[0] not in (*kinds, "DYN"):
        wanted = " or ".join(each.lower() for each in kinds)
        return [refusals.value_invalid(where, expression, f"must evaluate to {wanted}")]
    return []
