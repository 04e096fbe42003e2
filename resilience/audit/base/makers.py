"""Pods that manifests do not show, because workloads in them create or label them. Pure.

An operator's manifests have the Services and policies of Pods that its controller starts later, or
that choose the controller's own Pod by a label which it gives itself. The permissions tell: a
ServiceAccount that may create Pods or workloads, or change Pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from resilience.audit.base.workloads import listed, mapping, texts
from resilience.kube import objects
from resilience.kube.objects import Object

GROUP = "rbac.authorization.k8s.io"

FIELDS = ("rules", "subjects", "roleRef")
"""What has to be kept of roles and their bindings."""

_MAKING = {
    "": {"pods", "replicationcontrollers"},
    "apps": {"deployments", "statefulsets", "daemonsets", "replicasets"},
    "batch": {"jobs", "cronjobs"},
}


def makers(found: Iterable[Object]) -> frozenset[str]:
    """The namespaces of ServiceAccounts that these roles and bindings let make Pods."""
    given = [each for each in found if is_permission(str(each["apiVersion"]))]
    roles = {
        (each["kind"], objects.namespace(each), objects.name(each)): each
        for each in given
        if str(each["kind"]).endswith("Role")
    }
    return frozenset(place for each in given for place in _bound(each, roles))


def is_permission(api_version: str) -> bool:
    """Whether it is a role or a binding."""
    return api_version.startswith(f"{GROUP}/")


def _bound(binding: Object, roles: Mapping[tuple[str, str, str], Object]) -> Iterator[str]:
    reference = mapping(binding, "roleRef")
    kind, space = str(reference.get("kind")), objects.namespace(binding)
    role = roles.get((kind, space if kind == "Role" else "", str(reference.get("name"))))
    if role is None or not any(_makes(each) for each in listed(role, "rules")):
        return
    for subject in listed(binding, "subjects"):
        if subject.get("kind") == "ServiceAccount":
            yield space or str(subject.get("namespace"))


def _makes(rule: Mapping[str, Any]) -> bool:
    groups, verbs = texts(rule.get("apiGroups")), set(texts(rule.get("verbs")))
    known = _MAKING if "*" in groups else {each: _MAKING.get(each, set()) for each in groups}
    named = set(texts(rule.get("resources")))
    made = {each for kinds in known.values() for each in kinds if each in named or "*" in named}
    return bool(made and verbs & {"create", "*"}) or (
        "pods" in made and bool(verbs & {"update", "patch"})
    )
