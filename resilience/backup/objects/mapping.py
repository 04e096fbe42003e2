"""Maps objects to other namespaces and other storage classes. Pure.

Velero's namespace mapping rewrites the same places (pkg/restore, the role-bindings and PV actions)
and, like it, leaves DNS names in text and Ingress hosts unchanged: only a person can judge those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from resilience.backup.objects.kind_identity import identity, is_built_in
from resilience.cluster.interface import Object
from resilience.model.without_effect import RESTORED, without_effect

_NAME_LABEL = "kubernetes.io/metadata.name"
"""A label that the API server sets on each namespace, so selecting by it is a reference by name."""

_GROUP = "system:serviceaccounts:"
_USER = "system:serviceaccount:"
_BINDINGS = frozenset(
    {"RoleBinding.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io"}
)
_ROLES = frozenset({"Role.rbac.authorization.k8s.io", "ClusterRole.rbac.authorization.k8s.io"})
_FLOWS = "FlowSchema.flowcontrol.apiserver.k8s.io"
_WEBHOOKS = (("webhooks", "*", "clientConfig", "service"),)
_GATEWAY = "gateway.networking.k8s.io"
_ROUTES = (
    ("spec", "parentRefs", "*"),
    ("spec", "rules", "*", "backendRefs", "*"),
    ("spec", "rules", "*", "filters", "*", "requestMirror", "backendRef"),
    ("spec", "rules", "*", "backendRefs", "*", "filters", "*", "requestMirror", "backendRef"),
)
_CSI_SECRETS = ("controllerPublish", "nodeStage", "nodePublish", "controllerExpand", "nodeExpand")
_VOLUMES = (
    ("spec", "claimRef"),
    *(("spec", "csi", f"{each}SecretRef") for each in _CSI_SECRETS),
    *(
        ("spec", each, "secretRef")
        for each in ("rbd", "cephfs", "iscsi", "flexVolume", "scaleIO", "storageos")
    ),
)
_CA_FROM = frozenset({"cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret"})
"""Annotations of webhooks, definitions and API services: NAMESPACE/NAME, whose certificate
cert-manager writes into them."""

OF_RELEASE = "meta.helm.sh/release-namespace"
"""The namespace of the Helm release that an object belongs to. A cluster-scoped object stays with
the original's release."""

_CLASSES = ("StorageClass.storage.k8s.io", "VolumeSnapshotClass.snapshot.storage.k8s.io")
_SECRET = re.compile(r".*secret-namespace|secretNamespace|adminSecretNamespace|userSecretNamespace")

OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
"""The annotation that was the field `storageClassName`; it still goes before the field
(component-helpers, storage/volume/helpers.go)."""

_EPHEMERAL = tuple(
    (*pod, "volumes", "*", "ephemeral", "volumeClaimTemplate")
    for pod in (
        ("spec",),
        ("spec", "template", "spec"),
        ("spec", "jobTemplate", "spec", "template", "spec"),
        ("template", "spec"),
    )
)

