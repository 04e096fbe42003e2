"""Whether everything in a namespace is ready: its Pods first, with any owner or none, then the
wanted state of each workload. Pure functions: they take objects and return what is missing.

Every Pod that is not finished has to be Ready, also one with an owner of an unknown kind. A
terminating Pod does not count: its workload has to have another, and without a known workload it is
still missing. A running Job has to have its Pods; a failed one is a failure, unless a CronJob keeps
it as history. Helper Pods of this project are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from resilience.cluster.interface import (
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    REPLICASETS,
    REPLICATIONCONTROLLERS,
    STATEFULSETS,
    Object,
)
from resilience.kube import objects, readiness
from resilience.kube.readiness import Shortfall

WORKLOADS = (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, REPLICASETS, REPLICATIONCONTROLLERS, JOBS)
"""Kinds that say how many Pods they want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """One workload that is not complete, with its Pods."""

    workload: Object
    shortfall: Shortfall
    pods: tuple[Object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The state of a namespace. `complete` are workloads that have all their Pods, `serving`
    Pods of no known workload that serve, `unready` Pods that should be Ready, of no workload in
    `short`."""

    complete: tuple[Object, ...]
    short: tuple[Short, ...]
    serving: tuple[Object, ...]
    unready: tuple[Object, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.short and not self.unready

    @property
    def empty(self) -> bool:
        """Whether there is nothing that could be ready."""
        return not (self.complete or self.short or self.serving or self.unready)


def survey(workloads: Iterable[Object], pods: Iterable[Object]) -> Survey:
    """`workloads` are all objects of `WORKLOADS` in the namespace, `pods` all its Pods."""
    known = {objects.uid(each): each for each in workloads}
    living = [pod for pod in pods if not objects.is_finished(pod) and not objects.is_ours(pod)]
    of: dict[str, list[Object]] = {}
    loose: list[Object] = []
    for pod in living:
        top = top_of(pod, known)
        if top is None:
            loose.append(pod)
        else:
            of.setdefault(objects.uid(top), []).append(pod)
    complete, short, unready = [], [], []
    for workload in known.values():
        if top_of(workload, known) is not None:
            continue
        mine = of.get(objects.uid(workload), [])
        waited = [
            pod for pod in mine if not objects.is_terminating(pod) and not readiness.serves(pod)
        ]
        missing = _shortfall(workload, mine)
        if missing is not None:
            short.append(Short(workload=workload, shortfall=missing, pods=tuple(mine)))
        elif waited:
            unready += waited
        elif readiness.wanted(workload):
            complete.append(workload)
    unready += [pod for pod in loose if not readiness.serves(pod)]
    return Survey(
        complete=tuple(complete),
        short=tuple(short),
        serving=tuple(pod for pod in loose if readiness.serves(pod)),
        unready=tuple(objects.in_order(unready)),
    )


def top_of(obj: Object, known: Mapping[str, Object]) -> Object | None:
    """The known workload at the top of its chain of controllers; None without one."""
    found = known.get(objects.controller_uid(obj))
    if found is None:
        return None
    return top_of(found, known) or found


def _shortfall(workload: Object, pods: Sequence[Object]) -> Shortfall | None:
    if workload.get("kind") == "Job":
        return _of_job(workload, pods)
    if readiness.wanted(workload) == 0 and not objects.is_terminating(workload):
        return None
    return readiness.shortfall(workload, pods)


def _of_job(job: Object, pods: Sequence[Object]) -> Shortfall | None:
    if readiness.has_failed(job):
        kept = (objects.controller(job) or {}).get("kind") == "CronJob"
        return None if kept else readiness.shortfall(job, pods)
    want = readiness.wanted(job) or 0
    serving = sum(readiness.serves(pod) for pod in pods)
    if serving >= want:
        return None
    return Shortfall(f"expected {want} of {want} Pods, observed {serving} serving")
