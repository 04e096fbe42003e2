"""Two namespaces side by side, as kubectl shows them: what a restore left out or changed.

Shares no code with the product. What may differ is on the closed list below, with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

MADE_BY_THE_CLUSTER = frozenset(
    {"pods", "events", "events.events.k8s.io", "endpoints", "endpointslices.discovery.k8s.io",
     "replicasets.apps", "controllerrevisions.apps", "leases.coordination.k8s.io",
     "pods.metrics.k8s.io"}
)  # fmt: skip
"""What controllers make anew; of ReplicaSets and Pods only those without an owner are compared."""
METADATA = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "namespace",
     "selfLink", "ownerReferences", "finalizers"}
)  # fmt: skip
ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration", "resilience", "pv.kubernetes.io/",
    "volume.kubernetes.io/", "volume.beta.kubernetes.io/", "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
)  # fmt: skip
FIELDS: dict[str, tuple[str, ...]] = {
    "Service": ("clusterIP", "clusterIPs", "healthCheckNodePort"),
    "PersistentVolumeClaim": ("volumeName",),
    "Pod": ("nodeName",),
    "Job": ("selector",),
}
"""Fields of `spec` that the cluster allots: two objects cannot have the same."""
TOKEN_VOLUME = re.compile(r"(kube-api-access)-[a-z0-9]{5}")
"""The volume that admission adds to each Pod under a name of its own."""
Kubectl = Callable[..., str]


def compare(kubectl: Kubectl, original: str, copy: str) -> tuple[int, list[str]]:
    """How many objects were compared, and every difference in one phrase each."""
    kinds = kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    compared, differences = 0, []
    for kind in sorted(set(kinds) - MADE_BY_THE_CLUSTER | {"pods", "replicasets.apps"}):
        left, right = (_listed(kubectl, kind, each) for each in (original, copy))
        differences += [f"{kind}/{name} was not restored" for name in left.keys() - right.keys()]
        differences += [f"{kind}/{name} is only in the copy" for name in right.keys() - left.keys()]
        for name in sorted(left.keys() & right.keys()):
            compared += 1
            differences += [f"{kind}/{name}: {path}" for path in
                            _different(left[name], right[name], original, copy)]  # fmt: skip
    return compared, sorted(differences)


def _listed(kubectl: Kubectl, kind: str, namespace: str) -> dict[str, Any]:
    items = json.loads(kubectl("get", kind, "-n", namespace, "-o", "json"))["items"]
    return {each["metadata"]["name"]: _plain(each) for each in items
            if not each["metadata"].get("ownerReferences") and not _made(each)}  # fmt: skip


def _made(obj: dict[str, Any]) -> bool:
    name, kind = obj["metadata"]["name"], obj["kind"]
    return (kind, name) in {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}


def _plain(obj: dict[str, Any]) -> dict[str, Any]:
    obj = {key: value for key, value in obj.items() if key != "status"}
    metadata = {key: value for key, value in obj["metadata"].items() if key not in METADATA}
    metadata["annotations"] = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not key.startswith(ANNOTATIONS)
    }
    metadata["labels"] = {
        key: value
        for key, value in (metadata.get("labels") or {}).items()
        if not key.startswith("velero.io/")  # which Velero puts on all that it restores
    }
    spec = dict(obj.get("spec") or {})
    for field in FIELDS.get(obj["kind"], ()):
        spec.pop(field, None)
    if obj["kind"] == "Service":
        spec["ports"] = [{key: value for key, value in port.items() if key != "nodePort"}
                         for port in spec.get("ports") or ()]  # fmt: skip
    if obj["kind"] == "Pod":
        spec = _with_common_token(spec)
    return {**obj, "metadata": metadata, "spec": spec}


def _with_common_token(value: Any) -> Any:
    """The same, with one name for the volume of the token."""
    if isinstance(value, dict):
        return {key: _with_common_token(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_common_token(each) for each in value]
    found = TOKEN_VOLUME.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else value


def _different(left: Any, right: Any, original: str, copy: str, path: str = "") -> list[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted(left.keys() | right.keys())
        inner = [(left.get(key), right.get(key), f"{path}.{key}") for key in keys]
        return [found for a, b, where in inner for found in _different(a, b, original, copy, where)]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [found for number, (a, b) in pairs for found in
                _different(a, b, original, copy, f"{path}[{number}]")]  # fmt: skip
    moved = left == original and right == copy  # a subject of a binding, say
    return [] if left == right or moved else [f"{path} was {left!r}, is {right!r}"]


def unready(obj: dict[str, Any]) -> str:
    """Why this workload or Pod is not as it should be; "" when it is."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    title = f"{obj['kind']} {obj['metadata']['name']}"
    if obj["kind"] == "Pod":
        ready = any(each["type"] == "Ready" and each["status"] == "True"
                    for each in status.get("conditions") or ())  # fmt: skip
        if ready or status.get("phase") == "Succeeded":
            return ""
        return f"{title} is {status.get('phase')} {_states(status)}"
    if obj["kind"] == "Job":
        done = any(each["type"] == "Complete" and each["status"] == "True"
                   for each in status.get("conditions") or ())  # fmt: skip
        return "" if done or spec.get("suspend") else f"{title} is not complete"
    if obj["kind"] == "DaemonSet":
        wanted, have = status.get("desiredNumberScheduled"), status.get("numberReady", 0)
    else:
        wanted, have = spec.get("replicas", 1), status.get("readyReplicas", 0)
    seen = status.get("observedGeneration") == obj["metadata"].get("generation")
    return "" if seen and wanted == have else f"{title} has {have} of {wanted} ready"


def _states(status: dict[str, Any]) -> str:
    every = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    waits = [f"{each['name']}: {json.dumps(each['state'])}" for each in every if not each["ready"]]
    unscheduled = [each.get("message", "") for each in status.get("conditions") or ()
                   if each["type"] == "PodScheduled" and each["status"] != "True"]  # fmt: skip
    return ", ".join([*waits[:2], *unscheduled])[:400]
