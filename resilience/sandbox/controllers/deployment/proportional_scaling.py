"""Scales a Deployment that is paused or in the middle of a rollout: proportionally.

Pure. Source: `scale` in pkg/controller/deployment/sync.go and GetReplicaSetProportion in its util.
Each active ReplicaSet gets its share of the change; the remainder goes to the largest one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from resilience.sandbox.controllers.deployment.rollout_facts import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    Sizes,
    active,
    created,
    is_rolling,
    limits,
    replicas_of,
    reported,
    total_replicas,
)
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import annotations_of


def is_scaling(deployment: Obj, every: Sequence[Obj]) -> bool:
    """Whether `spec.replicas` differs from the size last recorded on the active ReplicaSets."""
    wanted = str(replicas_of(deployment))
    told = [annotations_of(rs).get(DESIRED_REPLICAS) for rs in active(every)]
    return any(text is not None and text != wanted for text in told)


def scaled_sizes(deployment: Obj, new: Obj | None, old: Sequence[Obj]) -> Sizes:
    """New sizes; unchanged ReplicaSets may be listed as well, for their annotations."""
    wanted = replicas_of(deployment)
    single = active_or_latest(new, old)
    if single is not None:
        name = single["metadata"]["name"]
        return {} if replicas_of(single) == wanted else {name: wanted}
    if new is not None and is_saturated(deployment, new):
        return {rs["metadata"]["name"]: 0 for rs in active(old)}
    if not is_rolling(deployment):
        return {}
    return proportional(deployment, active([*old, *([new] if new else [])]))


def active_or_latest(new: Obj | None, old: Sequence[Obj]) -> Obj | None:
    """The one ReplicaSet to scale when at most one is active; None when several are."""
    every = [*old, *([new] if new else [])]
    running = active(every)
    if len(running) > 1:
        return None
    if running:
        return running[0]
    return new if new is not None else max(old, key=created, default=None)


def is_saturated(deployment: Obj, rs: Obj) -> bool:
    """Whether the new ReplicaSet has all replicas, recorded so and available."""
    wanted = replicas_of(deployment)
    return (
        replicas_of(rs) == wanted
        and annotations_of(rs).get(DESIRED_REPLICAS) == str(wanted)
        and reported(rs, "availableReplicas") == wanted
    )


def proportional(deployment: Obj, running: Sequence[Obj]) -> Sizes:
    """Distribute the change over active ReplicaSets."""
    wanted = replicas_of(deployment)
    allowed = wanted + limits(deployment)[0] if wanted > 0 else 0
    to_add = allowed - total_replicas(running)
    # When growing, the newer of two equal ReplicaSets comes first and gets the remainder; when
    # shrinking, the older one.
    sign = -1 if to_add > 0 else 1
    ordered = sorted(running, key=lambda rs: (-replicas_of(rs), sign * created(rs)))
    sizes: Sizes = {}
    added = 0
    for rs in ordered:
        share = proportion(rs, deployment, to_add, added) if to_add else 0
        sizes[rs["metadata"]["name"]] = replicas_of(rs) + share
        added += share
    if ordered and to_add:
        first = ordered[0]["metadata"]["name"]
        sizes[first] = max(0, sizes[first] + to_add - added)
    return sizes


def proportion(rs: Obj, deployment: Obj, to_add: int, added: int) -> int:
    """One ReplicaSet's share, never beyond what is left to distribute."""
    if replicas_of(rs) == 0 or to_add in (0, added):
        return 0
    share, left = _fraction(rs, deployment), to_add - added
    return min(share, left) if to_add > 0 else max(share, left)


def _fraction(rs: Obj, deployment: Obj) -> int:
    wanted = replicas_of(deployment)
    if wanted == 0:
        return -replicas_of(rs)
    text = annotations_of(rs).get(MAX_REPLICAS, "")
    before = int(text) if text.isdigit() else reported(deployment, "replicas")
    if before == 0:
        return 0
    size = replicas_of(rs) * (wanted + limits(deployment)[0]) / before
    return math.floor(size + 0.5) - replicas_of(rs)
