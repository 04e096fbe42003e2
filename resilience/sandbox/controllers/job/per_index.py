"""Indexed Jobs with per-index limits: backoffLimitPerIndex, FailIndex, successPolicy. Pure.

Source: pkg/controller/job/{indexed_job_utils,success_policy}.go. A Pod records how often its index
failed before it, so the last failed Pod of an index is kept (`kept`) until the next one exists,
also if it was deleted or evicted. Ignored failures count for the back-off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from resilience.sandbox.controllers.job.completion_indexes import index_of, parse
from resilience.sandbox.controllers.job.completion_plan import Verdict, back_off
from resilience.sandbox.controllers.job.ended_pods import Action, Outcome, judge, outcome
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import annotations_of, is_deleting, uid_of

FAILURES: Final = "batch.kubernetes.io/job-index-failure-count"
IGNORED: Final = "batch.kubernetes.io/job-index-ignored-failure-count"
TOO_MANY: Final = Verdict(
    "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"
)
SOME_FAILED: Final = Verdict("FailedIndexes", "Job has failed indexes")


@dataclass(slots=True)
class Indexes:
    """The state of a Job's indexes: failures so far, time of the last one, and which are given
    up."""

    failures: dict[int, int] = field(default_factory=dict)
    ignored: dict[int, int] = field(default_factory=dict)
    moments: dict[int, float] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)

    def waiting(self, now: float) -> dict[int, float]:
        """Seconds of back-off left, for the indexes that have any."""
        left = {
            index: moment + back_off(self.failures.get(index, 0) + self.ignored.get(index, 0)) - now
            for index, moment in self.moments.items()
        }
        return {index: seconds for index, seconds in left.items() if seconds > 0}

    def annotations(self, index: int) -> dict[str, str]:
        """Annotations of the next Pod of an index."""
        found = {FAILURES: str(self.failures.get(index, 0))}
        if self.ignored.get(index):
            found[IGNORED] = str(self.ignored[index])
        return found


def look(job: Obj, pods: Sequence[Obj], ended_at: Callable[[Obj], float]) -> Indexes | None:
    """The state of all indexes; None for a Job without per-index limits."""
    limit = job["spec"].get("backoffLimitPerIndex")
    if limit is None:
        return None
    found = Indexes(failed=parse((job.get("status") or {}).get("failedIndexes", "")))
    for pod in pods:
        index = index_of(pod)
        if index is None or outcome(job, pod) is not Outcome.FAILED:
            continue
        before, ignored = _carried(pod, FAILURES), _carried(pod, IGNORED)
        action = judge(job, pod).action
        if action is Action.IGNORE:
            ignored += 1
        elif before >= limit or action is Action.FAIL_INDEX:
            found.failed.add(index)
        failures = before if action is Action.IGNORE else before + 1
        found.failures[index] = max(failures, found.failures.get(index, 0))
        found.ignored[index] = max(ignored, found.ignored.get(index, 0))
        found.moments[index] = max(ended_at(pod), found.moments.get(index, 0.0))
    return found


def kept(job: Obj, pods: Sequence[Obj], known: Indexes, done: set[int]) -> set[str]:
    """uids of the failed Pods that carry their index's numbers, until a Pod follows them; none for
    a Job that is being deleted, and none that fails the whole Job."""
    if is_deleting(job):
        return set()
    running = {index_of(pod) for pod in pods if outcome(job, pod) is Outcome.RUNNING}
    last: dict[int, Obj] = {}
    for pod in pods:
        index = index_of(pod)
        if index is None or index in running | known.failed | done:
            continue
        if outcome(job, pod) is Outcome.FAILED and judge(job, pod).action is not Action.FAIL_JOB:
            last[index] = max((last.get(index, pod), pod), key=_failures)
    return {uid_of(pod) for pod in last.values()}


def _failures(pod: Obj) -> int:
    return _carried(pod, FAILURES) + _carried(pod, IGNORED)


def _carried(pod: Obj, name: str) -> int:
    text = annotations_of(pod).get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def failure(job: Obj, failed: set[int], done: set[int]) -> Verdict | None:
    """Why the Job has failed because of its indexes, if it has."""
    most = job["spec"].get("maxFailedIndexes")
    if most is not None and len(failed) > int(most):
        return TOO_MANY
    if failed and len(failed | done) >= int(job["spec"].get("completions", 1)):
        return SOME_FAILED
    return None


def success(job: Obj, done: set[int]) -> Verdict | None:
    """The first rule of the successPolicy that holds."""
    policy = job["spec"].get("successPolicy")
    if not policy or not done:
        return None
    for at, rule in enumerate(policy.get("rules") or ()):
        count = rule.get("succeededCount")
        asked = parse(rule["succeededIndexes"]) if rule.get("succeededIndexes") else None
        among = done if asked is None else done & asked
        if among == asked or (count is not None and len(among) >= int(count)):
            return Verdict("SuccessPolicy", f"Matched rules at index {at}")
    return None
