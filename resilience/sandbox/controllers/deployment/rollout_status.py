"""A Deployment's status: counters, Available, Progressing and ReplicaFailure.

Pure. Sources: calculateStatus (sync.go) and syncRolloutStatus (progress.go). The progress deadline
only reports: nothing is rolled back, and once NewReplicaSetAvailable has been set the timer no
longer runs for that rollout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.sandbox.controllers.deployment.rollout_facts import (
    limits,
    progress_deadline,
    replicas_of,
    reported,
    total_replicas,
)
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import Status, condition, drop_condition
from resilience.sandbox.kube.times import parse_or_zero, stamp

Conditions = list[Mapping[str, Any]]


def put(
    conditions: Conditions, type: str, status: Status, reason: str, message: str, now: float
) -> Conditions:
    """Set a condition unless it already has that status and reason (SetDeploymentCondition)."""
    old = next((c for c in conditions if c["type"] == type), None)
    if old is not None and (old["status"], old.get("reason")) == (status, reason):
        return conditions
    return _replace(conditions, type, status, reason, message, now)


def _replace(
    conditions: Conditions, type: str, status: Status, reason: str, message: str, now: float
) -> Conditions:
    old = next((c for c in conditions if c["type"] == type), None)
    same = old is not None and old["status"] == status
    entry = {
        "type": type,
        "status": status,
        "lastUpdateTime": stamp(now),
        "lastTransitionTime": old["lastTransitionTime"] if same and old else stamp(now),
        "reason": reason,
        "message": message,
    }
    return [*drop_condition(conditions, type), entry]


def counters(deployment: Obj, new: Obj | None, every: Sequence[Obj], now: float) -> dict[str, Any]:
    """The status from the ReplicaSets', with condition Available; zeros are absent as in Go."""
    available = _sum(every, "availableReplicas")
    numbers = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": _sum(every, "replicas"),
        "updatedReplicas": reported(new, "replicas") if new else 0,
        "readyReplicas": _sum(every, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total_replicas(every) - available),
    }
    status: dict[str, Any] = {k: v for k, v in numbers.items() if v}
    status["terminatingReplicas"] = _sum(every, "terminatingReplicas")
    old = deployment.get("status") or {}
    if old.get("collisionCount"):
        status["collisionCount"] = old["collisionCount"]
    enough = available >= replicas_of(deployment) - limits(deployment)[1]
    conditions = list(old.get("conditions") or ())
    if enough:
        text = "Deployment has minimum availability."
        found = put(conditions, "Available", "True", "MinimumReplicasAvailable", text, now)
    else:
        text = "Deployment does not have minimum availability."
        found = put(conditions, "Available", "False", "MinimumReplicasUnavailable", text, now)
    return {**status, "conditions": found}


def rollout_status(
    deployment: Obj, new: Obj | None, every: Sequence[Obj], now: float
) -> dict[str, Any]:
    """`counters` plus progress and failure."""
    status = counters(deployment, new, every, now)
    conditions: Conditions = status["conditions"]
    if progress_deadline(deployment) is None:
        conditions = drop_condition(conditions, "Progressing")
    elif not _has_settled(deployment, status):
        conditions = _progress(deployment, new, status, now)
    failure = replica_failure(new, every)
    if failure is None:
        conditions = drop_condition(conditions, "ReplicaFailure")
    else:
        reason, text = failure["reason"], failure.get("message", "")
        conditions = put(conditions, "ReplicaFailure", failure["status"], reason, text, now)
    return {**status, "conditions": conditions}


def is_complete(deployment: Obj, status: Mapping[str, Any]) -> bool:
    """All replicas updated, none old, all available, and the spec observed."""
    wanted = replicas_of(deployment)
    seen = [status.get(f) or 0 for f in ("updatedReplicas", "replicas", "availableReplicas")]
    generation = deployment["metadata"].get("generation", 1)
    return seen == [wanted] * 3 and (status.get("observedGeneration") or 0) >= generation


def deadline_in(deployment: Obj, status: Mapping[str, Any], now: float) -> float | None:
    """Seconds until the progress deadline has to be checked again, None if never."""
    deadline, progressing = progress_deadline(deployment), condition(status, "Progressing")
    if deadline is None or progressing is None or is_complete(deployment, status):
        return None
    if progressing["reason"] in ("ProgressDeadlineExceeded", "NewReplicaSetAvailable"):
        return None
    # One second more, because stamps are truncated to whole seconds.
    return max(0.0, parse_or_zero(progressing["lastUpdateTime"]) + deadline - now) + 1.0


def replica_failure(new: Obj | None, every: Sequence[Obj]) -> Mapping[str, Any] | None:
    """The first ReplicaFailure condition, the new ReplicaSet's before others'."""
    for rs in [*([new] if new else []), *every]:
        found = condition(rs, "ReplicaFailure")
        if found is not None:
            return found
    return None


def _has_settled(deployment: Obj, status: Mapping[str, Any]) -> bool:
    current = condition(deployment, "Progressing")
    same = (status.get("replicas") or 0) == (status.get("updatedReplicas") or 0)
    return same and current is not None and current["reason"] == "NewReplicaSetAvailable"


def _progress(
    deployment: Obj, new: Obj | None, status: Mapping[str, Any], now: float
) -> Conditions:
    conditions: Conditions = list(status["conditions"])
    who = _subject(deployment, new)
    if is_complete(deployment, status):
        text = f"{who} has successfully progressed."
        return put(conditions, "Progressing", "True", "NewReplicaSetAvailable", text, now)
    if _moved(deployment.get("status") or {}, status):
        # The reason may stay ReplicaSetUpdated; lastUpdateTime must still move, because the
        # deadline counts from it.
        text = f"{who} is progressing."
        return _replace(conditions, "Progressing", "True", "ReplicaSetUpdated", text, now)
    if _timed_out(deployment, status, now):
        text = f"{who} has timed out progressing."
        return put(conditions, "Progressing", "False", "ProgressDeadlineExceeded", text, now)
    return conditions


def _subject(deployment: Obj, new: Obj | None) -> str:
    if new is None:
        return f'Deployment "{deployment["metadata"]["name"]}"'
    return f'ReplicaSet "{new["metadata"]["name"]}"'


def _moved(old: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    def outdated(of: Mapping[str, Any]) -> int:
        return (of.get("replicas") or 0) - (of.get("updatedReplicas") or 0)

    grew = any(
        (status.get(field) or 0) > (old.get(field) or 0)
        for field in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    return grew or outdated(status) < outdated(old)


def _timed_out(deployment: Obj, status: Mapping[str, Any], now: float) -> bool:
    deadline, progressing = progress_deadline(deployment), condition(status, "Progressing")
    if deadline is None or progressing is None:
        return False
    if progressing["reason"] == "NewReplicaSetAvailable":
        return False
    return parse_or_zero(progressing["lastUpdateTime"]) + deadline < now


def _sum(sets: Sequence[Obj], field: str) -> int:
    return sum(reported(rs, field) for rs in sets)
