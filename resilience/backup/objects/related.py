"""The objects that an object needs: the names it refers to. Pure.

Cluster-scoped ones are included; namespaced ones are looked up in the snapshot, and missing ones
are reported as dangling (Velero follows neither Secrets nor IngressClasses).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.mapping import OLD_CLASS, account_of
from resilience.cluster.interface import Object
from resilience.kube.objects import ROOT_CERTIFICATES
from resilience.model.words import one_line


class Need(NamedTuple):
    """A reference to an object by kind (`secrets`), namespace ("" for cluster-scoped) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return one_line(f"{self.kind} {where}{self.name}")


_TEMPLATES = frozenset(
    {
        "Deployment.apps",
        "StatefulSet.apps",
        "DaemonSet.apps",
        "ReplicaSet.apps",
        "Job.batch",
        "ReplicationController",
    }
)

_CLAIM_OF = {"storageClassName": "storageclasses.storage.k8s.io",
             "volumeAttributesClassName": "volumeattributesclasses.storage.k8s.io"}  # fmt: skip
_DEVICES = frozenset({"ResourceClaim.resource.k8s.io", "ResourceClaimTemplate.resource.k8s.io"})

_VOLUMES = {
    "secret": ("secrets", "secretName"),
    "configMap": ("configmaps", "name"),
    "persistentVolumeClaim": ("persistentvolumeclaims", "claimName"),
}


def needs(obj: Object) -> Iterator[Need]:
    """Everything that the object refers to and needs."""
    kind, namespace = identity(obj), obj["metadata"].get("namespace", "")
    spec = obj.get("spec") or {}
    if kind == "Pod":
        yield from _pod(spec, namespace)
    elif kind in _TEMPLATES:
        yield from _pod((spec.get("template") or {}).get("spec") or {}, namespace)
        for template in spec.get("volumeClaimTemplates") or ():
            yield from _classes(template)
    elif kind == "CronJob.batch":
        template = (spec.get("jobTemplate") or {}).get("spec") or {}
        yield from _pod((template.get("template") or {}).get("spec") or {}, namespace)
    elif kind == "PersistentVolumeClaim":
        yield from _named("persistentvolumes", "", spec.get("volumeName"))
        yield from _classes(obj)
    elif kind in _DEVICES:
        yield from _devices(spec.get("spec") or spec)
    elif kind == "Ingress.networking.k8s.io":
        yield from _named("ingressclasses.networking.k8s.io", "", spec.get("ingressClassName"))
    elif (
        kind == "RoleBinding.rbac.authorization.k8s.io" and obj["roleRef"]["kind"] == "ClusterRole"
    ):
        yield Need("clusterroles.rbac.authorization.k8s.io", "", obj["roleRef"]["name"])


def _classes(claim: Mapping[str, Any]) -> Iterator[Need]:
    """Of a claim, or of a template for claims."""
    spec = claim.get("spec") or {}
    for field, kind in _CLAIM_OF.items():
        yield from _named(kind, "", spec.get(field))
    old = ((claim.get("metadata") or {}).get("annotations") or {}).get(OLD_CLASS)
    yield from _named("storageclasses.storage.k8s.io", "", old)


def _devices(spec: Mapping[str, Any]) -> Iterator[Need]:
    for request in (spec.get("devices") or {}).get("requests") or ():
        exact = request.get("exactly") or request
        for each in (exact, *(request.get("firstAvailable") or ())):
            yield from _named("deviceclasses.resource.k8s.io", "", each.get("deviceClassName"))


def _pod(spec: Mapping[str, Any], namespace: str) -> Iterator[Need]:
    yield from _named("priorityclasses.scheduling.k8s.io", "", spec.get("priorityClassName"))
    yield from _named("runtimeclasses.node.k8s.io", "", spec.get("runtimeClassName"))
    yield from _named("serviceaccounts", namespace, spec.get("serviceAccountName"))
    for secret in spec.get("imagePullSecrets") or ():
        yield from _named("secrets", namespace, secret.get("name"))
    for volume in spec.get("volumes") or ():
        yield from _volume(volume, namespace)
        yield from _classes((volume.get("ephemeral") or {}).get("volumeClaimTemplate") or {})
        for source in (volume.get("projected") or {}).get("sources") or ():
            for key, kind in (("secret", "secrets"), ("configMap", "configmaps")):
                yield from _source(source.get(key), kind, namespace)
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        yield from _container(container, namespace)


def _volume(volume: Mapping[str, Any], namespace: str) -> Iterator[Need]:
    for key, (kind, field) in _VOLUMES.items():
        source = volume.get(key)
        if source and not source.get("optional"):
            yield from _named(kind, namespace, source.get(field))


def _container(container: Mapping[str, Any], namespace: str) -> Iterator[Need]:
    for each in container.get("envFrom") or ():
        yield from _source(each.get("secretRef"), "secrets", namespace)
        yield from _source(each.get("configMapRef"), "configmaps", namespace)
    for variable in container.get("env") or ():
        value = variable.get("valueFrom") or {}
        yield from _source(value.get("secretKeyRef"), "secrets", namespace)
        yield from _source(value.get("configMapKeyRef"), "configmaps", namespace)


def _source(source: Mapping[str, Any] | None, kind: str, namespace: str) -> Iterator[Need]:
    if source and not source.get("optional"):
        yield from _named(kind, namespace, source.get("name"))


def _named(kind: str, namespace: str, name: Any) -> Iterator[Need]:
    if name and not (kind == "configmaps" and name in ROOT_CERTIFICATES):
        yield Need(kind, namespace, name)


def bound_roles(binding: Object, namespaces: frozenset[str]) -> Iterator[Need]:
    """The ClusterRoleBinding and its role, if accounts of the namespaces are bound: by name,
    through the group of a namespace, or by user name."""
    for subject in binding.get("subjects") or ():
        account = account_of(subject)
        if account and account[1] in namespaces:
            yield Need(
                "clusterrolebindings.rbac.authorization.k8s.io", "", binding["metadata"]["name"]
            )
            yield Need("clusterroles.rbac.authorization.k8s.io", "", binding["roleRef"]["name"])
            return
