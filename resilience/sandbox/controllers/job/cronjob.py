"""The CronJob controller: starts Jobs on schedule (rules 3.5).

A suspended CronJob that is resumed starts its latest missed Job at once, as on a real cluster.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from resilience.sandbox.controllers.job.completion_plan import is_finished
from resilience.sandbox.controllers.job.cron_expression import ScheduleError, parse
from resilience.sandbox.controllers.job.cronjob_starts import MANY, Due, due, to_forget
from resilience.sandbox.controllers.podsets.pod_creation import is_namespace_terminating, is_told
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.object_edits import (
    controller_reference,
    is_deleting,
    is_true,
    key_of,
    uid_of,
    with_status,
)
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.kube.times import stamp
from resilience.sandbox.reconcile.controller_context import Context, Controller, unless_gone

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class CronJobController(Controller):
    """See the module."""

    name = "cronjob-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("cronjobs", "batch")
        self.jobs = context.kind("jobs", "batch")

    def start(self) -> None:
        """Watch CronJobs and their Jobs."""
        self.context.watch(self.kind, self.enqueue_object)
        self.context.watch(self.jobs, self.enqueue_owner(self.kind))

    def reconcile(self, key: Key) -> float | None:
        """One sync; seconds until the next start."""
        cronjob = self.api.find(self.kind, *key)
        if cronjob is None or is_deleting(cronjob):
            return None
        jobs = self.api.list(self.jobs, key[0], owner=uid_of(cronjob))
        for job in to_forget(cronjob, jobs):
            self._delete(cronjob, job, "Background")
        status = self._status(cronjob, jobs)
        try:
            schedule = parse(cronjob["spec"]["schedule"], cronjob["spec"].get("timeZone"))
        except ScheduleError as error:
            text = f'unparseable schedule: "{cronjob["spec"]["schedule"]}": {error}'
            self.event(cronjob, "UnparseableSchedule", text, warning=True)
            self._write(cronjob, status)
            return None
        if cronjob["spec"].get("suspend"):
            self._write(cronjob, status)
            return (
                None  # no start is scheduled: resuming it is a change, which wakes the controller
            )
        now = self.clock.now()
        found = due(cronjob, schedule, now)
        self._start(cronjob, jobs, found, status)
        self._write(cronjob, status)
        return None if found.following is None else found.following - now

    def _status(self, cronjob: Obj, jobs: Sequence[Obj]) -> dict[str, Any]:
        """Active references and the last success, from the existing Jobs."""
        status: dict[str, Any] = {
            k: v for k, v in (cronjob.get("status") or {}).items() if k != "active"
        }
        known = {r["uid"] for r in (cronjob.get("status") or {}).get("active") or ()}
        active = [job for job in jobs if not is_finished(job) and not is_deleting(job)]
        for job in jobs:
            if is_finished(job) and uid_of(job) in known:
                end = "Complete" if is_true(job, "Complete") else "Failed"
                text = f"Saw completed job: {job['metadata']['name']}, condition: {end}"
                self.event(cronjob, "SawCompletedJob", text)
            finished = (job.get("status") or {}).get("completionTime")
            if finished and finished > status.get("lastSuccessfulTime", ""):
                status["lastSuccessfulTime"] = finished
        if active:
            status["active"] = [_reference(job) for job in active]
        return status

    def _start(self, cronjob: Obj, jobs: Sequence[Obj], found: Due, status: dict[str, Any]) -> None:
        if found.missed > MANY:
            text = (
                f"too many missed start times: {found.missed}. Set or decrease"
                " .spec.startingDeadlineSeconds or check clock skew"
            )
            self.event(cronjob, "TooManyMissedTimes", text, warning=True)
        if found.at is None:
            return
        if found.too_late:
            text = f"Missed scheduled time to start a job: {stamp(found.at)}"
            self.event(cronjob, "MissSchedule", text, warning=True)
            return
        policy = cronjob["spec"].get("concurrencyPolicy", "Allow")
        if status.get("active") and policy == "Forbid":
            text = (
                "Not starting job because prior execution is running and concurrency policy is"
                " Forbid"
            )
            self.event(cronjob, "JobAlreadyActive", text)
            return
        if policy == "Replace":
            self._replace(cronjob, jobs, status)
        made = self._create(cronjob, found.at)
        if made is not None:
            status["active"] = [*(status.get("active") or ()), _reference(made)]
            status["lastScheduleTime"] = stamp(found.at)

    def _replace(self, cronjob: Obj, jobs: Sequence[Obj], status: dict[str, Any]) -> None:
        for job in jobs:
            if not is_finished(job) and not is_deleting(job):
                self._delete(cronjob, job, "Background")
        status.pop("active", None)

    def _create(self, cronjob: Obj, at: float) -> Obj | None:
        template = copy.deepcopy(cronjob["spec"]["jobTemplate"])
        given = template.get("metadata") or {}
        metadata: dict[str, Any] = {
            "name": f"{cronjob['metadata']['name']}-{int(at // 60)}",
            "namespace": key_of(cronjob)[0],
            "labels": given.get("labels") or {},
            "annotations": {**(given.get("annotations") or {}), SCHEDULED: stamp(at)},
            "ownerReferences": [controller_reference(cronjob, self.kind)],
        }
        body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}
        try:
            made = self.api.create(self.jobs, {**body, "spec": template["spec"]})
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return self.api.find(self.jobs, metadata["namespace"], metadata["name"])
            if is_told(error):
                text = f"Error creating job: {error.message}"
                self.event(cronjob, "FailedCreate", text, warning=True)
            if not is_namespace_terminating(error):
                raise
            return None
        self.event(cronjob, "SuccessfulCreate", f"Created job {made['metadata']['name']}")
        return made

    def _delete(self, cronjob: Obj, job: Obj, policy: Any) -> None:
        def delete() -> None:
            self.api.delete(self.jobs, *key_of(job), uid=uid_of(job), propagation=policy)

        if unless_gone(delete):
            self.event(cronjob, "SuccessfulDelete", f"Deleted job {job['metadata']['name']}")

    def _write(self, cronjob: Obj, status: dict[str, Any]) -> None:
        if status != (cronjob.get("status") or {}):
            self.api.update(self.kind, with_status(cronjob, status), "status")


def _reference(job: Obj) -> dict[str, Any]:
    namespace, name = key_of(job)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": name,
        "namespace": namespace,
        "uid": uid_of(job),
        "resourceVersion": job["metadata"]["resourceVersion"],
    }
