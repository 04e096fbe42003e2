"""A Job's arithmetic: how many Pods to run, when it has failed or is complete (rules 3.5).

Source: pkg/controller/job/{job_controller,backoff_utils}.go. Interim conditions (FailureTarget,
SuccessCriteriaMet) come first; the final ones when no Pod is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_true
from resilience.sandbox.kube.times import parse_or_zero

BACK_OFF: Final = 10.0
LONGEST_BACK_OFF: Final = 600.0
FINISHED: Final = ("Complete", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """Pods of a Job; `succeeded` and `failed` include what was counted before."""

    active: int
    terminating: int
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a Job has failed or succeeded: reason and message of its conditions."""

    reason: str
    message: str


COMPLETED: Final = Verdict("CompletionsReached", "Reached expected number of succeeded pods")
EXCEEDED: Final = Verdict("BackoffLimitExceeded", "Job has reached the specified backoff limit")
TOO_LONG: Final = Verdict("DeadlineExceeded", "Job was active longer than specified deadline")


def is_finished(job: Obj) -> bool:
    """Complete or Failed, finally."""
    return any(is_true(job, type) for type in FINISHED)


def is_indexed(job: Obj) -> bool:
    """Whether each Pod works on an index of its own."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def failure(job: Obj, counts: JobCounts, restarts: int, now: float) -> Verdict | None:
    """Why the Job has failed, if it has."""
    spec = job["spec"]
    limit: int = spec.get("backoffLimit", 6)
    on_failure = spec["template"]["spec"].get("restartPolicy") == "OnFailure"
    too_many_restarts = on_failure and restarts > 0 and restarts >= limit
    if counts.failed > limit or too_many_restarts:
        return EXCEEDED
    left = deadline_in(job, now)
    return TOO_LONG if left is not None and left <= 0 else None


def deadline_in(job: Obj, now: float) -> float | None:
    """Seconds until `activeDeadlineSeconds` is over, None without a running deadline."""
    deadline = job["spec"].get("activeDeadlineSeconds")
    started = (job.get("status") or {}).get("startTime")
    if deadline is None or started is None or job["spec"].get("suspend"):
        return None
    return parse_or_zero(started) + float(deadline) - now


def is_complete(job: Obj, counts: JobCounts) -> bool:
    """Whether enough Pods succeeded. Without `completions` one success is enough, as soon as no Pod
    is running any more."""
    completions = job["spec"].get("completions")
    if completions is None:
        return counts.succeeded > 0 and counts.active == 0
    return counts.succeeded >= int(completions)


def wanted(job: Obj, counts: JobCounts, *, replace_failed_only: bool) -> int:
    """Pods that should be active now."""
    spec = job["spec"]
    parallelism: int = spec.get("parallelism", 1)
    completions = spec.get("completions")
    if completions is None:
        number = counts.active if counts.succeeded > 0 else parallelism
    else:
        number = max(0, min(int(completions) - counts.succeeded, parallelism))
    if replace_failed_only:
        number = min(number, parallelism - counts.terminating)
    return max(0, number)


def back_off(failures: int) -> float:
    """Seconds to wait after the last of this many consecutive failures before a new Pod."""
    if failures <= 0:
        return 0.0
    return min(LONGEST_BACK_OFF, BACK_OFF * 2.0 ** min(failures - 1, 10))
