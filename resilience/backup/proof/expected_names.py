"""The expected fields of a recorded object whose namespace has another name. Pure.

Part of the proof: written separately from the restore's own mapping, so that a place which the
mapping forgets is a difference. Only fields that hold a namespace by definition are listed here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from resilience.backup.objects.kind_identity import identity, is_built_in
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
    **{
        f"{kind}.gateway.networking.k8s.io": (
            "spec/parentRefs/*/namespace",
            "spec/rules/*/backendRefs/*/namespace",
        )
        for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")
    },
    "ReferenceGrant.gateway.networking.k8s.io": ("spec/from/*/namespace",),
}
_ACCOUNTS = ("system:serviceaccounts", "system:serviceaccount")


def expected(recorded: Object, namespaces: Mapping[str, str]) -> Object:
    """A copy of the object in which every namespace is renamed by `namespaces`."""
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
    if is_built_in(recorded):
        mine = _reselected(mine, (), namespaces)
    return mine


def _reselected(value: Any, path: tuple[str, ...], namespaces: Mapping[str, str]) -> Any:
    """Renamed where the path says that the text is a namespace's name: below `namespaceSelector`
    the values of the name label, in an affinity term the list `namespaces`."""
    if isinstance(value, list):
        return [_reselected(each, path, namespaces) for each in value]
    if isinstance(value, str):
        label = path[-3:] == ("namespaceSelector", "matchLabels", "kubernetes.io/metadata.name")
        values = path[-3:] == ("namespaceSelector", "matchExpressions", "values by name")
        term = "podAffinity" in path or "podAntiAffinity" in path
        return (
            namespaces.get(value, value)
            if (label or values or (term and path[-1] == "namespaces"))
            else value
        )
    if not isinstance(value, dict):
        return value
    by_name = value.get("key") == "kubernetes.io/metadata.name"
    return {
        key: _reselected(
            inner, (*path, "values by name" if by_name and key == "values" else key), namespaces
        )
        for key, inner in value.items()
    }


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
