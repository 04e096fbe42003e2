"""Defines "ready" for a Pod and for a workload. Pure; the only definition in the package.

A Pod is ready by its Ready condition, which stays True while it terminates; whether it still serves
its owner is a separate question (`serves`).

The rules for workloads are those of `kubectl rollout status` (in kubectl's module
pkg/polymorphichelpers/rollout_status.go) made stricter: the controller has seen the newest spec,
every wanted Pod is updated, ready and available, no old Pod is left, and as many serve in the run's
own watch, because a status may still describe the time before a DELETE. As in kubectl, a Deployment
past its progress deadline is a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.kube import objects
from resilience.kube.objects import Object

NEVER_ROLLED = ("ReplicaSet", "ReplicationController")
"""Kinds that use a new template for the next Pod only, and whose status does not count these."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a workload lacks. With `final`, waiting cannot help."""

    text: str
    final: bool = False


def is_ready(obj: Object) -> bool:
    """Whether the Ready condition of a Pod or a node is True, terminating or not."""
    return objects.condition(obj, "Ready").get("status") == "True"


def serves(pod: Object) -> bool:
    """Ready and not terminating."""
    return is_ready(pod) and not objects.is_terminating(pod) and not objects.is_finished(pod)


def wanted(workload: Object) -> int | None:
    """How many Pods the workload wants at this moment; None for unknown kinds."""
    spec, status = workload.get("spec") or {}, _status(workload)
    match workload.get("kind"):
        case "DaemonSet":
            return int(status.get("desiredNumberScheduled", 0))
        case "Job":
            return _wanted_by_job(spec, status, ended=bool(_ending(workload) or _decided(workload)))
        case "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController":
            replicas = spec.get("replicas")
            return 1 if replicas is None else int(replicas)
    return None


