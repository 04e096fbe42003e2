"""Small admission plugins for nodes, volumes and claims, each a few lines in the real server as
well.

Sources: plugin/pkg/admission/nodetaint, storage/storageobjectinuseprotection,
storage/storageclass/setdefault.
"""

from __future__ import annotations

from resilience.sandbox.apiserver.validation.admission_request import Request

_NOT_READY = "node.kubernetes.io/not-ready"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def new_node(request: Request) -> None:
    """A new Node gets a taint until the node lifecycle controller has seen it Ready."""
    spec = request.obj.setdefault("spec", {})
    if not isinstance(spec, dict):
        return
    taints = spec.get("taints") or []
    if isinstance(taints, list) and not any(
        isinstance(taint, dict) and taint.get("key") == _NOT_READY for taint in taints
    ):
        spec["taints"] = [*taints, {"key": _NOT_READY, "effect": "NoSchedule"}]


def protect(request: Request) -> None:
    """A finalizer keeps a claim or volume in use."""
    word = "pvc" if request.key == ("", "persistentvolumeclaims") else "pv"
    finalizer = f"kubernetes.io/{word}-protection"
    finalizers = request.obj["metadata"].setdefault("finalizers", [])
    if isinstance(finalizers, list) and finalizer not in finalizers:
        finalizers.append(finalizer)


def default_storage_class(request: Request) -> None:
    """A claim without a class gets the default one; the newest if there are several."""
    spec = request.obj.get("spec")
    if not isinstance(spec, dict) or spec.get("storageClassName") is not None:
        return
    classes = request.view.resource("storageclasses", "storage.k8s.io")
    defaults = [
        entry
        for entry in request.view.list(classes)
        if (entry["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
    ]
    if defaults:
        newest = max(
            defaults,
            key=lambda entry: (entry["metadata"]["creationTimestamp"], entry["metadata"]["name"]),
        )
        spec["storageClassName"] = newest["metadata"]["name"]