_NAMESPACES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ValidatingWebhookConfiguration.admissionregistration.k8s.io": _WEBHOOKS,
    "MutatingWebhookConfiguration.admissionregistration.k8s.io": _WEBHOOKS,
    "APIService.apiregistration.k8s.io": (("spec", "service"),),
    "CustomResourceDefinition.apiextensions.k8s.io": (
        ("spec", "conversion", "webhook", "clientConfig", "service"),
        ("spec", "conversion", "webhookClientConfig", "service"),
    ),
    "PersistentVolume": _VOLUMES,
    "Endpoints": tuple(
        ("subsets", "*", each, "*", "targetRef") for each in ("addresses", "notReadyAddresses")
    ),
    "EndpointSlice.discovery.k8s.io": (("endpoints", "*", "targetRef"),),
    _FLOWS: (("spec", "rules", "*", "subjects", "*", "serviceAccount"),),
    "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io": (("spec", "paramRef"),),
    "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io": (("spec", "paramRef"),),
    "IngressClass.networking.k8s.io": (("spec", "parameters"),),
    **{f"{kind}Route.{_GATEWAY}": _ROUTES for kind in ("HTTP", "GRPC", "TLS", "TCP", "UDP")},
    f"ReferenceGrant.{_GATEWAY}": (("spec", "from", "*"),),
    f"Gateway.{_GATEWAY}": (("spec", "listeners", "*", "tls", "certificateRefs", "*"),),
    f"GatewayClass.{_GATEWAY}": (("spec", "parametersRef"),),
}
_MONITORS = {
    "ServiceMonitor.monitoring.coreos.com": (("spec", "namespaceSelector"),),
    "PodMonitor.monitoring.coreos.com": (("spec", "namespaceSelector"),),
    "Probe.monitoring.coreos.com": (("spec", "targets", "ingress", "namespaceSelector"),),
}
"""Selectors of the Prometheus operator, which list names of namespaces."""
"""Other places where an object names a namespace: the holders of a field `namespace`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Old name to new name; names that are not listed stay. `seen` collects the storage classes of
    the objects that were mapped."""

    namespaces: Mapping[str, str] = field(default_factory=dict)
    storage_classes: Mapping[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set, compare=False)

    def namespace(self, name: str) -> str:
        """The target of a namespace."""
        return self.namespaces.get(name, name)

    def apply(self, obj: Object) -> None:
        """Rewrite an object in place."""
        metadata = obj["metadata"]
        if metadata.get("namespace"):
            metadata["namespace"] = self.namespace(metadata["namespace"])
        if identity(obj) == "Namespace":
            metadata["name"] = self.namespace(metadata["name"])
        self._references(obj)
        self._classes(obj)

    def idle(self) -> list[str]:
        """A line for each storage class that no mapped object had."""
        unused = (each for each in sorted(self.storage_classes.items()) if each[0] not in self.seen)
        return [
            without_effect(
                "--map-storage-class", f"{old}={new}", self.seen, "storage classes", old, RESTORED
            )
            for old, new in unused
        ]

    def _references(self, obj: Object) -> None:
        kind = identity(obj)
        if kind in _BINDINGS:
            for subject in obj.get("subjects") or ():
                self._subject(subject)
        for path in _NAMESPACES.get(kind, ()):
            for holder in _holders(obj, path):
                self._namespace_of(holder)
        for path in _MONITORS.get(kind, ()):
            for holder in _holders(obj, (*path, "matchNames")):
                if isinstance(holder, list):
                    holder[:] = [self.namespace(str(each)) for each in holder]
        if kind == _FLOWS:
            self._flows(obj)
        self._texts(obj)
        if self.namespaces and is_built_in(obj):
            self._selected(obj)
        elif kind == f"Gateway.{_GATEWAY}":
            for path in (("spec", "listeners", "*", "allowedRoutes", "namespaces", "selector"),):
                for selector in _holders(obj, path):
                    self._by_name(selector)

    def _texts(self, obj: Object) -> None:
        """Fields whose whole text is a namespace, or begins with one."""
        annotations = obj["metadata"].get("annotations") or {}
        for name in _CA_FROM & annotations.keys():
            namespace, slash, rest = str(annotations[name]).partition("/")
            annotations[name] = self.namespace(namespace) + slash + rest
        kind = identity(obj)
        if OF_RELEASE in annotations and (obj["metadata"].get("namespace") or kind == "Namespace"):
            annotations[OF_RELEASE] = self.namespace(str(annotations[OF_RELEASE]))
        places: list[Any] = [obj.get("parameters")] if kind in _CLASSES else []
        if kind == "PersistentVolume":
            places += _holders(obj, ("spec", "azureFile"))
        for place in places:
            for key, value in place.items() if isinstance(place, dict) else ():
                if _SECRET.fullmatch(key) and isinstance(value, str):
                    place[key] = self.namespace(value)
        if kind in _ROLES:
            for rule in obj.get("rules") or ():
                if isinstance(rule, dict):
                    self._named_in(rule)

    def _named_in(self, rule: dict[str, Any]) -> None:
        """The names of namespaces, or of accounts that may be impersonated."""
        about = {str(each).partition("/")[0] for each in rule.get("resources") or ()}
        names = [str(each) for each in rule.get("resourceNames") or ()]
        if names and about == {"namespaces"}:
            rule["resourceNames"] = [self.namespace(each) for each in names]
        elif names and about and about <= {"users", "groups"}:
            rule["resourceNames"] = [self._account(each) for each in names]

    def _account(self, name: str) -> str:
        """The user name of an account, or the group of a namespace's accounts."""
        for prefix in (_GROUP, _USER):
            if name.startswith(prefix):
                namespace, colon, rest = name.removeprefix(prefix).partition(":")
                return prefix + self.namespace(namespace) + colon + rest
        return name

    def _flows(self, obj: Object) -> None:
        """Whose requests a FlowSchema is about, and for which namespaces."""
        for path in (("spec", "rules", "*", "subjects", "*", "user"),
                     ("spec", "rules", "*", "subjects", "*", "group")):  # fmt: skip
            for holder in _holders(obj, path):
                holder["name"] = self._account(str(holder.get("name", "")))
        for rule in _holders(obj, ("spec", "rules", "*", "resourceRules", "*")):
            if isinstance(rule, dict) and rule.get("namespaces"):
                rule["namespaces"] = [self.namespace(str(each)) for each in rule["namespaces"]]

    def _selected(self, value: Any) -> None:
        """Namespaces that a policy, a webhook or a Pod's affinity selects by name."""
        if isinstance(value, list):
            for each in value:
                self._selected(each)
        elif isinstance(value, dict):
            for key, inner in value.items():
                if key == "namespaceSelector":
                    self._by_name(inner)
                elif key == "namespaces" and "topologyKey" in value and isinstance(inner, list):
                    value[key] = [self.namespace(str(each)) for each in inner]
                elif isinstance(inner, dict | list):
                    self._selected(inner)

    def _by_name(self, selector: Any) -> None:
        for labels in _holders(selector, ("matchLabels",)):
            if isinstance(labels, dict) and _NAME_LABEL in labels:
                labels[_NAME_LABEL] = self.namespace(str(labels[_NAME_LABEL]))
        for each in _holders(selector, ("matchExpressions", "*")):
            if isinstance(each, dict) and each.get("key") == _NAME_LABEL and each.get("values"):
                each["values"] = [self.namespace(str(name)) for name in each["values"]]

    def _subject(self, subject: dict[str, Any]) -> None:
        """Rename a subject: an account, all accounts of a namespace, or an account by its user
        name."""
        self._namespace_of(subject)
        parsed = account_of(subject)
        if parsed and parsed[0]:
            subject["name"] = self._account(str(subject["name"]))

    def _namespace_of(self, holder: Any) -> None:
        if holder and holder.get("namespace"):
            holder["namespace"] = self.namespace(holder["namespace"])

    def _classes(self, obj: Object) -> None:
        for claim in _claims(obj):
            about = (claim.get("metadata") or {}).get("annotations") or {}
            for holder, key in ((claim.get("spec") or {}, "storageClassName"), (about, OLD_CLASS)):
                name = str(holder.get(key, ""))
                self.seen.update({name} - {""})
                if name in self.storage_classes:
                    holder[key] = self.storage_classes[name]