def shortfall(workload: Object, pods: Sequence[Object] | None) -> Shortfall | None:
    """The missing condition; None when there is none. `pods` are all of the workload's Pods; None
    when nothing watches them, so that only its status counts.
    """
    if workload.get("kind") == "Job":
        return _of_job(workload)
    if objects.is_terminating(workload):
        return Shortfall("it is being deleted")
    seen, written = objects.generations(workload)
    if seen < written:
        return Shortfall(f"its controller has not seen the newest spec ({seen} of {written})")
    progress = objects.condition(workload, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        said = progress.get("message") or "ProgressDeadlineExceeded"
        return Shortfall(f"its rollout exceeded its progress deadline: {said}", final=True)
    return _missing_pods(workload, pods)


def _missing_pods(workload: Object, pods: Sequence[Object] | None) -> Shortfall | None:
    want = wanted(workload) or 0
    wrong = [
        f"{value} {word}" for word, value, expected in _counts(workload, want) if value != expected
    ]
    serving = want if pods is None else sum(serves(pod) for pod in pods)
    if serving < want:
        wrong.append(f"{serving} serving in this run's watch")
    if not wrong:
        return None
    return Shortfall(
        f"expected {want} of {want} Pods, observed " + ", ".join(wrong) + _held(workload)
    )


def refusal(workload: Object) -> str:
    """Why the API server refuses a workload's Pods, "" if it does not say so: condition
    ReplicaFailure of Deployments, ReplicaSets and ReplicationControllers."""
    condition = objects.condition(workload, "ReplicaFailure")
    if condition.get("status") != "True":
        return ""
    return str(condition.get("message") or condition.get("reason") or "ReplicaFailure")


def _held(workload: Object) -> str:
    """The problem that keeps a controller from continuing."""
    paused = workload.get("kind") == "Deployment" and (workload.get("spec") or {}).get("paused")
    return "; it is paused (`kubectl rollout resume`)" if paused else ""


def summary(workload: Object) -> str:
    """The summary when nothing is missing."""
    if workload.get("kind") == "Job":
        return "complete"
    text = f"{wanted(workload)} of {wanted(workload)} Pods ready"
    if old := outdated(workload):
        return f"{text}, {old} of them with an older template ({kept_by(workload)})"
    return text


def outdated(workload: Object) -> int:
    """Pods of an older template that the workload keeps on purpose: its controller replaces them
    only once they are deleted, or never while they are below the partition. `kubectl rollout
    status` does not watch the former kind at all, and calls the latter complete. 0 where its status
    does not say.
    """
    if not kept_by(workload) or workload.get("kind") in NEVER_ROLLED:
        return 0
    field = "updatedNumberScheduled" if workload.get("kind") == "DaemonSet" else "updatedReplicas"
    return max(0, (wanted(workload) or 0) - int(_status(workload).get(field) or 0))


def kept_by(workload: Object) -> str:
    """The setting that keeps Pods of an older template; "" without one."""
    kind = workload.get("kind")
    if kind in NEVER_ROLLED:
        return f"its kind (a {kind} replaces no Pod)"
    if kind in ("StatefulSet", "DaemonSet") and _strategy(workload).get("type") == "OnDelete":
        return "updateStrategy OnDelete"
    return "its partition" if kind == "StatefulSet" and _partition(workload, 0) else ""


def _counts(workload: Object, want: int) -> Iterator[tuple[str, int, int]]:
    """(word, observed, expected) of each number that the controller reports."""
    status, kind = _status(workload), workload.get("kind")
    if kind == "DaemonSet":
        fields = {"numberReady": "ready", "numberAvailable": "available"}
        if _strategy(workload).get("type") != "OnDelete":
            fields = {"updatedNumberScheduled": "updated"} | fields
    else:
        fields = {"replicas": "present", "readyReplicas": "ready", "availableReplicas": "available"}
        if kind in ("Deployment", "StatefulSet"):
            fields = {"replicas": "present", "updatedReplicas": "updated"} | fields
    for field, word in fields.items():
        value, expected = int(status.get(field) or 0), want
        if kind == "StatefulSet" and field == "updatedReplicas":
            expected = max(0, want - _partition(workload, want))
            value = min(value, expected)
        yield word, value, expected


def _partition(workload: Object, want: int) -> int:
    strategy = _strategy(workload)
    if strategy.get("type") == "OnDelete":
        return want
    return int((strategy.get("rollingUpdate") or {}).get("partition") or 0)


def _strategy(workload: Object) -> dict[str, Any]:
    return (workload.get("spec") or {}).get("updateStrategy") or {}


def _wanted_by_job(spec: dict[str, Any], status: dict[str, Any], *, ended: bool) -> int:
    if ended or spec.get("suspend"):
        return 0
    parallelism = spec.get("parallelism")
    at_once = 1 if parallelism is None else int(parallelism)
    completions = spec.get("completions")
    if completions is None:  # in a work queue, no new Pod is started once one has succeeded
        return 0 if status.get("succeeded") else at_once
    given_up = _count(str(status.get("failedIndexes") or ""))
    left = int(completions) - int(status.get("succeeded") or 0) - given_up
    return max(0, min(at_once, left))


def _count(indexes: str) -> int:
    """How many indexes `0,3-5` names."""
    parts = [part.partition("-") for part in indexes.split(",") if part]
    return sum(int(last or first) - int(first) + 1 for first, _, last in parts)


FAILED = ("Failed", "FailureTarget")
"""Conditions of a Job that has failed, or does so once its Pods have ended."""


def _first_true(job: Object, kinds: Iterable[str]) -> str:
    """The first of these conditions that holds; "" if none does."""
    return next(
        (kind for kind in kinds if objects.condition(job, kind).get("status") == "True"), ""
    )


def _decided(job: Object) -> str:
    """How the Job will end as soon as its Pods have; "" while that is open."""
    return _first_true(job, ("SuccessCriteriaMet", "FailureTarget"))


def why_failed(job: Object) -> str:
    """Why the Job has failed, or fails as soon as its Pods have ended; "" if it has not."""
    kind = _first_true(job, FAILED)
    found = objects.condition(job, kind) if kind else {}
    return str(found.get("message") or found.get("reason") or kind)


def _of_job(job: Object) -> Shortfall | None:
    match _ending(job):
        case "Complete":
            return None
        case "Failed":
            failed = objects.condition(job, "Failed")
            said = failed.get("message") or failed.get("reason")
            return Shortfall(f"it failed: {said}", final=True)
    count = int(_status(job).get("succeeded") or 0)
    held = "; it is suspended" if (job.get("spec") or {}).get("suspend") else ""
    return Shortfall(f"it is not complete ({count} Pod{'s' * (count != 1)} succeeded){held}")


def _ending(job: Object) -> str:
    """How the Job ended; "" while it runs."""
    return _first_true(job, ("Complete", "Failed"))


def has_failed(job: Object) -> bool:
    """Whether the Job ended without success."""
    return _ending(job) == "Failed"


def has_ended(job: Object) -> bool:
    """Whether the Job will start no more Pods."""
    return bool(_ending(job))


def _status(obj: Object) -> dict[str, Any]:
    return obj.get("status") or {}
