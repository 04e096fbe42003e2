"""Whether someone deleted the run's namespace meanwhile: what failed since then was their doing and
says nothing about the service.

The moment is when the last of its Pods was seen leaving. What had failed before stays a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from resilience.cluster.errors import NotFound
from resilience.cluster.interface import NAMESPACES, Cluster, Object, WatchEvent
from resilience.engine.evidence.verdict import BEFORE, clock
from resilience.kube import objects
from resilience.model.finding import Reason
from resilience.model.verdict import Finding, Outcome, Result, StepRecord

_EXPLAINED = (Outcome.SERVICE_FAILED, Outcome.REFUSED, Outcome.NOT_MEASURED)


@dataclass(frozen=True, slots=True)
class Deletion:
    """`since` is in monotonic seconds."""

    namespace: str
    since: float

    def explains_step(self, record: StepRecord, outcome: Outcome) -> bool:
        """Whether the step failed only since then."""
        late = record.ended is not None and record.ended >= self.since
        return late and outcome in _EXPLAINED

    def judged(self, finding: Finding) -> Finding:
        """The same; not measured if it was missed only since then."""
        began = min((outage.since for outage in finding.outages), default=self.since)
        if finding.result is not Result.FAILED or began < self.since - BEFORE:
            return finding
        return replace(finding, result=Result.NOT_MEASURED, reason=Reason.DELETED)

    def text(self, started: float) -> str:
        """For the verdict."""
        return (
            f"namespace {self.namespace} was deleted by someone else at"
            f" {clock(self.since, started)}: what failed since then says nothing about the"
            " service; run again where nobody deletes it"
        )


def found(cluster: Cluster, namespace: str, pods: Sequence[WatchEvent]) -> Deletion | None:
    """`pods` are the events of the run's watches. Raises ClusterError where nothing is known."""
    events = [event for event in pods if objects.namespace(event.object) == namespace]
    since = _left(events)
    if since is None or not _is_deleted(cluster, namespace, events):
        return None
    return Deletion(namespace, since)


def _left(events: Sequence[WatchEvent]) -> float | None:
    """Since when none of the Pods lives; None while one does, or if there was none."""
    alive: set[str] = set()
    since: float | None = None
    for event in events:
        pod = event.object
        leaves = event.type == "DELETED" or objects.is_terminating(pod) or objects.is_finished(pod)
        (alive.discard if leaves else alive.add)(objects.uid(pod))
        if alive:
            since = None
        elif since is None:
            since = event.received
    return since


def _is_deleted(cluster: Cluster, namespace: str, events: Sequence[WatchEvent]) -> bool:
    """Whether it is gone, is going, or was made again since a Pod of it was."""
    try:
        there = cluster.get(NAMESPACES, namespace)
    except NotFound:
        return True
    made = min((_made(event.object) for event in events), default="")
    return objects.is_terminating(there) or made < _made(there)


def _made(obj: Object) -> str:
    return str(objects.metadata(obj).get("creationTimestamp") or "")
