"""The fields of an object that the rules read; the others are dropped, and so is every secret
value.

Ten thousand Pods with all their fields are a hundred times what the rules need.
"""

from __future__ import annotations

from typing import Any

from resilience.audit.base.kinds import is_known
from resilience.audit.base.makers import FIELDS, is_permission
from resilience.audit.base.workloads import labels_in, listed, mapping
from resilience.kube import objects
from resilience.kube.objects import Object

META = ("name", "namespace", "labels", "annotations", "ownerReferences", "deletionTimestamp", "uid")


def trimmed(obj: Object) -> Object:
    """A new, small object."""
    kind = str(obj.get("kind"))
    kept: Object = {"apiVersion": str(obj.get("apiVersion")), "kind": kind, "metadata": _meta(obj)}
    if is_permission(kept["apiVersion"]):
        return {**kept, **{key: obj[key] for key in FIELDS if key in obj}}
    if not is_known(kept["apiVersion"], kind) or kind == "ConfigMap":
        return kept
    if kind == "Secret":
        return {**kept, "type": obj.get("type"), "data": _certificate(obj)}
    if objects.controller(kept) and kind == "Pod":
        return {**kept, "spec": _placement(obj), "status": _state(obj)}
    if objects.controller(kept) and kind in ("ReplicaSet", "Job"):
        return kept
    rest = {
        key: value
        for key, value in obj.items()
        if key not in kept and (key != "status" or kind in ("PodDisruptionBudget", "Job"))
    }
    return {**kept, **rest, **({"status": _state(obj)} if kind == "Pod" else {})}


def _meta(obj: Object) -> dict[str, Any]:
    """From here on names and labels are strings; a file may hold anything."""
    meta = mapping(obj, "metadata")
    kept = {key: meta[key] for key in META if meta.get(key)}
    for key in ("labels", "annotations"):
        kept[key] = labels_in(meta, key)
    kept["ownerReferences"] = list(listed(meta, "ownerReferences"))
    return {key: value for key, value in kept.items() if value}


def _certificate(obj: Object) -> dict[str, Any]:
    given = {
        **mapping(obj, "data"),
        **{key: _encoded(value) for key, value in mapping(obj, "stringData").items()},
    }
    return {key: given[key] for key in ("tls.crt",) if key in given}


def _encoded(value: Any) -> str:
    import base64

    return base64.b64encode(str(value).encode()).decode()


def _placement(pod: Object) -> dict[str, Any]:
    spec = mapping(pod, "spec")
    return {"nodeName": spec.get("nodeName"), "volumes": list(listed(spec, "volumes"))}


def _state(pod: Object) -> dict[str, Any]:
    status = mapping(pod, "status")
    containers = [
        {key: each.get(key) for key in ("name", "image", "state")}
        for each in listed(status, "containerStatuses")
    ]
    return {"phase": status.get("phase"), "containerStatuses": containers}
