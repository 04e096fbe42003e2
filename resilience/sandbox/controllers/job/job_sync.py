"""What one look at a Job's Pods found."""

from __future__ import annotations

from dataclasses import dataclass, field

from resilience.sandbox.controllers.job.completion_plan import (
    JobCounts,
    Verdict,
)
from resilience.sandbox.controllers.job.per_index import Indexes
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.times import parse_or_zero


@dataclass(slots=True)
class Sync:
    """The state of a Job: its Pods by outcome, and the new totals."""

    active: list[Obj] = field(default_factory=list)
    terminating: list[Obj] = field(default_factory=list)
    counted: list[Obj] = field(default_factory=list)
    kept: list[Obj] = field(default_factory=list)
    succeeded: int = 0
    failed: int = 0
    done: set[int] = field(default_factory=set)
    verdict: Verdict | None = None
    indexes: Indexes | None = None

    @property
    def counts(self) -> JobCounts:
        """The numbers by which a Job is judged."""
        return JobCounts(
            active=len(self.active),
            terminating=len(self.terminating),
            succeeded=self.succeeded,
            failed=self.failed,
        )


def has_ended(pod: Obj) -> bool:
    """Whether all its containers ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def ended_at(pod: Obj) -> float:
    """When the last container ended; else when deletion began, or 0."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ends = [
        parse_or_zero(((s.get("state") or {}).get("terminated") or {}).get("finishedAt"))
        for s in statuses
    ]
    return max(ends, default=0.0) or _deleted_at(pod)


def _deleted_at(pod: Obj) -> float:
    metadata = pod["metadata"]
    if not metadata.get("deletionTimestamp"):
        return 0.0
    grace = float(metadata.get("deletionGracePeriodSeconds") or 0)
    return parse_or_zero(metadata["deletionTimestamp"]) - grace
