"""What ServiceAccounts may do, as the roles of manifests say it. Pure.

An operator's manifests have the Services and policies of Pods that its controller starts later, or
that choose the controller's own Pod by a label which it gives itself: its ServiceAccount may create
Pods or workloads, or change Pods. A controller may watch objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from resilience.audit.base.workloads import Workload, listed, mapping, texts
from resilience.kube import objects
from resilience.kube.objects import Object

GROUP = "rbac.authorization.k8s.io"

Account = tuple[str, str]
"""Namespace and name of a ServiceAccount."""

Test = Callable[[Mapping[str, Any]], bool]
"""Whether a rule of a role allows something."""

FIELDS = ("rules", "subjects", "roleRef")
"""What has to be kept of roles and their bindings."""

_MAKING = {
    "": {"pods", "replicationcontrollers"},
    "apps": {"deployments", "statefulsets", "daemonsets", "replicasets"},
    "batch": {"jobs", "cronjobs"},
}


def makers(found: Iterable[Object]) -> frozenset[str]:
    """The namespaces of ServiceAccounts that these roles and bindings let make Pods."""
    return frozenset(place for place, _ in _allowed(found, _makes))


def controllers(found: Iterable[Object]) -> frozenset[Account]:
    """The ServiceAccounts that may watch objects: what a controller does all the time, and hardly
    any other program."""
    return frozenset(account for _, account in _allowed(found, _watches) if account[1] != "default")


def account_of(workload: Workload) -> Account:
    """The ServiceAccount of its Pods."""
    spec = workload.spec
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    return workload.namespace, str(name)


def is_permission(api_version: str) -> bool:
    """Whether it is a role or a binding."""
    return api_version.startswith(f"{GROUP}/")


def _allowed(found: Iterable[Object], allows: Test) -> Iterator[tuple[str, Account]]:
    """(namespace where it may do that, or its own if it may everywhere; ServiceAccount)."""
    given = [each for each in found if is_permission(str(each["apiVersion"]))]
    roles = {
        (each["kind"], objects.namespace(each), objects.name(each)): each
        for each in given
        if str(each["kind"]).endswith("Role")
    }
    for binding in given:
        if any(allows(rule) for rule in _granted(binding, roles)):
            space = objects.namespace(binding)
            for subject in listed(binding, "subjects"):
                if subject.get("kind") == "ServiceAccount":
                    own = str(subject.get("namespace") or space)
                    yield space or own, (own, str(subject.get("name")))


def _granted(
    binding: Object, roles: Mapping[tuple[str, str, str], Object]
) -> Iterable[Mapping[str, Any]]:
    reference = mapping(binding, "roleRef")
    kind, name = str(reference.get("kind")), str(reference.get("name"))
    if (kind, name) == ("ClusterRole", "cluster-admin"):  # each cluster has it, no manifest
        return [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    role = roles.get((kind, objects.namespace(binding) if kind == "Role" else "", name))
    return () if role is None else listed(role, "rules")


def _watches(rule: Mapping[str, Any]) -> bool:
    return bool({"watch", "*"} & set(texts(rule.get("verbs"))))


def _makes(rule: Mapping[str, Any]) -> bool:
    groups, verbs = texts(rule.get("apiGroups")), set(texts(rule.get("verbs")))
    known = _MAKING if "*" in groups else {each: _MAKING.get(each, set()) for each in groups}
    named = set(texts(rule.get("resources")))
    made = {each for kinds in known.values() for each in kinds if each in named or "*" in named}
    return bool(made and verbs & {"create", "*"}) or (
        "pods" in made and bool(verbs & {"update", "patch"})
    )
