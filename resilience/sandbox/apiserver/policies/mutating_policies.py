"""MutatingAdmissionPolicy: changes by expressions, before any webhook is called.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/mutating. An ApplyConfiguration is merged as
server-side apply merges; a JSONPatch is applied as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from resilience.sandbox.apiserver.policies import expressions, policy_matching
from resilience.sandbox.apiserver.policies.bound_policies import Bound, BoundPolicies
from resilience.sandbox.apiserver.policies.object_literals import as_maps
from resilience.sandbox.apiserver.policies.policy_matching import Failed
from resilience.sandbox.apiserver.policies.validating_policies import conditions, warn_without_cel
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.apiserver.webhooks.hook_matching import Attempt
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.patch import apply, json_patch
from resilience.sandbox.schema.facts import builtin
from resilience.sandbox.store.store import clone, encode

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

KIND = "MutatingAdmissionPolicy"


class MutatingPolicies:
    """Follows policies and bindings of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._bound = BoundPolicies(registry, "mutating")

    def mutate(self, attempt: Attempt, again: Callable[[Obj], None]) -> Obj | None:
        """The object after every policy; `again` completes it after each change. ApiError."""
        obj = attempt.obj
        if obj is None:
            return None
        changed_by: set[str] = set()
        for second in (False, True):
            for bound in self._bound.concerning(attempt):
                wants = bound.policy["spec"].get("reinvocationPolicy") == "IfNeeded"
                if second and not (wants and changed_by - {bound.name}):
                    continue
                fresh = self._after(bound, dataclasses.replace(attempt, obj=obj))
                if fresh is not obj:
                    again(fresh)
                    obj = fresh
                    changed_by.add(bound.name)
        return obj

    def _after(self, bound: Bound, attempt: Attempt) -> Obj:
        """The object after one policy; the same object if the policy changes nothing."""
        assert attempt.obj is not None
        spec = bound.policy["spec"]
        try:
            obj = attempt.obj
            for params in policy_matching.params(spec, bound.binding["spec"], attempt, bound.view):
                obj = _mutated(bound, dataclasses.replace(attempt, obj=obj), params)
            return obj
        except Failed as error:
            if spec.get("failurePolicy") == "Ignore":
                return attempt.obj
            text = f"{bound.title(KIND)} denied request: {error}"
            refusal = refusals.forbidden(attempt.kind.resource, attempt.name, text)
            refusal.code, refusal.reason = 422, "Invalid"
            raise refusal from error


def _mutated(bound: Bound, attempt: Attempt, params: Any) -> Obj:
    spec = bound.policy["spec"]
    obj = attempt.obj
    assert obj is not None
    for mutation in spec.get("mutations") or ():
        now = dataclasses.replace(attempt, obj=obj)
        seen = expressions.scope(now, bound, params, spec.get("variables") or ())
        if not expressions.hold(spec.get("matchConditions") or (), seen):
            return obj
        text = _expression(mutation)
        try:
            fresh = _applied(mutation, attempt, obj, seen.value(as_maps(text)))
        except (Failed, ValueError) as error:
            raise Failed(f"expression '{text.strip()}' resulted in error: {error}") from error
        if encode(fresh) != encode(obj):
            obj = fresh
    return obj


def _expression(mutation: Mapping[str, Any]) -> str:
    part = mutation.get("jsonPatch" if mutation.get("patchType") == "JSONPatch"
                        else "applyConfiguration")  # fmt: skip
    return str((part or {}).get("expression") or "")


def _applied(mutation: Mapping[str, Any], attempt: Attempt, obj: Obj, value: Any) -> Obj:
    if mutation.get("patchType") == "JSONPatch":
        if not isinstance(value, list):
            raise Failed("a JSON patch must be a list of JSONPatch")
        out = json_patch.apply(clone(obj), [_operation(each) for each in value])
    else:
        if not isinstance(value, dict):
            raise Failed("an apply configuration must be an Object")
        out = apply.merge(builtin(), attempt.kind.model, clone(obj), value)
    if not isinstance(out, dict):
        raise Failed("the changed object is no object")
    before, after = obj["metadata"], out.get("metadata") or {}
    if any(after.get(field) != before.get(field) for field in ("name", "namespace", "uid")):
        raise Failed("metadata.name, metadata.namespace and metadata.uid may not be changed")
    return out


def _operation(value: Any) -> dict[str, Any]:
    """A JSONPatch without the fields that were not set."""
    if not isinstance(value, dict):
        raise Failed("a JSON patch must be a list of JSONPatch")
    return {key: inner for key, inner in value.items() if key in ("op", "path", "from", "value")}


def prepare(request: Request) -> None:
    """Check a policy's expressions; ApiError 422."""
    spec = request.obj.get("spec") or {}
    causes: list[Cause] = list(conditions(spec))
    for at, mutation in enumerate(spec.get("mutations") or ()):
        is_json = mutation.get("patchType") == "JSONPatch"
        part = "jsonPatch" if is_json else "applyConfiguration"
        where = f"spec.mutations[{at}].{part}.expression"
        text = as_maps(_expression(mutation))
        causes += expressions.check(text, where, ("LIST",) if is_json else ("MAP",))
    if not spec.get("mutations"):
        causes.append(refusals.value_required("spec.mutations"))
    if causes:
        raise refusals.invalid(request.resource, request.name, causes)
    warn_without_cel(request)
