"""Roles and bindings that would grant more than a run may hand on.

A manifest may give the ServiceAccounts of covered namespaces rights inside of their namespace, but
no wildcards over Kubernetes' own kinds, and not `escalate` or `bind`, which are rights without a
bound. What a ClusterRole grants holds everywhere, so there only reads of what is no Secret, and the
kinds of other API groups, pass. Kubernetes' own escalation check
(pkg/registry/rbac/escalation_check.go) lets a cluster-admin grant everything; this rule does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from resilience.cluster.interface import Object, Resource

GROUP = "rbac.authorization.k8s.io"
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
"""The live object of that kind, name and namespace ("" outside of any), None without."""


def excess(
    plural: str, namespace: str, name: str, body: Any, covered: Collection[str], live: Live
) -> str:
    """Why a write of this Role or binding grants too much; "" where it does not. `plural` is one
    of PLURALS, `name` "" for one whose name the server makes."""
    if isinstance(body, list):
        return _by_operations(body)
    kind = PLURALS[plural]
    there = live(kind, name, namespace) if name else None
    if there is not None and (why := _object(kind, there, covered, namespace, live)):
        return f"what is there {why}, and the undo could not grant that again"
    why = _object(kind, {**(there or {}), **_mapping(body)}, covered, namespace, live)
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
    labels = _mapping(_mapping(role.get("metadata")).get("labels"))
    if wide and role.get("aggregationRule"):
        return "grants what other ClusterRoles hold (`aggregationRule`)"
    if wide and (added := sorted(key for key in labels if str(key).startswith(_AGGREGATE))):
        return f"adds its rules to another ClusterRole ({added[0]})"
    rules = role.get("rules") or []
    if not isinstance(rules, list):
        return "has rules of which nobody can tell what they grant"
    return next((why for rule in rules if (why := _rule(rule, wide=wide))), "")


def _rule(rule: Any, *, wide: bool) -> str:
    if not isinstance(rule, Mapping):
        return "has rules of which nobody can tell what they grant"
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
        return f"{grants}, with which any right can be had"
    if own and "*" in bare and verbs - _READS:
        return f"{grants} of {_listed(own)}: a wildcard over Kubernetes' own kinds"
    if wide and ((own or urls) and _reaches_out(verbs, kinds)):
        return f"{grants} in every namespace"
    return ""


def _reaches_out(verbs: Collection[str], kinds: Collection[str]) -> bool:
    """Whether it is more than reading what is no secret, or asking who someone is."""
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
        return "has subjects that nobody can read"
    for each in subjects or []:
        subject = _mapping(each)
        kind, name = subject.get("kind"), str(subject.get("name", ""))
        where = str(subject.get("namespace") or namespace)
        if kind == "Group" and name.startswith(_OWN_ACCOUNTS):
            where = name.removeprefix(_OWN_ACCOUNTS)
        elif kind != "ServiceAccount":
            return f"grants rights to {kind} {name!r}, which is no ServiceAccount of a namespace"
        if where not in covered:
            return f"grants rights to {kind} {name!r} of namespace {where!r}, which is not covered"
    return ""


def _referred(ref: Any, namespace: str, wide: bool, live: Live) -> str:
    """A missing role grants nothing; `_role` checks its creation."""
    said = _mapping(ref)
    kind, name = str(said.get("kind", "")), str(said.get("name", ""))
    if not name:
        return ""
    if kind not in (ROLE.kind, CLUSTER_ROLE.kind):
        return f"refers to a {kind!r}, which is no role"
    role = live(KINDS[kind], name, namespace if kind == ROLE.kind else "")
    why = _role({"rules": (role or {}).get("rules")}, wide=wide)
    return f"binds {kind} {name}, which {why}" if why else ""


def _by_operations(operations: Iterable[Any]) -> str:
    """A JSON patch is let through to the annotations alone."""
    for each in operations:
        for key in ("path", "from"):
            path = str(_mapping(each).get(key, "/metadata/annotations"))
            if not f"{path}/".startswith("/metadata/annotations/"):
                return f"is changed by a JSON patch of {path!r}, of which nobody knows the outcome"
    return ""


def _words(rule: Mapping[str, Any], key: str) -> set[str]:
    found = rule.get(key) or []
    return set(map(str, found)) if isinstance(found, list) else {"*"}


def _listed(words: Iterable[str]) -> str:
    return ", ".join(repr(word) if word in ("", "*") else word for word in sorted(words)) or "''"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