def _claims(obj: Object) -> Iterator[Any]:
    """The claim or volume, or templates for claims: of a StatefulSet, and of ephemeral volumes."""
    spec, kind = obj.get("spec") or {}, identity(obj)
    if kind in ("PersistentVolumeClaim", "PersistentVolume"):
        yield obj
    if kind == "StatefulSet.apps":
        yield from spec.get("volumeClaimTemplates") or ()
    for path in _EPHEMERAL if is_built_in(obj) else ():
        yield from _holders(obj, path)


def account_of(subject: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(prefix, namespace, rest) of a Group `system:serviceaccounts:NS` or a User
    `system:serviceaccount:NS:NAME`; a ServiceAccount subject gives ("", namespace, "")."""
    kind, name = subject.get("kind"), str(subject.get("name", ""))
    if kind == "ServiceAccount":
        return ("", str(subject.get("namespace", "")), "")
    if kind == "Group" and name.startswith(_GROUP):
        return (_GROUP, name.removeprefix(_GROUP), "")
    if kind == "User" and name.startswith(_USER):
        namespace, colon, account = name.removeprefix(_USER).partition(":")
        return (_USER, namespace, colon + account)
    return None


def _holders(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """The values at the path; `*` is every item of a list."""
    if not path:
        yield value
    elif path[0] == "*":
        for each in value if isinstance(value, list) else ():
            yield from _holders(each, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _holders(value[path[0]], path[1:])
