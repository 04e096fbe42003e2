"""The permissions of a Role or binding that this account does not hold, and so cannot write.

An API server lets no one write a Role that grants more than they hold in that place, nor a binding
to one (pkg/registry/rbac/escalation_check.go), unless the writer may `escalate` that Role
or `bind` it. A dry run checks that as well, but not in a namespace that does not exist yet. Here
the rules that the account holds (SelfSubjectRulesReview) are compared with those to be granted.
Rules that other authorizers add do not count for the API server either, so an incomplete answer is
sufficient.
If the API server does not answer, nothing counts as missing; the write itself will show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from resilience.cluster.errors import ApiError, NotFound
from resilience.cluster.interface import Cluster, Object, grouped
from resilience.cluster.permit.grants import CLUSTER_ROLE, GROUP, ROLE, ROLE_BINDING
from resilience.cluster.requests.request import Request

RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
_ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

Rules = Sequence[Mapping[str, Any]]
Roles = Callable[[str, str], "Rules | None"]
"""The rules of a Role by namespace and name that is written first; None for others."""


def no_roles(namespace: str, name: str) -> Rules | None:
    """None is written first."""
    return None


@dataclass(slots=True)
class HeldRights:
    """Asks once for each namespace. Not safe to use from several threads."""

    cluster: Cluster
    _held: dict[str, Rules | None] = field(default_factory=dict)

    def why_not(self, obj: Object, roles: Roles = no_roles) -> str:
        """Why this Role or RoleBinding cannot be written where it says, as the end of a sentence
        that names it; "" if it can, for other kinds, and if this is unknown."""
        try:
            return self._why_not(obj, roles)
        except (ApiError, AttributeError, KeyError, TypeError):
            return ""  # no answer, or no Role that an API server would accept

    def _why_not(self, obj: Object, roles: Roles) -> str:
        kind, namespace = obj.get("kind"), obj["metadata"].get("namespace", "")
        if not str(obj.get("apiVersion")).startswith(f"{GROUP}/") or not namespace:
            return ""
        if kind == ROLE.kind:
            asked = ("escalate", ROLE.plural, namespace, "")
            return self._lacking(obj.get("rules") or (), asked)
        if kind != ROLE_BINDING.kind:
            return ""
        reference = obj["roleRef"]
        bound = CLUSTER_ROLE if reference["kind"] == CLUSTER_ROLE.kind else ROLE
        asked = ("bind", bound.plural, namespace, reference["name"])
        rules = self._rules_of(reference, namespace, roles)
        if rules is None:
            missing = f"binds {reference['kind']} {reference['name']}, which does not exist"
            return "" if self._may(*asked) else missing
        lacking = self._lacking(rules, asked)
        return f"binds {reference['kind']} {reference['name']}, which {lacking}" if lacking else ""

    def _rules_of(self, reference: Mapping[str, Any], namespace: str, roles: Roles) -> Rules | None:
        name, of_cluster = reference["name"], reference["kind"] == CLUSTER_ROLE.kind
        coming = None if of_cluster else roles(namespace, name)
        if coming is not None:
            return coming
        try:
            if of_cluster:
                live = self.cluster.get(CLUSTER_ROLE, name)
            else:
                live = self.cluster.get(ROLE, name, namespace)
        except NotFound:
            return None
        return live.get("rules") or ()

    def _lacking(self, rules: Rules, asked: tuple[str, str, str, str]) -> str:
        held = self._held_in(asked[2])
        if held is None:
            return ""
        missing = [
            each
            for rule in rules
            for each in _single(rule)
            if not any(_covers(own, each) for own in held)
        ]
        if not missing or self._may(*asked):
            return ""
        return f"grants {_listed(missing)}, which this account does not hold"

    def _held_in(self, namespace: str) -> Rules | None:
        if namespace not in self._held:
            self._held[namespace] = self._asked_for(namespace)
        return self._held[namespace]

    def _asked_for(self, namespace: str) -> Rules | None:
        status = self._review(RULES, "SelfSubjectRulesReview", {"namespace": namespace})
        if "resourceRules" not in status:
            return None
        return [*(status["resourceRules"] or ()), *(status.get("nonResourceRules") or ())]

    def _may(self, verb: str, resource: str, namespace: str, name: str) -> bool:
        asked = {"verb": verb, "group": GROUP, "resource": resource, "namespace": namespace}
        spec = {"resourceAttributes": asked | ({"name": name} if name else {})}
        return self._review(_ACCESS, "SelfSubjectAccessReview", spec).get("allowed") is not False

    def _review(self, path: str, kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        return self.cluster.send(Request("POST", path, body=body)).get("status") or {}


@dataclass(frozen=True, slots=True)
class _Single:
    """One permission: a verb on one resource of one group, or on a path (`group` is None)."""

    verb: str
    group: str | None
    resource: str
    name: str = ""


def _single(rule: Mapping[str, Any]) -> Iterator[_Single]:
    for verb in rule.get("verbs") or ():
        for path in rule.get("nonResourceURLs") or ():
            yield _Single(verb, None, path)
        for group, resource, name in product(
            rule.get("apiGroups") or (),
            rule.get("resources") or (),
            rule.get("resourceNames") or [""],
        ):
            yield _Single(verb, group, resource, name)


def _covers(own: Mapping[str, Any], asked: _Single) -> bool:
    """pkg/apis/rbac/v1/evaluation_helpers.go, as its policy_comparator.go calls it."""
    if not _in(asked.verb, own.get("verbs")):
        return False
    if asked.group is None:
        return any(_is_path(asked.resource, each) for each in own.get("nonResourceURLs") or ())
    _, slash, sub = asked.resource.partition("/")
    resources = own.get("resources") or ()
    named = own.get("resourceNames") or ()
    return (
        _in(asked.group, own.get("apiGroups"))
        and (_in(asked.resource, resources) or bool(slash and f"*/{sub}" in resources))
        and (not named or asked.name in named)
    )


def _in(word: str, known: Sequence[str] | None) -> bool:
    return "*" in (known or ()) or word in (known or ())


def _is_path(asked: str, own: str) -> bool:
    return own in ("*", asked) or (own.endswith("*") and asked.startswith(own[:-1]))


def _listed(missing: Sequence[_Single]) -> str:
    """`update, watch on leases.coordination.k8s.io and delete on pods`."""
    verbs: dict[str, list[str]] = {}
    for each in missing:
        full = grouped(each.resource, each.group or "")
        named = f"{full} {each.name}" if each.name else full
        known = verbs.setdefault(named, [])
        if each.verb not in known:
            known.append(each.verb)
    parts = [f"{', '.join(sorted(those))} on {what}" for what, those in verbs.items()]
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
