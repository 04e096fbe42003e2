"""What the API server's answer to one eviction means for the drain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from resilience.cluster.errors import (
    ApiError,
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import Cluster, Object

TRY_AGAIN = 1.0
"""Seconds before a transient failure is retried."""

POLL = 5.0
"""Seconds after which a closed budget is tried although no watch event opened it: the fall-back for
a watch that lost something (kubectl's own rhythm)."""


class Answer(Enum):
    """What to do next with the Pod."""

    ACCEPTED = "accepted"
    GONE = "gone"
    CLOSED = "closed"  # the budget refused
    AGAIN = "again"  # a transient failure
    LEAVING = "leaving"  # its namespace is being deleted: the Pod leaves without an eviction
    NEVER = "never"  # a retry cannot help


@dataclass(frozen=True, slots=True)
class Reply:
    """`wait` seconds before the next try (`firm` if the server set them); `words` are the server's
    message.
    """

    answer: Answer
    wait: float = 0.0
    words: str = ""
    firm: bool = False


def evict(cluster: Cluster, pod: Object, grace: int | None) -> Reply:
    """Send one eviction. No UID precondition: a failing one would leak the budget for two
    minutes (pkg/registry/core/pod/storage/eviction.go debits before it checks).
    """
    meta = pod["metadata"]
    try:
        cluster.evict(meta["name"], meta["namespace"], grace=grace)
    except ClusterError as error:
        return reading(error)
    return Reply(Answer.ACCEPTED)


def reading(error: ClusterError) -> Reply:
    """The decision for an error."""
    match error:
        case NotFound():
            return Reply(Answer.GONE)
        case Throttled():
            firm = error.retry_after is not None
            return Reply(Answer.CLOSED, error.retry_after or POLL, _cause(error), firm)
        case Forbidden() if _has_cause(error, "NamespaceTerminating"):
            return Reply(Answer.LEAVING, words="its namespace is being deleted")
        case ServerTrouble() if "more than one PodDisruptionBudget" in error.message:
            return Reply(Answer.CLOSED, POLL, error.message)
        case Conflict() | ServerTrouble() | Unreachable():
            wait = getattr(error, "retry_after", None) or TRY_AGAIN
            return Reply(Answer.AGAIN, wait, str(error))
        case _:
            return Reply(Answer.NEVER, words=str(error))


def _has_cause(error: ApiError, reason: str) -> bool:
    return any(cause.get("reason") == reason for cause in error.causes)


def _cause(error: ApiError) -> str:
    texts = [str(cause["message"]) for cause in error.causes if cause.get("message")]
    return "; ".join(texts) or error.message
