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
    "PersistentVolume": (
        "spec/claimRef/namespace",
        "spec/csi/controllerPublishSecretRef/namespace",
        "spec/csi/nodeStageSecretRef/namespace",
        "spec/csi/nodePublishSecretRef/namespace",
        "spec/csi/controllerExpandSecretRef/namespace",
        "spec/csi/nodeExpandSecretRef/namespace",
        "spec/rbd/secretRef/namespace",
        "spec/cephfs/secretRef/namespace",
        "spec/iscsi/secretRef/namespace",
        "spec/flexVolume/secretRef/namespace",
        "spec/scaleIO/secretRef/namespace",
        "spec/storageos/secretRef/namespace",
        "spec/azureFile/secretNamespace",
    ),
    "Endpoints": (
        "subsets/*/addresses/*/targetRef/namespace",
        "subsets/*/notReadyAddresses/*/targetRef/namespace",
    ),
    "EndpointSlice.discovery.k8s.io": ("endpoints/*/targetRef/namespace",),
    "FlowSchema.flowcontrol.apiserver.k8s.io": (
        "spec/rules/*/subjects/*/serviceAccount/namespace",
    ),
    "GatewayClass.gateway.networking.k8s.io": ("spec/parametersRef/namespace",),
    "Gateway.gateway.networking.k8s.io": (
        "spec/listeners/*/tls/certificateRefs/*/namespace",
        "spec/listeners/*/allowedRoutes/namespaces/selector/matchLabels"
        "/kubernetes.io~1metadata.name",
    ),
    "IngressClass.networking.k8s.io": ("spec/parameters/namespace",),
    **{
        f"{kind}.gateway.networking.k8s.io": (
            "spec/parentRefs/*/namespace",
            "spec/rules/*/backendRefs/*/namespace",
            "spec/rules/*/filters/*/requestMirror/backendRef/namespace",
            "spec/rules/*/backendRefs/*/filters/*/requestMirror/backendRef/namespace",
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
        *path, last = (part.replace("~1", "/") for part in field.split("/"))
        for holder in _at(mine, path):
            if isinstance(holder, dict) and holder.get(last) in namespaces:
                holder[last] = namespaces[holder[last]]
    if identity(recorded) in (f"RoleBinding.{_RBAC}", f"ClusterRoleBinding.{_RBAC}"):
        for subject in mine.get("subjects") or ():
            subject["name"] = _renamed(str(subject.get("name", "")), namespaces)
    _worded(mine, namespaces)
    if is_built_in(recorded):
        mine = _reselected(mine, (), namespaces)
    return mine


def _worded(mine: Object, namespaces: Mapping[str, str]) -> None:
    """Texts with a namespace in them: where cert-manager takes a certificate from, the release that
    an object belongs to, the Secrets of a class of volumes, and a role's right to a namespace by
    its name."""
    notes = mine["metadata"].get("annotations") or {}
    for key in ("cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret"):
        if key in notes:
            first, *rest = str(notes[key]).split("/")
            notes[key] = "/".join([namespaces.get(first, first), *rest])
    kind, helm = identity(mine), "meta.helm.sh/release-namespace"
    if (kind == "Namespace" or mine["metadata"].get("namespace")) and notes.get(helm) in namespaces:
        notes[helm] = namespaces[notes[helm]]
    if kind.endswith(".monitoring.coreos.com"):
        for place in (["spec"], ["spec", "targets", "ingress"]):
            for selector in _at(mine, [*place, "namespaceSelector"]):
                names = selector.get("matchNames") if isinstance(selector, dict) else None
                if isinstance(names, list):
                    selector["matchNames"] = [namespaces.get(str(each), each) for each in names]
    if kind == "FlowSchema.flowcontrol.apiserver.k8s.io":
        _followed(mine, namespaces)
    if kind in ("StorageClass.storage.k8s.io", "VolumeSnapshotClass.snapshot.storage.k8s.io"):
        for key, value in (mine.get("parameters") or {}).items():
            if key.replace("-", "").lower().endswith("secretnamespace"):
                mine["parameters"][key] = namespaces.get(value, value)
    if kind in (f"Role.{_RBAC}", f"ClusterRole.{_RBAC}"):
        for rule in mine.get("rules") or ():
            named = {str(each).split("/")[0] for each in rule.get("resources") or ()}
            names = rule.get("resourceNames")
            if names and named == {"namespaces"}:
                rule["resourceNames"] = [namespaces.get(each, each) for each in names]
            if names and named in ({"users"}, {"groups"}, {"users", "groups"}):
                rule["resourceNames"] = [_renamed(each, namespaces) for each in names]


def _followed(mine: Object, namespaces: Mapping[str, str]) -> None:
    """A flow: whose requests, and those for which namespaces."""
    for subject in _at(mine, ["spec", "rules", "*", "subjects", "*"]):
        for part in ("user", "group"):
            if part in subject:
                subject[part]["name"] = _renamed(subject[part]["name"], namespaces)
    for rule in _at(mine, ["spec", "rules", "*", "resourceRules", "*"]):
        if "namespaces" in rule:
            rule["namespaces"] = [namespaces.get(each, each) for each in rule["namespaces"]]


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
