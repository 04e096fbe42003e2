"""Permissions as RBAC objects, ready for `kubectl apply -f -`: the smallest sufficient set.

Permissions in a namespace become a Role there, all others one ClusterRole; each is bound to one
subject. Rules are merged only if they differ in a single respect, to stay readable. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from resilience.cluster.interface import Object
from resilience.engine.guard.permissions import Need
from resilience.model.verb import Right

GROUP = "rbac.authorization.k8s.io"
NAME = "pytest-resilience"

_NO_PODS = {"pod-security.kubernetes.io/enforce": "restricted"}
"""As deploy/namespaces.yaml has it: journals and locks are there, and nothing runs."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of the permissions. `namespace` for a ServiceAccount only."""

    kind: str
    name: str
    namespace: str = ""

    @classmethod
    def of(cls, username: str) -> Subject:
        """The subject, from the API server's name for this identity."""
        parts = username.split(":")
        if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4:
            return cls("ServiceAccount", parts[3], parts[2])
        return cls("User", username)

    @property
    def role(self) -> str:
        """The name of its roles: permissions printed for one subject never replace another's. If
        the subject's name cannot be an object's name, a digest is used."""
        parts = [part for part in (self.namespace, self.name) if part]
        plain = "-".join(parts)
        kind = "" if self.kind == "ServiceAccount" else f"{self.kind.lower()}-"
        slug = re.sub(r"[^a-z0-9.-]+", "-", plain.lower()).strip("-.")[:150]
        exact = slug == plain and not kind and "-" not in "".join(parts)
        digest = hashlib.sha256("\0".join((self.kind, *parts)).encode()).hexdigest()[:6]
        return f"{NAME}-{kind}{slug}" + ("" if exact else f"-{digest}")

    @property
    def body(self) -> Object:
        """The subject as a binding contains it."""
        if self.kind == "ServiceAccount":
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"kind": self.kind, "name": self.name, "apiGroup": GROUP}


def manifests(needs: Sequence[Need], subject: Subject, suffix: str = "") -> list[Object]:
    """Roles and bindings, cluster-wide ones first, then by namespace."""
    name = subject.role + suffix
    scopes = sorted({need.right.namespace for need in needs})
    made: list[Object] = []
    for scope in scopes:
        rights = [need.right for need in needs if need.right.namespace == scope]
        made += _pair(scope, rules(rights), subject, name)
    return made


def namespaces(
    needs: Sequence[Need], subject: Subject, journal: str, *, all_of_them: bool = False
) -> list[Object]:
    """The namespace `journal` if a role stands in it; all namespaces of the roles and of the
    ServiceAccount only with `all_of_them`. `kubectl apply` of a Namespace without labels
    removes those that it applied before, such as consent and the level of Pod security."""
    names = {subject.namespace, *(need.right.namespace for need in needs)} - {""}
    return [_namespace(each, journal) for each in sorted(names) if all_of_them or each == journal]


def _namespace(name: str, journal: str) -> Object:
    about: Object = {"name": name}
    if name == journal:
        about["labels"] = dict(_NO_PODS)
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": about}


def rules(rights: Iterable[Right]) -> list[Object]:
    """The rules of one scope, sorted: verbs of the same resource together, then resources of the
    same verbs."""
    verbs: dict[tuple[str, str, str], set[str]] = {}
    for right in rights:
        verbs.setdefault((right.group, right.name, right.resource), set()).add(right.verb)
    resources: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (group, name, resource), allowed in sorted(verbs.items()):
        resources.setdefault((group, name, _in_order(allowed)), []).append(resource)
    return [
        {"apiGroups": [group], "resources": names}
        | ({"resourceNames": [name]} if name else {})
        | {"verbs": list(allowed)}
        for (group, name, allowed), names in resources.items()
    ]


_ORDER = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def _in_order(verbs: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(verbs, key=lambda verb: _ORDER.index(verb) if verb in _ORDER else 99))


def _pair(namespace: str, rules: Sequence[Object], subject: Subject, name: str) -> list[Object]:
    prefix = "" if namespace else "Cluster"
    where: Mapping[str, str] = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, **where}
    role: Object = {"apiVersion": f"{GROUP}/v1", "kind": f"{prefix}Role", "metadata": metadata,
                    "rules": list(rules)}  # fmt: skip
    binding: Object = {
        "apiVersion": f"{GROUP}/v1",
        "kind": f"{prefix}RoleBinding",
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": GROUP, "kind": f"{prefix}Role", "name": name},
        "subjects": [subject.body],
    }
    return [role, binding]


def text(objects: Sequence[Object]) -> str:
    """YAML, one document per object."""
    import yaml

    return "---\n".join(
        yaml.safe_dump(each, sort_keys=False, default_flow_style=None) for each in objects
    )
