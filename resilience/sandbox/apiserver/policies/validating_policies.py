"""ValidatingAdmissionPolicy: its bindings deny, warn, or only record.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/{dispatcher,validator}.go. `Audit`
and audit annotations have no destination here, as the sandbox writes no audit log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.sandbox.apiserver.policies import expressions, policy_matching
from resilience.sandbox.apiserver.policies.bound_policies import Bound, BoundPolicies
from resilience.sandbox.apiserver.policies.policy_matching import Failed
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.apiserver.webhooks.hook_matching import Attempt
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kube.refusals import Cause

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

KIND = "ValidatingAdmissionPolicy"
_CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}


@dataclass(frozen=True, slots=True)
class Violation:
    """One validation that does not hold."""

    message: str
    reason: str = ""


class ValidatingPolicies:
    """Follows policies and bindings of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._bound = BoundPolicies(registry, "validating")

    def validate(self, attempt: Attempt) -> None:
        """ApiError if a binding denies it; violations that a binding only warns about become
        warnings."""
        for bound in self._bound.concerning(attempt):
            for violation in self._violations(bound, attempt):
                _act(bound, violation, attempt)

    def _violations(self, bound: Bound, attempt: Attempt) -> Iterator[Violation]:
        try:
            every = policy_matching.params(
                bound.policy["spec"], bound.binding["spec"], attempt, bound.view
            )
        except Failed as error:
            yield from _error(bound, attempt, f"failed to configure binding: {error}")
            return
        for params in every:
            yield from self._judged(bound, attempt, params)

    def _judged(self, bound: Bound, attempt: Attempt, params: Any) -> Iterator[Violation]:
        spec = bound.policy["spec"]
        seen = expressions.scope(attempt, bound, params, spec.get("variables") or ())
        try:
            if not expressions.hold(spec.get("matchConditions") or (), seen):
                return
        except Failed as error:
            yield from _error(bound, attempt, str(error))
            return
        for validation in spec.get("validations") or ():
            try:
                held = seen.value(validation["expression"])
            except Failed as error:
                why = f"expression '{validation['expression'].strip()}' resulted in error: {error}"
                yield from _error(bound, attempt, why)
                continue
            if held is not True:
                yield Violation(
                    expressions.message(validation, seen), str(validation.get("reason") or "")
                )


def _error(bound: Bound, attempt: Attempt, why: str) -> Iterator[Violation]:
    """The result of a policy that cannot be evaluated: a violation, or a warning if the policy is
    to be ignored without CEL."""
    if bound.policy["spec"].get("failurePolicy") != "Ignore":
        yield Violation(why)
    elif expressions.MISSING in why:
        _warn(attempt, f"{KIND} '{bound.name}' was ignored: {expressions.MISSING}")


def _act(bound: Bound, violation: Violation, attempt: Attempt) -> None:
    actions = bound.binding["spec"].get("validationActions") or ("Deny",)
    where = bound.title(KIND)
    if "Deny" in actions:
        text = f"{where} denied request: {violation.message}"
        error = refusals.forbidden(attempt.kind.resource, attempt.name, text)
        reason = violation.reason or "Invalid"
        causes = [{"message": text}]
        raise ApiError(_CODES.get(reason, 500), reason, error.message,
                       details={**error.details, "causes": causes})  # fmt: skip
    if "Warn" in actions:
        _warn(attempt, f"Validation failed for {where}: {violation.message}")


def _warn(attempt: Attempt, text: str) -> None:
    if text not in attempt.call.warnings:
        attempt.call.warnings.append(text)


def prepare(request: Request) -> None:
    """Check a policy's expressions; ApiError 422."""
    spec = request.obj.get("spec") or {}
    causes = [*conditions(spec), *_validations(spec)]
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        causes.append(refusals.value_required("spec.validations", "validations or auditAnnotations"
                                              " must be non-empty"))  # fmt: skip
    if causes:
        raise refusals.invalid(request.resource, request.name, causes)
    warn_without_cel(request)


def warn_without_cel(request: Request) -> None:
    """Warn the author of a policy that cannot be evaluated here."""
    from resilience.sandbox.schema import cel

    if not cel.is_installed() and expressions.MISSING not in request.call.warnings:
        request.call.warnings.append(expressions.MISSING)


def conditions(spec: Mapping[str, Any]) -> Iterator[Cause]:
    """Causes in variables and match conditions, which both families have."""
    for at, variable in enumerate(spec.get("variables") or ()):
        where = f"spec.variables[{at}].expression"
        yield from expressions.check(variable.get("expression"), where, ())
    for at, condition in enumerate(spec.get("matchConditions") or ()):
        where = f"spec.matchConditions[{at}].expression"
        yield from expressions.check(condition.get("expression"), where, ("BOOL",))


def _validations(spec: Mapping[str, Any]) -> Iterator[Cause]:
    for at, validation in enumerate(spec.get("validations") or ()):
        where = f"spec.validations[{at}]"
        yield from expressions.check(validation.get("expression"), f"{where}.expression", ("BOOL",))
        if validation.get("messageExpression"):
            yield from expressions.check(
                validation["messageExpression"], f"{where}.messageExpression", ("STRING",)
            )
    for at, annotation in enumerate(spec.get("auditAnnotations") or ()):
        yield from expressions.check(
            annotation.get("valueExpression"), f"spec.auditAnnotations[{at}].valueExpression",
            ("STRING", "NULL"),
        )  # fmt: skip
