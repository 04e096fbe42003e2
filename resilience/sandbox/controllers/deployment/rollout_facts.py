"""What the Deployment controller reads from Deployments and their ReplicaSets.

Annotations and their meaning are those of pkg/controller/deployment/util/deployment_util.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import annotations_of
from resilience.sandbox.kube.rounding import fenceposts
from resilience.sandbox.kube.times import parse_or_zero

REVISION: Final = "deployment.kubernetes.io/revision"
REVISION_HISTORY: Final = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS: Final = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS: Final = "deployment.kubernetes.io/max-replicas"
NO_LIMIT: Final = 2**31 - 1
"""MaxInt32 stands for "no deadline" and "keep every revision"."""


def replicas_of(obj: Obj) -> int:
    """`spec.replicas` of a Deployment or ReplicaSet, 1 by default."""
    replicas: int = obj["spec"].get("replicas", 1)
    return replicas


def reported(rs: Obj, field: str) -> int:
    """A counter of the status; 0 when absent."""
    value: int = (rs.get("status") or {}).get(field) or 0
    return value


def is_rolling(deployment: Obj) -> bool:
    """Whether the strategy is RollingUpdate, which is the default."""
    strategy = deployment["spec"].get("strategy") or {}
    return bool(strategy.get("type", "RollingUpdate") == "RollingUpdate")


def limits(deployment: Obj) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in Pods; both 0 for Recreate."""
    replicas = replicas_of(deployment)
    if not is_rolling(deployment):
        return 0, 0
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge, unavailable = fenceposts(
        rolling.get("maxSurge", "25%"), rolling.get("maxUnavailable", "25%"), replicas
    )
    return surge, min(unavailable, replicas)


def progress_deadline(deployment: Obj) -> int | None:
    """`progressDeadlineSeconds`, None when there is no deadline."""
    deadline = deployment["spec"].get("progressDeadlineSeconds", 600)
    return None if deadline is None or deadline == NO_LIMIT else int(deadline)


def revision_of(obj: Obj) -> int:
    """The revision annotation; 0 when absent or not a number."""
    text = annotations_of(obj).get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def total_replicas(sets: Iterable[Obj]) -> int:
    """Sum of `spec.replicas`."""
    return sum(replicas_of(rs) for rs in sets)


def oldest_first(sets: Iterable[Obj]) -> list[Obj]:
    """Sorted by creation time, then name."""
    return sorted(sets, key=lambda rs: (created(rs), rs["metadata"]["name"]))


def active(sets: Iterable[Obj]) -> list[Obj]:
    """The ReplicaSets that want at least one Pod."""
    return [rs for rs in sets if replicas_of(rs) > 0]


def created(obj: Obj) -> float:
    """Creation time in epoch seconds."""
    return parse_or_zero(obj["metadata"].get("creationTimestamp"))


Sizes = dict[str, int]
"""New `spec.replicas` by ReplicaSet name, in the order in which to write them."""
