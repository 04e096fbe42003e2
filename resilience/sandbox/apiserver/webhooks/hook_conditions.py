"""`matchConditions`: CEL expressions that must hold before a webhook is called.

Source: k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions. Without the extra for CEL
each is a condition that fails, as in admission policies: the failure policy decides, and the author
is warned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.sandbox.apiserver.webhooks.hook_matching import Attempt, Hook
from resilience.sandbox.apiserver.webhooks.hook_reviews import review
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.schema import cel

MISSING = (
    "matchConditions cannot be evaluated here: install pytest-resilience[cel] where the sandbox"
    " runs"
)


def hold(hook: Hook, attempt: Attempt) -> bool:
    """Whether all conditions hold; ApiError if one fails and the policy is Fail."""
    conditions = hook.spec.get("matchConditions") or ()
    if not conditions:
        return True
    names = {
        "object": attempt.obj,
        "oldObject": attempt.old,
        "request": review(attempt)["request"],
    }
    failures = []
    for condition in conditions:
        if not cel.is_installed():
            failures.append(MISSING)
            break
        try:
            if cel.evaluate(condition["expression"], names, cel.ADMISSION) is not True:
                return False
        except cel.CelError as error:
            failures.append(str(error))
    if failures and not hook.fails_open:
        raise ApiError(403, "Forbidden", f'webhook "{hook.name}": {failures[0]}')
    return not failures


def check(obj: Obj, old: Obj | None) -> list[Cause]:
    """Causes in the conditions of a configuration: duplicate names, expressions that do not
    compile."""
    causes = []
    for at, hook in enumerate(obj.get("webhooks") or ()):
        seen: set[str] = set()
        for number, condition in enumerate(hook.get("matchConditions") or ()):
            where = f"webhooks[{at}].matchConditions[{number}]"
            if condition.get("name") in seen:
                causes.append(refusals.value_duplicate(f"{where}.name", condition["name"]))
            seen.add(condition.get("name", ""))
            causes += _compiled(condition, f"{where}.expression")
    return causes


def _compiled(condition: Mapping[str, Any], where: str) -> list[Cause]:
    expression = condition.get("expression") or ""
    if not expression:
        return [refusals.value_required(where)]
    if not cel.is_installed():
        return []
    try:
        kind = cel.kind_of(expression, cel.ADMISSION)
    except cel.CelError as error:
        return [refusals.value_invalid(where, expression, f"compilation failed: {error}")]
    if kind not in ("BOOL", "DYN"):
        return [refusals.value_invalid(where, expression, "must evaluate to bool")]
    return []
