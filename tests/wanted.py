"""What people want of a cluster, to be compared before and after what must change nothing.

Versions and statuses cannot be compared: controllers and kubelets write them for a while after
everything is ready, and on a busy machine for longer than any test would wait.
"""

from __future__ import annotations

from resilience.cluster.interface import Object
from resilience.cluster.transport import HttpCluster

OTHERS = ("events", "leases", "nodes", "endpoints", "endpointslices")
"""Kinds that controllers and kubelets write all the time."""


def wanted(admin: HttpCluster, namespace: str = "") -> list[Object]:
    """Every object there, or everywhere, without what says how it is."""
    return [
        _wish(obj)
        for resource in admin.resources()
        if resource.plural not in OTHERS and (resource.namespaced or not namespace)
        for obj in admin.list(resource, namespace)
    ]


def _wish(obj: Object) -> Object:
    meta = {key: value for key, value in obj["metadata"].items()
            if key not in ("resourceVersion", "managedFields")}  # fmt: skip
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": meta}
