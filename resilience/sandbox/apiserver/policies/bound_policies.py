"""Policies with their bindings from the store, and which pairs apply to a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resilience.sandbox.apiserver.policies import policy_matching
from resilience.sandbox.apiserver.webhooks.hook_matching import GROUP, Attempt
from resilience.sandbox.kube.api import Change, Obj

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Bound:
    """One policy and one of its bindings; `namespace` is the request's own, if it has one."""

    policy: Obj
    binding: Obj
    namespace: Obj | None
    view: Registry

    @property
    def name(self) -> str:
        """The policy's."""
        return str(self.policy["metadata"]["name"])

    def title(self, kind: str) -> str:
        """The name of the pair in messages, after the policy's kind."""
        return f"{kind} '{self.name}' with binding '{self.binding['metadata']['name']}'"


class BoundPolicies:
    """Follows one family, "validating" or "mutating". A policy without a binding does nothing."""

    def __init__(self, registry: Registry, family: str) -> None:
        self._registry = registry
        self._policies: dict[str, Obj] = {}
        self._bindings: dict[str, Obj] = {}
        self._namespaces = registry.resource("namespaces")
        for plural, held in (("policies", self._policies), ("policybindings", self._bindings)):
            resource = registry.resource(f"{family}admission{plural}", GROUP)
            registry.subscribe(resource, _following(held))

    def concerning(self, attempt: Attempt) -> Iterator[Bound]:
        """Every pair in which both constraints match the request, sorted by policy name."""
        if not self._bindings or policy_matching.is_exempt(attempt):
            return
        namespace = None
        if attempt.namespace:
            namespace = self._registry.find(self._namespaces, "", attempt.namespace)
        for _, binding in sorted(self._bindings.items(), key=_by_policy):
            policy = self._policies.get(binding["spec"].get("policyName", ""))
            if policy is None:
                continue
            wanted = (policy["spec"].get("matchConstraints") or {},
                      binding["spec"].get("matchResources") or {})  # fmt: skip
            if all(policy_matching.concerns(each, attempt, namespace) for each in wanted):
                yield Bound(policy, binding, namespace, self._registry)


def _by_policy(entry: tuple[str, Obj]) -> tuple[str, str]:
    return entry[1]["spec"].get("policyName", ""), entry[0]


def _following(held: dict[str, Obj]) -> Callable[[Change], None]:
    def changed(change: Change) -> None:
        name = change.obj["metadata"]["name"]
        held.pop(name, None)
        if change.type != "DELETED":
            held[name] = change.obj

    return changed
