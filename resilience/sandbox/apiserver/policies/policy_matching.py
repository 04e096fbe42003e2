"""Which policies and bindings concern a request, and the parameters of a binding.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/{matching,generic}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from resilience.sandbox.apiserver.webhooks.hook_matching import (
    GROUP,
    POLICIES,
    Attempt,
    fits,
    in_namespace,
    labelled,
)
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.labels import matches

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_REVIEWS = frozenset({"authentication.k8s.io", "authorization.k8s.io"})


class Failed(Exception):
    """A policy cannot be evaluated; the text says why."""


def is_exempt(attempt: Attempt) -> bool:
    """Whether no policy judges this kind: policies themselves, and reviews."""
    resource = attempt.kind.resource
    return resource.group in _REVIEWS or (resource.group == GROUP and resource.plural in POLICIES)


def concerns(constraints: Mapping[str, Any], attempt: Attempt, namespace: Obj | None) -> bool:
    """Whether match constraints admit a request; without rules they name every resource."""
    rules = constraints.get("resourceRules")
    named = [rule for rule in rules or () if _fits(rule, attempt)]
    excluded = any(_fits(rule, attempt) for rule in constraints.get("excludeResourceRules") or ())
    return (
        (bool(named) or not rules)
        and not excluded
        and in_namespace(constraints.get("namespaceSelector"), attempt, namespace)
        and labelled(constraints.get("objectSelector"), attempt)
    )


def _fits(rule: Mapping[str, Any], attempt: Attempt) -> bool:
    names = rule.get("resourceNames")
    return fits(rule, attempt) and (not names or attempt.name in names)


def params(
    policy: Mapping[str, Any], binding: Mapping[str, Any], attempt: Attempt, registry: Registry
) -> Sequence[Obj | None]:
    """The parameter objects to evaluate with; raises Failed if there are none and the binding then
    denies. `(None,)` where the policy takes none."""
    kind, reference = policy.get("paramKind"), binding.get("paramRef")
    if not kind or not reference:
        return (None,)
    found = _params(kind, reference, attempt, registry)
    if not found and reference.get("parameterNotFoundAction") != "Allow":
        raise Failed("no params found for policy binding with `Deny` parameterNotFoundAction")
    return found


def _params(
    kind: Mapping[str, Any], reference: Mapping[str, Any], attempt: Attempt, registry: Registry
) -> list[Obj]:
    said = (kind.get("apiVersion"), kind.get("kind"))
    served = (each.resource for each in registry.kinds.all())
    resource = next((each for each in served if (each.api_version, each.kind) == said), None)
    if resource is None:
        raise Failed(
            f"failed to find resource referenced by paramKind: '{said[0]}, Kind={said[1]}'"
        )
    namespace = (reference.get("namespace") or attempt.namespace) if resource.namespaced else ""
    if resource.namespaced and not namespace:
        raise Failed("cannot use namespaced paramRef in policy binding that matches cluster-scoped"
                     " resources")  # fmt: skip
    if reference.get("name"):
        one = registry.find(resource, namespace, reference["name"])
        return [] if one is None else [one]
    selector = reference.get("selector") or {}
    return [
        each
        for each in registry.list(resource, namespace or None)
        if matches(selector, each["metadata"].get("labels") or {})
    ]
