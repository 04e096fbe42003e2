"""Finds Roles and bindings that would grant more than a run may grant.

A manifest may grant permissions inside covered namespaces to their ServiceAccounts, but no
wildcards over Kubernetes' own kinds, and neither `escalate` nor `bind`, with which any permission
can be obtained. A ClusterRole grants permissions everywhere, so only reads of kinds other than
Secret, and kinds of other API groups, are allowed in one. Kubernetes' own escalation check
(pkg/registry/rbac/escalation_check.go) lets a cluster-admin grant everything; this rule does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from resilience.cluster.interface import Object, Resource
from resilience.kube.objects import mapping

GROUP = "rbac.authorization.k8s.io"
OPENSHIFT = "authorization.openshift.io"
"""OpenShift serves the same objects under this group as well."""
ROLE = Resource(GROUP, "v1", "roles", "Role", True)
CLUSTER_ROLE = Resource(GROUP, "v1", "clusterroles", "ClusterRole", False)
ROLE_BINDING = Resource(GROUP, "v1", "rolebindings", "RoleBinding", True)
CLUSTER_ROLE_BINDING = Resource(GROUP, "v1", "clusterrolebindings", "ClusterRoleBinding", False)
KINDS = {each.kind: each for each in (ROLE, CLUSTER_ROLE, ROLE_BINDING, CLUSTER_ROLE_BINDING)}
PLURALS = {each.plural: each for each in KINDS.values()}

_READS = frozenset({"get", "list", "watch"})
_UNBOUNDED = frozenset({"escalate", "bind"})
_REVIEWS = frozenset({"tokenreviews", "subjectaccessreviews", "localsubjectaccessreviews"})
_AGGREGATE = f"{GROUP}/aggregate-to-"
_OWN_ACCOUNTS = "system:serviceaccounts:"

Live = Callable[[Resource, str, str], "Object | None"]
"""The live object of that kind, name and namespace ("" for cluster-scoped objects); None if it does
not exist."""


def excess(
    plural: str, namespace: str, name: str, body: Any, covered: Collection[str], live: Live
) -> str:
    """Why a write of this Role or binding grants too much; "" if it does not. `plural` is one of
    PLURALS, `name` "" for one whose name the server makes."""
    if isinstance(body, list):
        return _by_operations(body)
    kind = PLURALS[plural]
    there = live(kind, name, namespace) if name else None
    if there is not None and (why := _object(kind, there, covered, namespace, live)):
        return f"the existing object {why}, and the undo could not grant that again"
    why = _object(kind, {**(there or {}), **mapping(body)}, covered, namespace, live)
    return f"it {why}" if why else ""


def _object(
    kind: Resource, obj: Mapping[str, Any], covered: Collection[str], namespace: str, live: Live
) -> str:
    wide = not kind.namespaced
    if kind in (ROLE, CLUSTER_ROLE):
        return _role(obj, wide=wide)
    return _subjects(obj.get("subjects"), covered, namespace) or _referred(
        obj.get("roleRef"), namespace, wide, live
    )


def _role(role: Mapping[str, Any], *, wide: bool) -> str:
    labels = mapping(mapping(role.get("metadata")).get("labels"))
    if wide and role.get("aggregationRule"):
        return "grants the rules of other ClusterRoles (`aggregationRule`)"
    if wide and (added := sorted(key for key in labels if str(key).startswith(_AGGREGATE))):
        return f"adds its rules to another ClusterRole ({added[0]})"
    rules = role.get("rules") or []
    if not isinstance(rules, list):
        return "has rules that cannot be interpreted"
    return next((why for rule in rules if (why := _rule(rule, wide=wide))), "")


def _rule(rule: Any, *, wide: bool) -> str:
    if not isinstance(rule, Mapping):
        return "has rules that cannot be interpreted"
    verbs, groups = _words(rule, "verbs"), _words(rule, "apiGroups")
    kinds, urls = _words(rule, "resources"), _words(rule, "nonResourceURLs")
    grants = f"grants {_listed(verbs)} on {_listed(kinds or urls)}"
    own = {group for group in groups if _is_own(group)}
    bare = {kind.partition("/")[0] for kind in kinds}
    if (
        own & {GROUP, "*"}
        and bare & {"*", ROLE.plural, CLUSTER_ROLE.plural}
        and verbs & {"*", *_UNBOUNDED}
    ):
        return f"{grants}, with which any permission can be obtained"
    if own and "*" in bare and verbs - _READS:
        return f"{grants} of {_listed(own)}: a wildcard over Kubernetes' own kinds"
    if wide and ((own or urls) and _reaches_out(verbs, kinds)):
        return f"{grants} in every namespace"
    return ""


def _reaches_out(verbs: Collection[str], kinds: Collection[str]) -> bool:
    """Whether the rule grants more than reads of kinds other than Secret, and identity reviews."""
    if set(kinds) and set(kinds) <= _REVIEWS and set(verbs) <= {"create"}:
        return False
    return bool(
        set(verbs) - _READS
        or {"*", "secrets", "nodes/proxy", "pods/exec", "pods/attach", "pods/portforward"}
        & set(kinds)
        or any(kind.endswith("/proxy") for kind in kinds)
    )


def _is_own(group: str) -> bool:
    """Groups without a dot, and those below k8s.io, are Kubernetes' own."""
    return "." not in group or group.endswith(".k8s.io")


def _subjects(subjects: Any, covered: Collection[str], namespace: str) -> str:
    if not isinstance(subjects, list | None):
        return "has subjects that cannot be interpreted"
    for each in subjects or []:
        subject = mapping(each)
        kind, name = subject.get("kind"), str(subject.get("name", ""))
        where = str(subject.get("namespace") or namespace)
        if kind == "Group" and name.startswith(_OWN_ACCOUNTS):
            where = name.removeprefix(_OWN_ACCOUNTS)
        elif kind != "ServiceAccount":
            return f"grants permissions to {kind} {name!r}, not a ServiceAccount of a namespace"
        if where not in covered:
            where_to = f"{kind} {name!r} of namespace {where!r}"
            return f"grants permissions to {where_to}, which is not covered"
    return ""


def _referred(ref: Any, namespace: str, wide: bool, live: Live) -> str:
    """A missing role grants nothing; `_role` checks its creation."""
    said = mapping(ref)
    kind, name = str(said.get("kind", "")), str(said.get("name", ""))
    if not name:
        return ""
    if kind not in (ROLE.kind, CLUSTER_ROLE.kind):
        return f"refers to a {kind!r}, which is not a role"
    role = live(KINDS[kind], name, namespace if kind == ROLE.kind else "")
    why = _role({"rules": (role or {}).get("rules")}, wide=wide)
    return f"binds {kind} {name}, which {why}" if why else ""


def _by_operations(operations: Iterable[Any]) -> str:
    """A JSON patch is allowed only for annotations."""
    for each in operations:
        for key in ("path", "from"):
            path = str(mapping(each).get(key, "/metadata/annotations"))
            if not f"{path}/".startswith("/metadata/annotations/"):
                return f"is changed by a JSON patch of {path!r}, whose result cannot be determined"
    return ""


def _words(rule: Mapping[str, Any], key: str) -> set[str]:
    found = rule.get(key) or []
    return set(map(str, found)) if isinstance(found, list) else {"*"}


def _listed(words: Iterable[str]) -> str:
    return ", ".join(repr(word) if word in ("", "*") else word for word in sorted(words)) or "''"
