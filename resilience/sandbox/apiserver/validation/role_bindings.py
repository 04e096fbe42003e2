"""RoleBindings and ClusterRoleBindings: their role and their subjects.

Source: pkg/apis/rbac/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from resilience.sandbox.apiserver.validation import metadata_names
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

Obj = dict[str, Any]
_GROUP = "rbac.authorization.k8s.io"
_ROLES = {"RoleBinding": ("Role", "ClusterRole"), "ClusterRoleBinding": ("ClusterRole",)}
_SUBJECTS = ("ServiceAccount", "User", "Group")


def check(obj: Obj, old: Obj | None) -> list[Cause]:
    """Every cause in one binding; it has been defaulted. Its role may never change."""
    role = obj.get("roleRef") or {}
    kinds, group, kind = _ROLES[obj["kind"]], role.get("apiGroup", ""), role.get("kind", "")
    causes = []
    if group != _GROUP:
        causes.append(refusals.value_unsupported("roleRef.apiGroup", group, (_GROUP,)))
    if kind not in kinds:
        causes.append(refusals.value_unsupported("roleRef.kind", kind, kinds))
    for at, subject in enumerate(obj.get("subjects") or ()):
        causes += _subject(subject, f"subjects[{at}]", namespaced=obj["kind"] == "RoleBinding")
    if old is not None and role != (old.get("roleRef") or {}):
        causes.append(refusals.value_invalid("roleRef", role, "cannot change roleRef"))
    return causes


def _subject(subject: Obj, where: str, *, namespaced: bool) -> Iterator[Cause]:
    kind, name, group = (subject.get(field) or "" for field in ("kind", "name", "apiGroup"))
    if not name:
        yield refusals.value_required(f"{where}.name")
    if kind not in _SUBJECTS:
        yield refusals.value_unsupported(f"{where}.kind", kind, _SUBJECTS)
        return
    if kind == "ServiceAccount" and name:
        for why in metadata_names.rule_for("", "serviceaccounts")(name):
            yield refusals.value_invalid(f"{where}.name", name, why)
    wanted = "" if kind == "ServiceAccount" else _GROUP
    if group != wanted:
        yield refusals.value_unsupported(f"{where}.apiGroup", group, (wanted,))
    if kind == "ServiceAccount" and not namespaced and not subject.get("namespace"):
        yield refusals.value_required(f"{where}.namespace")
