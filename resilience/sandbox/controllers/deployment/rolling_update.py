"""The arithmetic of a rolling update: which ReplicaSets grow and shrink, and by how much.

Pure: Deployment and ReplicaSets in, new sizes out. Sources: pkg/controller/deployment/rolling.go
and util NewRSNewReplicas; rules 3.2. Sums go over `spec.replicas`, so Pods that are still
terminating never hold a rollout back.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.sandbox.controllers.deployment.rollout_facts import (
    Sizes,
    active,
    is_rolling,
    limits,
    oldest_first,
    replicas_of,
    reported,
    total_replicas,
)
from resilience.sandbox.kube.api import Obj


def new_set_size(deployment: Obj, every: Sequence[Obj], current: int) -> int:
    """Size for the new ReplicaSet, now of size `current` and counted in `every` if it exists."""
    wanted = replicas_of(deployment)
    if not is_rolling(deployment) or current > wanted:
        return wanted
    surge, _ = limits(deployment)
    room = wanted + surge - total_replicas(every)
    return current + max(0, min(room, wanted - current))


def old_set_sizes(deployment: Obj, new: Obj, old: Sequence[Obj]) -> Sizes:
    """Smaller sizes for old ReplicaSets: the unhealthy first, then what availability allows."""
    candidates = oldest_first(active(old))
    wanted, (_, unavailable) = replicas_of(deployment), limits(deployment)
    floor = wanted - unavailable
    missing_new = replicas_of(new) - reported(new, "availableReplicas")
    budget = total_replicas([*candidates, new]) - floor - missing_new
    if not candidates or budget <= 0:
        return {}
    sizes = _without_unhealthy(candidates, budget)
    available = sum(reported(rs, "availableReplicas") for rs in [*old, new])
    return _shrink(candidates, sizes, available - floor)


def recreate_old_sizes(old: Sequence[Obj]) -> Sizes:
    """Recreate: every old ReplicaSet to zero."""
    return {rs["metadata"]["name"]: 0 for rs in active(old)}


def _without_unhealthy(candidates: Sequence[Obj], budget: int) -> Sizes:
    sizes: Sizes = {}
    for rs in candidates:
        unhealthy = max(0, replicas_of(rs) - reported(rs, "availableReplicas"))
        cut = min(budget, unhealthy)
        if cut > 0:
            sizes[rs["metadata"]["name"]] = replicas_of(rs) - cut
            budget -= cut
    return sizes


def _shrink(candidates: Sequence[Obj], sizes: Sizes, spare: int) -> Sizes:
    for rs in candidates:
        name = rs["metadata"]["name"]
        size = sizes.get(name, replicas_of(rs))
        cut = min(size, spare)
        if cut > 0:
            sizes[name] = size - cut
            spare -= cut
    return sizes
