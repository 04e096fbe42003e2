"""Which webhooks apply to a request: rules, selectors, and the kinds that no webhook may judge.

Source: k8s.io/apiserver/pkg/admission/plugin/webhook/{predicates,generic}. Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.call import Call
from resilience.sandbox.kube.labels import matches
from resilience.sandbox.schema.facts import Kind

GROUP = "admissionregistration.k8s.io"
POLICIES = frozenset(
    {
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    }
)
_EXEMPT = POLICIES | {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One operation: CREATE, UPDATE, DELETE or CONNECT. For a deletion `obj` is None."""

    kind: Kind
    operation: str
    namespace: str
    name: str
    obj: Obj | None
    old: Obj | None
    call: Call
    subresource: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One webhook of one configuration."""

    configuration: str
    mutating: bool
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def fails_open(self) -> bool:
        """Whether a request passes if the webhook cannot be called."""
        return str(self.spec.get("failurePolicy")) == "Ignore"

    @property
    def timeout(self) -> int:
        return int(self.spec.get("timeoutSeconds") or 10)


def concerns(hook: Hook, attempt: Attempt, namespace: Obj | None) -> bool:
    """Whether to call a webhook; `namespace` is the object's own, if it has one."""
    resource = attempt.kind.resource
    if resource.group == GROUP and resource.plural in _EXEMPT:
        return False
    rules = hook.spec.get("rules") or ()
    return (
        any(fits(rule, attempt) for rule in rules)
        and in_namespace(hook.spec.get("namespaceSelector"), attempt, namespace)
        and labelled(hook.spec.get("objectSelector"), attempt)
    )


def fits(rule: Mapping[str, Any], attempt: Attempt) -> bool:
    """Whether a rule names the operation and the resource."""
    resource = attempt.kind.resource
    scope = rule.get("scope") or "*"
    namespaced = bool(attempt.namespace) and resource.plural != "namespaces"
    return (
        (scope == "*" or (scope == "Namespaced") == namespaced)
        and _among(rule.get("operations"), attempt.operation)
        and _among(rule.get("apiGroups"), resource.group)
        and (_among(rule.get("apiVersions"), resource.version) or resource.group != "")
        and any(
            _is_resource(text, resource.plural, attempt.subresource)
            for text in rule.get("resources") or ()
        )
    )


def _among(wanted: Any, value: str) -> bool:
    return any(text in ("*", value) for text in wanted or ())


def _is_resource(text: str, plural: str, subresource: str) -> bool:
    wanted, slash, inner = text.partition("/")
    if wanted not in ("*", plural):
        return False
    if not slash:
        return not subresource
    return inner in ("*", subresource)


def in_namespace(selector: Any, attempt: Attempt, namespace: Obj | None) -> bool:
    """Whether a selector of namespaces admits the object's own."""
    if not selector:
        return True
    if attempt.kind.resource.plural == "namespaces" and not attempt.kind.resource.group:
        namespace = attempt.obj or attempt.old
    elif not attempt.namespace:
        return True
    labels = ((namespace or {}).get("metadata") or {}).get("labels") or {}
    return matches(selector, labels)


def labelled(selector: Any, attempt: Attempt) -> bool:
    """Whether a selector admits the object, before or after the change."""
    if not selector:
        return True
    return any(
        matches(selector, (obj.get("metadata") or {}).get("labels") or {})
        for obj in (attempt.obj, attempt.old)
        if obj is not None
    )
