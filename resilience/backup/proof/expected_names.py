"""What a recorded object must say once its namespace has another name. Pure.

Part of the proof: written apart from the restore's own mapping, so that a place which the mapping
forgets is a difference. Only fields that hold a namespace by definition are listed here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.cluster.interface import Object

_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_SERVICE = "webhooks/*/clientConfig/service/namespace"

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Namespace": ("metadata/name",),
    f"RoleBinding.{_RBAC}": ("subjects/*/namespace",),
    f"ClusterRoleBinding.{_RBAC}": ("subjects/*/namespace",),
    f"ValidatingWebhookConfiguration.{_ADMISSION}": (_SERVICE,),
    f"MutatingWebhookConfiguration.{_ADMISSION}": (_SERVICE,),
    f"ValidatingAdmissionPolicyBinding.{_ADMISSION}": ("spec/paramRef/namespace",),
    f"MutatingAdmissionPolicyBinding.{_ADMISSION}": ("spec/paramRef/namespace",),
    "APIService.apiregistration.k8s.io": ("spec/service/namespace",),
    "CustomResourceDefinition.apiextensions.k8s.io": (
        "spec/conversion/webhook/clientConfig/service/namespace",
        "spec/conversion/webhookClientConfig/service/namespace",
    ),
    "PersistentVolume": ("spec/claimRef/namespace",),
    "IngressClass.networking.k8s.io": ("spec/parameters/namespace",),
}
_ACCOUNTS = ("system:serviceaccounts", "system:serviceaccount")


def expected(recorded: Object, namespaces: Mapping[str, str]) -> Object:
    """A copy with every namespace as `namespaces` renames it."""
    mine = copy.deepcopy(recorded)
    if not namespaces:
        return mine
    for field in ("metadata/namespace", *_FIELDS.get(identity(recorded), ())):
        *path, last = field.split("/")
        for holder in _at(mine, path):
            if isinstance(holder, dict) and holder.get(last) in namespaces:
                holder[last] = namespaces[holder[last]]
    if identity(recorded) in (f"RoleBinding.{_RBAC}", f"ClusterRoleBinding.{_RBAC}"):
        for subject in mine.get("subjects") or ():
            subject["name"] = _renamed(str(subject.get("name", "")), namespaces)
    return mine


def _renamed(name: str, namespaces: Mapping[str, str]) -> str:
    """`system:serviceaccounts:NS` and `system:serviceaccount:NS:NAME`."""
    parts = name.split(":")
    if len(parts) > 2 and ":".join(parts[:2]) in _ACCOUNTS:
        parts[2] = namespaces.get(parts[2], parts[2])
    return ":".join(parts)


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] == "*":
        for each in value if isinstance(value, list) else ():
            yield from _at(each, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])
