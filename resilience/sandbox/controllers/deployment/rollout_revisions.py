"""Revisions of a Deployment: which ReplicaSet is the new one, its annotations, which ones are
history.

Pure. Source: SetNewReplicaSetAnnotations, FindNewReplicaSet and cleanupDeployment of
pkg/controller/deployment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from resilience.sandbox.controllers.deployment.rollout_facts import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    NO_LIMIT,
    REVISION,
    REVISION_HISTORY,
    limits,
    oldest_first,
    replicas_of,
    reported,
    revision_of,
)
from resilience.sandbox.controllers.podsets.pod_templates import without_label
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import annotations_of, is_deleting

NOT_COPIED: Final = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        MAX_REPLICAS,
    }
)


def find_new(deployment: Obj, sets: Iterable[Obj]) -> Obj | None:
    """The oldest ReplicaSet whose template equals the Deployment's, hash label aside."""
    wanted = without_label(deployment["spec"]["template"])
    for rs in oldest_first(sets):
        if without_label(rs["spec"]["template"]) == wanted:
            return rs
    return None


def next_revision(old: Iterable[Obj]) -> int:
    """One more than the highest revision among old ReplicaSets."""
    return max((revision_of(rs) for rs in old), default=0) + 1


def size_annotations(deployment: Obj) -> dict[str, str]:
    """The wanted size recorded on each ReplicaSet, the base of proportional scaling."""
    wanted = replicas_of(deployment)
    return {DESIRED_REPLICAS: str(wanted), MAX_REPLICAS: str(wanted + limits(deployment)[0])}


def new_set_annotations(deployment: Obj, rs: Obj | None, revision: int) -> dict[str, str]:
    """Annotations for the new ReplicaSet, existing (`rs`) or about to be created.

    A ReplicaSet that becomes new again (a rollback) gets a new revision and remembers the old one.
    """
    have = annotations_of(rs) if rs is not None else {}
    copied = {k: v for k, v in annotations_of(deployment).items() if k not in NOT_COPIED}
    result = {**have, **copied}
    if rs is None:
        return {**result, REVISION: str(revision), **size_annotations(deployment)}
    old = revision_of(rs)
    if old < revision:
        result[REVISION] = str(revision)
        if old:
            history = have.get(REVISION_HISTORY)
            result[REVISION_HISTORY] = f"{history},{old}" if history else str(old)
    return result


def history_to_delete(deployment: Obj, old: Sequence[Obj]) -> list[Obj]:
    """Old ReplicaSets beyond `revisionHistoryLimit`, lowest revision first, only if empty."""
    limit: int = deployment["spec"].get("revisionHistoryLimit", 10)
    alive = [rs for rs in old if not is_deleting(rs)]
    surplus = len(alive) - limit
    if limit == NO_LIMIT or surplus <= 0:
        return []
    ordered = sorted(oldest_first(alive), key=revision_of)
    return [rs for rs in ordered[:surplus] if _is_empty(rs)]


def _is_empty(rs: Obj) -> bool:
    seen = reported(rs, "observedGeneration") >= rs["metadata"].get("generation", 1)
    return seen and replicas_of(rs) == 0 and reported(rs, "replicas") == 0
