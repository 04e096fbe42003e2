"""RBAC: whether an identity may do something, and the 403 if not.

Source: plugin/pkg/auth/authorizer/rbac, k8s.io/apiserver handlers/responsewriters/errors.go. The
sandbox's own parts (system:masters, system:nodes, system:kube-proxy) are not checked: the sandbox
trusts them. What a Role may grant is checked by `resilience.sandbox.apiserver.access.escalation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.validation.admission_request import View

_RBAC = "rbac.authorization.k8s.io"
_TRUSTED = frozenset({"system:masters", "system:nodes"})
_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """One access question. `path` is set for requests without a resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full(self) -> str:
        """ "pods", "pods/log"."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


class Authorizer:
    """Decides from the current Roles and bindings in the store."""

    def __init__(self, registry: View) -> None:
        self._registry = registry

    def require(self, user: Identity, asked: Attributes) -> None:
        """ApiError 403 unless allowed."""
        if not self.allowed(user, asked):
            raise refused(user, asked)

    def allowed(self, user: Identity, asked: Attributes) -> str:
        """Why the request is allowed; "" if it is not."""
        if not _TRUSTED.isdisjoint(user.groups) or user.user == "system:kube-proxy":
            return "RBAC: allowed by the sandbox"
        for reason, rules in self._bound(user, asked.namespace):
            if any(covers(rule, asked) for rule in rules):
                return reason
        return ""

    def rules(self, user: Identity, namespace: str) -> list[Obj]:
        """Every rule that applies to a user in a namespace."""
        if "system:masters" in user.groups:
            return [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
            ]
        return [rule for _, rules in self._bound(user, namespace) for rule in rules]

    def _bound(self, user: Identity, namespace: str) -> Iterator[tuple[str, Sequence[Obj]]]:
        listed = self._registry.list(self._registry.resource("clusterrolebindings", _RBAC))
        for binding in listed:
            who = _subject(binding, user, "")
            if who:
                yield self._rules_of(binding, who, "")
        if not namespace:
            return
        listed = self._registry.list(self._registry.resource("rolebindings", _RBAC), namespace)
        for binding in listed:
            who = _subject(binding, user, namespace)
            if who:
                yield self._rules_of(binding, who, namespace)

    def _rules_of(self, binding: Obj, who: str, namespace: str) -> tuple[str, Sequence[Obj]]:
        reference = binding.get("roleRef") or {}
        kind, name = reference.get("kind", ""), reference.get("name", "")
        plural = "clusterroles" if kind == "ClusterRole" else "roles"
        inside = "" if kind == "ClusterRole" else namespace
        role = self._registry.find(self._registry.resource(plural, _RBAC), inside, name)
        about = binding["metadata"]["name"] + (f"/{namespace}" if namespace else "")
        word = "RoleBinding" if namespace else "ClusterRoleBinding"
        reason = f'RBAC: allowed by {word} "{about}" of {kind} "{name}" to {who}'
        return reason, (role or {}).get("rules") or ()


def _subject(binding: Obj, user: Identity, namespace: str) -> str:
    """The subject of a binding that matches this user, as text; "" for none."""
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name", "")
        if kind == "User" and name == user.user:
            return f'User "{name}"'
        if kind == "Group" and name in user.groups:
            return f'Group "{name}"'
        inside = subject.get("namespace") or namespace
        if kind == "ServiceAccount" and user.user == f"{_ACCOUNT}{inside}:{name}":
            return f'ServiceAccount "{name}/{inside}"'
    return ""


def covers(rule: Obj, asked: Attributes) -> bool:
    """Whether one policy rule allows the request."""
    if not _in(asked.verb, rule.get("verbs")):
        return False
    if asked.path:
        return any(_path(asked.path, known) for known in rule.get("nonResourceURLs") or ())
    if not _in(asked.group, rule.get("apiGroups")):
        return False
    resources = rule.get("resources") or ()
    if not (
        "*" in resources
        or asked.full in resources
        or (asked.subresource and f"*/{asked.subresource}" in resources)
    ):
        return False
    names = rule.get("resourceNames") or ()
    return not names or asked.name in names


def _in(word: str, known: Any) -> bool:
    return "*" in (known or ()) or word in (known or ())


def _path(path: str, known: str) -> bool:
    return known in ("*", path) or (known.endswith("*") and path.startswith(known[:-1]))


def refused(user: Identity, asked: Attributes) -> ApiError:
    """The 403 in the real server's words."""
    if asked.path:
        return ApiError(
            403,
            "Forbidden",
            f'forbidden: User "{user.user}" cannot {asked.verb} path "{asked.path}"',
        )
    about = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    subject = f'{about} "{asked.name}" is forbidden' if asked.name else f"{about} is forbidden"
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    details = {"name": asked.name, "group": asked.group, "kind": asked.resource}
    return ApiError(
        403,
        "Forbidden",
        f'{subject}: User "{user.user}" cannot {asked.verb} resource "{asked.full}" in API group'
        f' "{asked.group}" {where}',
        details={key: value for key, value in details.items() if value},
    )


def impersonated(
    authorizer: Authorizer, user: Identity, wanted: str, groups: Sequence[str]
) -> Identity:
    """The identity that `--as` and `--as-group` select, for a user who may impersonate; ApiError
    403, 400."""
    if not wanted:
        if groups:
            raise refusals.bad_request("requested [{Group  }], without impersonating a user")
        return user
    asked = [Attributes(verb="impersonate", resource="users", name=wanted)]
    if wanted.startswith(_ACCOUNT) and wanted.count(":") == 3:
        _, _, namespace, name = wanted.split(":")
        asked = [
            Attributes(
                verb="impersonate", resource="serviceaccounts", namespace=namespace, name=name
            )
        ]
        groups = groups or ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    asked += [
        Attributes(verb="impersonate", resource="groups", name=group)
        for group in groups
        if not wanted.startswith(_ACCOUNT)
    ]
    for question in asked:
        authorizer.require(user, question)
    everyone = () if "system:authenticated" in groups else ("system:authenticated",)
    return Identity(wanted, (*groups, *everyone))
