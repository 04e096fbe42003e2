"""The part of an object that only people change; a difference in it reveals an edit by someone
else. Pure.

A run deletes what it created. If someone else edited it since, their work would be lost, so a
digest of these fields is recorded at creation and compared before the deletion. Controllers write
to objects all the time (replicas, node ports, status, annotations): kinds and fields that they
write are left out, and an object of any other kind has no digest. Of a Secret only keys and lengths
count, since the journal holds no Secret's data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from resilience.cluster.interface import Object, Resource

RESTARTED = "kubectl.kubernetes.io/restartedAt"
_TOKEN = "kubernetes.io/service-account-token"


def of(resource: Resource, obj: Object) -> str:
    """The digest; "" for a kind without one."""
    taken = _TAKEN.get((resource.group, resource.kind))
    if taken is None:
        return ""
    text = json.dumps(taken(obj), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _fields(*names: str) -> Callable[[Object], Any]:
    return lambda obj: {name: obj.get(name) for name in names}


def _secret(obj: Object) -> Any:
    data = obj.get("data")
    if obj.get("type") == _TOKEN or not data:  # filled by a controller
        return None
    return {key: len(str(value)) for key, value in data.items()}


def _workload(obj: Object) -> Any:
    spec = dict(obj.get("spec") or {})
    spec.pop("replicas", None)
    template = dict(spec.get("template") or {})
    metadata = dict(template.get("metadata") or {})
    metadata["annotations"] = _without(metadata.get("annotations"), RESTARTED)
    return {**spec, "template": {**template, "metadata": metadata}}


def _service(obj: Object) -> Any:
    spec = obj.get("spec") or {}
    ports = [_without(port, "nodePort") for port in spec.get("ports") or ()]
    return {"selector": spec.get("selector"), "ports": ports, "type": spec.get("type")}


def _cluster_role(obj: Object) -> Any:
    aggregated = bool(obj.get("aggregationRule"))  # a controller aggregates its rules
    return None if aggregated else obj.get("rules")


def _without(mapping: Mapping[str, Any] | None, key: str) -> dict[str, Any]:
    return {name: value for name, value in (mapping or {}).items() if name != key}


_TAKEN: Mapping[tuple[str, str], Callable[[Object], Any]] = {
    ("", "ConfigMap"): _fields("data", "binaryData"),
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("apps", "DaemonSet"): _workload,
    ("apps", "Deployment"): _workload,
    ("apps", "StatefulSet"): _workload,
    ("batch", "CronJob"): _fields("spec"),
    ("networking.k8s.io", "Ingress"): _fields("spec"),
    ("networking.k8s.io", "NetworkPolicy"): _fields("spec"),
    ("policy", "PodDisruptionBudget"): _fields("spec"),
    ("rbac.authorization.k8s.io", "ClusterRole"): _cluster_role,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _fields("roleRef", "subjects"),
    ("rbac.authorization.k8s.io", "Role"): _fields("rules"),
    ("rbac.authorization.k8s.io", "RoleBinding"): _fields("roleRef", "subjects"),
}
