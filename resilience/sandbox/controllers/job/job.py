"""The Job controller (rules 3.5): runs Pods to completion and counts each exactly once.

A Pod holds the finalizer `batch.kubernetes.io/job-tracking` until it has been counted. Counting and
writing the status are one step here, so `uncountedTerminatedPods` is always empty. `per_index`
handles what an Indexed Job decides per index.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from resilience.sandbox.controllers.job import per_index
from resilience.sandbox.controllers.job.completion_indexes import (
    index_of,
    parse,
    render,
)
from resilience.sandbox.controllers.job.completion_plan import (
    COMPLETED,
    Verdict,
    back_off,
    deadline_in,
    failure,
    is_complete,
    is_finished,
    is_indexed,
    wanted,
)
from resilience.sandbox.controllers.job.ended_pods import (
    Action,
    Outcome,
    judge,
    outcome,
    replaces_failed_only,
    restarts,
)
from resilience.sandbox.controllers.job.job_pods import makers
from resilience.sandbox.controllers.job.job_sync import Sync, ended_at, has_ended
from resilience.sandbox.controllers.job.pod_tracking import FINALIZER, Tracking
from resilience.sandbox.controllers.podsets import pod_creation
from resilience.sandbox.controllers.podsets.adoption import claim
from resilience.sandbox.controllers.replicaset.deletion_order import rank_for_deletion
from resilience.sandbox.kube.api import Change, Obj
from resilience.sandbox.kube.object_edits import (
    condition,
    finalizers_of,
    is_deleting,
    is_true,
    key_of,
    set_condition,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.pod_facts import is_ready
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.kube.times import parse_or_zero, stamp
from resilience.sandbox.reconcile.controller_context import Context, Controller
from resilience.sandbox.reconcile.pod_index import changed_owners

ORPHAN: Final = "orphan "


class JobController(Controller):
    """See the module."""

    name = "job-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("jobs", "batch")
        self.pods = context.kind("pods")
        self.tracking = Tracking(self)
        self._failures: dict[str, tuple[int, float]] = {}

    def start(self) -> None:
        """Watch Jobs and Pods."""
        self.context.watch(self.kind, self._job_changed)
        self.context.watch(self.pods, self._pod_changed)

    def reconcile(self, key: Key) -> float | None:
        """One Job, or one Pod whose Job is gone."""
        if key[0].startswith(ORPHAN):
            self.tracking.untrack((key[0].removeprefix(ORPHAN), key[1]))
            return None
        job = self.api.find(self.kind, *key)
        if job is None or job["spec"].get("managedBy") not in (
            None,
            "kubernetes.io/job-controller",
        ):
            return None
        if is_finished(job):
            return self._after_the_end(job)
        sync = self._look(job)
        now = self.clock.now()
        status = dict(job.get("status") or {})
        conditions = self._suspension(job, status)
        verdict = self._verdict(job, sync)
        wait = None
        if verdict is not None:
            for pod in sync.kept:
                self._count(job, pod, Outcome.FAILED, sync)
            conditions = self._finish(job, sync, verdict, conditions)
        elif not is_deleting(job):
            wait = self._manage(job, sync)
        self._report(job, sync, status, conditions)
        self.tracking.release(sync.counted)
        left = deadline_in({**job, "status": status}, now)
        waits = [w for w in (wait, left) if w is not None and w > 0]
        return min(waits, default=None)

    def _job_changed(self, change: Change) -> None:
        self.enqueue_object(change)
        if change.type == "DELETED":
            self._failures.pop(uid_of(change.obj), None)
            for pod in self.api.list(self.pods, owner=uid_of(change.obj)):
                namespace, name = key_of(pod)
                self.enqueue((ORPHAN + namespace, name))

    def _pod_changed(self, change: Change) -> None:
        for key in changed_owners(change, self.kind, always=True):
            self.enqueue(key)
        pod = change.obj
        if FINALIZER in finalizers_of(pod) and not self.tracking.has_job(pod):
            namespace, name = key_of(pod)
            self.enqueue((ORPHAN + namespace, name))

    def _look(self, job: Obj) -> Sync:
        """Sort the Pods; those that ended and were not counted yet are added to the totals."""
        status = job.get("status") or {}
        sync = Sync(succeeded=status.get("succeeded", 0), failed=status.get("failed", 0))
        sync.done = parse(status.get("completedIndexes", ""))
        owned = claim(self, self.pods, job, self.kind, FINALIZER)
        if is_indexed(job):
            sync.indexes = per_index.look(job, list(owned), self._ended_or_now)
        kept = per_index.kept(job, list(owned), sync.indexes, sync.done) if sync.indexes else set()
        for pod in sorted(owned, key=ended_at):
            result = outcome(job, pod)
            if result is Outcome.RUNNING:
                sync.active.append(pod)
            elif result is Outcome.TERMINATING:
                sync.terminating.append(pod)
            elif FINALIZER in finalizers_of(pod):
                if uid_of(pod) not in kept:
                    self._count(job, pod, result, sync)
                else:
                    sync.kept.append(pod)
            if result is Outcome.FAILED and is_deleting(pod) and not has_ended(pod):
                sync.terminating.append(pod)
        return sync

    def _count(self, job: Obj, pod: Obj, result: Outcome, sync: Sync) -> None:
        sync.counted.append(pod)
        failures, _ = self._failures.get(uid_of(job), (0, 0.0))
        if result is Outcome.SUCCEEDED:
            self._failures[uid_of(job)] = (0, 0.0)
            index = index_of(pod)
            if is_indexed(job) and index is not None:
                sync.done.add(index)
                sync.succeeded = len(sync.done)
            else:
                sync.succeeded += 1
            return
        match = judge(job, pod)
        moment = self._ended_or_now(pod)
        # Ignored failures do not count against the limit, but the back-off includes every failure.
        self._failures[uid_of(job)] = (failures + 1, moment)
        if match.action is Action.IGNORE:
            return
        sync.failed += 1
        if match.action is Action.FAIL_JOB and sync.verdict is None:
            sync.verdict = Verdict("PodFailurePolicy", match.message)

    def _verdict(self, job: Obj, sync: Sync) -> tuple[str, Verdict] | None:
        """The interim condition's type and reason; an existing one is final."""
        for type in ("FailureTarget", "SuccessCriteriaMet"):
            found = condition(job, type)
            if found is not None and found["status"] == "True":
                return type, Verdict(found.get("reason", ""), found.get("message", ""))
        failed = sync.verdict or failure(job, sync.counts, restarts(sync.active), self.clock.now())
        if failed is None and sync.indexes is not None:
            failed = per_index.failure(job, sync.indexes.failed, sync.done)
        if failed is not None:
            return "FailureTarget", failed
        by_policy = per_index.success(job, sync.done) if is_indexed(job) else None
        if by_policy is not None:
            return "SuccessCriteriaMet", by_policy
        if is_complete(job, sync.counts):
            return "SuccessCriteriaMet", COMPLETED
        return None

    def _finish(
        self,
        job: Obj,
        sync: Sync,
        verdict: tuple[str, Verdict],
        conditions: list[Mapping[str, Any]],
    ) -> list[Mapping[str, Any]]:
        """Set the interim condition, end the Pods, and set the final condition when no Pod is
        left."""
        type, why = verdict
        now = self.clock.now()
        if condition({"conditions": conditions}, type) is None:
            conditions = set_condition(conditions, type, "True", why.reason, why.message, now)
        for pod in sync.active:
            pod_creation.delete_pod(self, job, pod)
        if sync.active or sync.terminating:
            return conditions
        final = "Failed" if type == "FailureTarget" else "Complete"
        if final == "Failed":
            self.event(job, why.reason, why.message, warning=True)
        else:
            self.event(job, "Completed", "Job completed")
        return set_condition(conditions, final, "True", why.reason, why.message, now)

    def _suspension(self, job: Obj, status: dict[str, Any]) -> list[Mapping[str, Any]]:
        """Condition Suspended and `startTime`, which a suspension resets."""
        conditions: list[Mapping[str, Any]] = list(status.get("conditions") or ())
        suspended, now = bool(job["spec"].get("suspend")), self.clock.now()
        was = is_true({"conditions": conditions}, "Suspended")
        if suspended:
            status.pop("startTime", None)
            if not was:
                self.event(job, "Suspended", "Job suspended")
                text = "Job suspended"
                return set_condition(conditions, "Suspended", "True", "JobSuspended", text, now)
            return conditions
        status.setdefault("startTime", stamp(now))
        if was:
            self.event(job, "Resumed", "Job resumed")
            text = "Job resumed"
            return set_condition(conditions, "Suspended", "False", "JobResumed", text, now)
        return conditions

    def _manage(self, job: Obj, sync: Sync) -> float | None:
        """Bring the number of active Pods to the wanted one; returns seconds of back-off left."""
        if job["spec"].get("suspend"):
            for pod in sync.active:
                pod_creation.delete_pod(self, job, pod)
            return None
        only = replaces_failed_only(job)
        number = wanted(job, sync.counts, replace_failed_only=only) - len(sync.active)
        if number < 0:
            ranked = rank_for_deletion(sync.active, {}, self.clock.now())
            pod_creation.delete_pods(self, job, ranked[:-number])
            return None
        now = self.clock.now()
        waiting = sync.indexes.waiting(now) if sync.indexes else {}
        if number and sync.indexes is None:
            failures, moment = self._failures.get(uid_of(job), (0, 0.0))
            left = moment + back_off(failures) - now
            if left > 0:
                return left
        if number:
            batch = pod_creation.create_pods(
                self, job, makers(job, self.kind, sync, number, set(waiting))
            )
            if batch.error is not None:
                raise batch.error
        return min(waiting.values(), default=None)

    def _ended_or_now(self, pod: Obj) -> float:
        return ended_at(pod) or self.clock.now()

    def _present(self, job: Obj) -> tuple[list[Obj], list[Obj]]:
        """Active and terminating Pods after this sync's own writes."""
        owned = self.api.list(self.pods, job["metadata"]["namespace"], owner=uid_of(job))
        alive = [pod for pod in owned if not has_ended(pod)]
        return (
            [pod for pod in alive if not is_deleting(pod)],
            [pod for pod in alive if is_deleting(pod)],
        )

    def _report(
        self, job: Obj, sync: Sync, status: dict[str, Any], conditions: list[Mapping[str, Any]]
    ) -> None:
        active, terminating = self._present(job)
        ended = is_true({"conditions": conditions}, "Complete")
        numbers = {
            "active": len(active),
            "succeeded": sync.succeeded,
            "failed": sync.failed,
        }
        for name, value in numbers.items():
            status.pop(name, None)
            if value:
                status[name] = value
        status["ready"] = sum(is_ready(pod) for pod in active)
        status["terminating"] = len(terminating)
        status["uncountedTerminatedPods"] = {}
        if sync.done:
            status["completedIndexes"] = render(sync.done)
        if sync.indexes is not None:
            status["failedIndexes"] = render(sync.indexes.failed)
        if conditions:
            status["conditions"] = conditions
        if ended:
            status.setdefault("completionTime", stamp(self.clock.now()))
        if status != job.get("status"):
            self.api.update(self.kind, with_status(job, status), "status")

    def _after_the_end(self, job: Obj) -> float | None:
        """Release remaining Pods, and the Job itself after `ttlSecondsAfterFinished`."""
        owned = self.api.list(self.pods, job["metadata"]["namespace"], owner=uid_of(job))
        self.tracking.release([pod for pod in owned if FINALIZER in finalizers_of(pod)])
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        if ttl is None or is_deleting(job):
            return None
        ended = [condition(job, type) for type in ("Complete", "Failed")]
        moment = max(parse_or_zero(c["lastTransitionTime"]) for c in ended if c is not None)
        left = moment + float(ttl) - self.clock.now()
        if left > 0:
            return left
        self.api.delete(self.kind, *key_of(job), uid=uid_of(job), propagation="Foreground")
        return None
