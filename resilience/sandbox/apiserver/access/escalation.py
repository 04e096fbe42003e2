"""Nobody grants what they do not hold: Roles and bindings by the rules of the real server.

A Role may contain what its writer holds in that place, a binding may give a role whose rules its
writer holds; else the writer needs `escalate` on the role, or `bind` on the role that is bound.
Sources: pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased/storage.go,
pkg/registry/rbac/{escalation_check,validation/policy_comparator,validation/rule}.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from resilience.sandbox.apiserver.access.authorization import Attributes, Authorizer, covers
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube.api import ApiError, Obj

_GROUP = "rbac.authorization.k8s.io"
_ROLES = frozenset({"roles", "clusterroles"})
_BINDINGS = frozenset({"rolebindings", "clusterrolebindings"})
_EVERYTHING: Sequence[Obj] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)


def check(request: Request) -> None:
    """ApiError 403 for a Role or binding that grants more than its writer holds."""
    group, plural = request.key
    if group != _GROUP or "system:masters" in request.call.user.groups or _is_same(request):
        return
    if plural in _ROLES:
        _check_role(request)
    elif plural in _BINDINGS:
        _check_binding(request)


def _is_same(request: Request) -> bool:
    """Only owners or finalizers changed: what the garbage collector may always do."""
    if request.old is None:
        return False
    granting = ("rules", "aggregationRule", "roleRef", "subjects")
    return all(request.obj.get(key) == request.old.get(key) for key in granting) and {
        key: value for key, value in request.obj["metadata"].items() if key not in _COLLECTED
    } == {key: value for key, value in request.old["metadata"].items() if key not in _COLLECTED}


_COLLECTED = frozenset(
    {"ownerReferences", "finalizers", "managedFields", "resourceVersion", "generation"}
)


def _check_role(request: Request) -> None:
    authorizer = Authorizer(request.view)
    escalate = Attributes(
        verb="escalate",
        group=_GROUP,
        resource=request.resource.plural,
        namespace=request.namespace,
        name="" if request.old is None else request.name,
    )
    if authorizer.allowed(request.call.user, escalate):
        return
    rules = list(request.obj.get("rules") or ())
    if (request.obj.get("aggregationRule") or {}).get("clusterRoleSelectors"):
        rules += _EVERYTHING
    _confirm(request, authorizer, rules)


def _check_binding(request: Request) -> None:
    authorizer = Authorizer(request.view)
    reference = request.obj.get("roleRef") or {}
    name, of_cluster = str(reference.get("name", "")), reference.get("kind") == "ClusterRole"
    plural, place = ("clusterroles", "") if of_cluster else ("roles", request.namespace)
    bind = Attributes(
        verb="bind", group=_GROUP, resource=plural, namespace=request.namespace, name=name
    )
    if authorizer.allowed(request.call.user, bind):
        return
    role = request.view.find(request.view.resource(plural, _GROUP), place, name)
    if role is None:
        about = f'{plural}.{_GROUP} "{name}" not found'
        details = {"name": name, "group": _GROUP, "kind": plural}
        raise ApiError(404, "NotFound", about, details=details)
    _confirm(request, authorizer, role.get("rules") or ())


def _confirm(request: Request, authorizer: Authorizer, wanted: Sequence[Obj]) -> None:
    user = request.call.user
    held = authorizer.rules(user, request.namespace)
    missing = [
        asked
        for rule in wanted
        for asked in _broken_down(rule)
        if not any(covers(each, asked) for each in held)
    ]
    if missing:
        raise _refused(request, user, missing)


def _broken_down(rule: Obj) -> Iterator[Attributes]:
    """Each single permission of a rule."""
    for verb in rule.get("verbs") or ():
        for path in rule.get("nonResourceURLs") or ():
            yield Attributes(verb=verb, path=path)
        names = rule.get("resourceNames") or [""]
        for group, full, name in product(
            rule.get("apiGroups") or (), rule.get("resources") or (), names
        ):
            resource, _, sub = full.partition("/")
            yield Attributes(verb=verb, group=group, resource=resource, subresource=sub, name=name)


def _compact(missing: Sequence[Attributes]) -> Iterator[str]:
    """As the real server prints rules: verbs of the same objects together, sorted."""
    verbs: dict[Attributes, list[str]] = {}
    for each in missing:
        known = verbs.setdefault(replace(each, verb=""), [])
        if each.verb not in known:
            known.append(each.verb)
    for each, those in verbs.items():
        parts = {"APIGroups": [each.group], "Resources": [each.full]}
        if each.path:
            parts = {"NonResourceURLs": [each.path]}
        elif each.name:
            parts["ResourceNames"] = [each.name]
        shown = {**parts, "Verbs": those}
        yield "{" + ", ".join(f"{key}:{_quoted(value)}" for key, value in shown.items()) + "}"


def _quoted(words: Sequence[str]) -> str:
    return "[" + " ".join(json.dumps(word) for word in words) + "]"


def _refused(request: Request, user: Identity, missing: Sequence[Attributes]) -> ApiError:
    plural = request.resource.plural
    lines = "\n".join(sorted(_compact(missing)))
    return ApiError(
        403,
        "Forbidden",
        f'{plural}.{_GROUP} "{request.name}" is forbidden: user "{user.user}"'
        f" (groups={_quoted(user.groups)}) is attempting to grant RBAC permissions not"
        f" currently held:\n{lines}",
        details={"name": request.name, "group": _GROUP, "kind": plural},
    )
