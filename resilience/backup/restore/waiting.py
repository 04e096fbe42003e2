"""Waits until what a restore brought back is ready, and says what is not and why.

Only workloads and Pods of the restore count; others in the namespace are ignored. A Job
counts as long as it runs. What cannot be read is not ready, and is read again: the restore itself
has succeeded, and its report must not be lost because of this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from resilience.backup.format.backup_clock import Clock
from resilience.backup.restore.outcome import Outcome, RestoreReport
from resilience.cluster.errors import ClusterError, Forbidden, NotFound
from resilience.cluster.interface import PODS, Cluster, Object, Resource
from resilience.cluster.survey import WORKLOADS, survey, top_of
from resilience.kube import objects, pod_state, readiness
from resilience.model.progress import track

_PAUSE = 0.5
_THERE = frozenset(
    {Outcome.CREATED, Outcome.RESUMED, Outcome.UPDATED, Outcome.EQUAL, Outcome.SKIPPED}
)
_KINDS = {each.full_name: each.kind for each in (*WORKLOADS, PODS)}

Name = tuple[str, str, str]
"""Kind, namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """`wanted` workloads and Pods of the restore; `missing` has a line for each that is not ready;
    `final`: no waiting helps."""

    wanted: int
    missing: tuple[str, ...] = ()
    seconds: float = 0.0
    final: bool = False


def wait_ready(report: RestoreReport, cluster: Cluster, *, clock: Clock, within: float) -> Waited:
    """Returns once everything is ready, nothing that is missing can become ready any more, or the
    seconds of `within` are over."""
    wanted = frozenset(_wanted(report))
    began, most = clock.monotonic(), 0
    with track("wait until ready", total=len(wanted), unit="workload") as done:
        while True:
            found = _seen(wanted, cluster, clock.monotonic() - began)
            ready = max(found.wanted - len(found.missing), 0)
            done(max(ready - most, 0))
            most = max(most, ready)
            if not found.missing or found.final or found.seconds >= within:
                return found
            clock.wait(min(_PAUSE, within - found.seconds))


def _wanted(report: RestoreReport) -> Iterator[Name]:
    for item in report.items:
        if item.outcome in _THERE and item.kind in _KINDS:
            yield _KINDS[item.kind], item.namespace, item.name


def _seen(wanted: Collection[Name], cluster: Cluster, seconds: float) -> Waited:
    try:
        return _looked(wanted, cluster, seconds)
    except ClusterError as error:
        unread = tuple(f"{kind} {namespace}/{name}: whether it is ready cannot be read: {error}"
                       for kind, namespace, name in sorted(wanted))  # fmt: skip
        return Waited(wanted=len(wanted), missing=unread, seconds=seconds,
                      final=isinstance(error, Forbidden))  # fmt: skip


def _looked(wanted: Collection[Name], cluster: Cluster, seconds: float) -> Waited:
    missing: list[str] = []
    final = True
    for namespace in sorted({where for _, where, _ in wanted}):
        workloads = [obj for each in WORKLOADS for obj in _listed(cluster, each, namespace)]
        known = {objects.uid(each): each for each in workloads}
        pods = list(cluster.list(PODS, namespace))
        found = survey(workloads, pods)
        there = {_name(each, namespace) for each in (*workloads, *pods)}
        for short in found.short:
            if _name(short.workload, namespace) in wanted:
                title = f"{short.workload['kind']} {namespace}/{objects.name(short.workload)}"
                said = [f"{title}: {short.shortfall.text}", *_refused(short.workload)]
                missing.append("; ".join([*said, *_why(short.pods)]))
                final = final and short.shortfall.final
        for pod in found.unready:
            if _name(top_of(pod, known) or pod, namespace) in wanted:
                missing += _why([pod])
                final = False
        gone = {each for each in wanted if each[1] == namespace and each[0] != "Job"} - there
        missing += [f"{kind} {namespace}/{name}: it was deleted" for kind, _, name in sorted(gone)]
    return Waited(wanted=len(wanted), missing=tuple(missing), seconds=seconds,
                  final=final and bool(missing))  # fmt: skip


def _refused(workload: Object) -> list[str]:
    """The reason for which it has no Pods."""
    reason = readiness.refusal(workload)
    return [f"its Pods are refused: {reason}"] if reason else []


def _why(pods: Sequence[Object]) -> list[str]:
    """The state of each Pod that does not serve."""
    return [
        f"Pod {objects.title(pod)} is {pod_state.of(pod).text}"
        for pod in objects.in_order(pods)
        if not readiness.serves(pod)
    ]


def _name(obj: Object, namespace: str) -> Name:
    return str(obj["kind"]), namespace, objects.name(obj)


def _listed(cluster: Cluster, resource: Resource, namespace: str) -> Iterator[Object]:
    try:
        yield from cluster.list(resource, namespace)
    except NotFound:  # a cluster without that kind has nothing to wait for
        return
