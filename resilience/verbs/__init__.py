"""What a verb receives, and which verbs exist: the public interface for third-party verbs.

A verb imports from here and from nowhere else in the package; see docs/how-to/write-a-verb.md. The
names in `__all__` are a versioned interface: every change is listed in the CHANGELOG. A name is
imported on first use, so importing this room costs nothing. Any room above `cluster` may import it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resilience.cluster.errors import (
        ApiError,
        ClusterError,
        Conflict,
        Forbidden,
        Invalid,
        NotFound,
        Throttled,
        Unreachable,
    )
    from resilience.cluster.interface import (
        BUDGETS,
        CONFIGMAPS,
        DAEMONSETS,
        DEPLOYMENTS,
        ENDPOINTSLICES,
        EVENTS,
        JOBS,
        LEASES,
        NAMESPACES,
        NODES,
        PODS,
        REPLICASETS,
        SECRETS,
        SERVICES,
        STATEFULSETS,
        Cluster,
        Resource,
        View,
        WatchEvent,
    )
    from resilience.kube.objects import Object
    from resilience.kube.selectors import Selector
    from resilience.model.values import Availability, Duration, Rate, Reference, Share, Size
    from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
    from resilience.verbs.context import (
        ActionContext,
        ActionFailed,
        Blocked,
        CheckContext,
        Fate,
        FlowContext,
        NothingToDo,
        NotMet,
        NotTrusted,
        ProbeContext,
        Refused,
        RunningProbe,
        UndoContext,
    )

_PLACES = {
    "resilience.cluster.errors": (
        "ApiError ClusterError Conflict Forbidden Invalid NotFound Throttled Unreachable"
    ),
    "resilience.cluster.interface": (
        "BUDGETS CONFIGMAPS DAEMONSETS DEPLOYMENTS ENDPOINTSLICES EVENTS JOBS LEASES NAMESPACES"
        " NODES PODS REPLICASETS SECRETS SERVICES STATEFULSETS Cluster Resource View WatchEvent"
    ),
    "resilience.kube.objects": "Object",
    "resilience.kube.selectors": "Selector",
    "resilience.model.values": "Availability Duration Rate Reference Share Size",
    "resilience.model.verb": "Complaint Family Phase Residue Right Verb parameter",
    "resilience.verbs.context": (
        "ActionContext ActionFailed Blocked CheckContext Fate FlowContext NotMet NotTrusted"
        " NothingToDo ProbeContext Refused RunningProbe UndoContext"
    ),
}
_HOMES = {name: module for module, names in _PLACES.items() for name in names.split()}

__all__ = [
    "BUDGETS",
    "CONFIGMAPS",
    "DAEMONSETS",
    "DEPLOYMENTS",
    "ENDPOINTSLICES",
    "EVENTS",
    "JOBS",
    "LEASES",
    "NAMESPACES",
    "NODES",
    "PODS",
    "REPLICASETS",
    "SECRETS",
    "SERVICES",
    "STATEFULSETS",
    "ActionContext",
    "ActionFailed",
    "ApiError",
    "Availability",
    "Blocked",
    "CheckContext",
    "Cluster",
    "ClusterError",
    "Complaint",
    "Conflict",
    "Duration",
    "Family",
    "Fate",
    "FlowContext",
    "Forbidden",
    "Invalid",
    "NotFound",
    "NotMet",
    "NotTrusted",
    "NothingToDo",
    "Object",
    "Phase",
    "ProbeContext",
    "Rate",
    "Reference",
    "Refused",
    "Residue",
    "Resource",
    "Right",
    "RunningProbe",
    "Selector",
    "Share",
    "Size",
    "Throttled",
    "UndoContext",
    "Unreachable",
    "Verb",
    "View",
    "WatchEvent",
    "parameter",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
