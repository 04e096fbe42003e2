"""`run_job`: starts a CronJob's Job now, as `kubectl create job --from` does, and waits for its
end.

The Job belongs to this run: it is deleted with its Pods at the end. The effects of the Job stay; a
scenario that starts a Job which writes data accepts that. A Job that fails, or does not end in
time, is an answer of the service, as for `ready`: under `when` the service has failed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.actions.shared.workload import read
from resilience.actions.undo import object_undo
from resilience.cluster.interface import CRONJOBS, JOBS, PODS, Object
from resilience.kube import objects, pod_state, readiness
from resilience.model.values import Reference
from resilience.model.verb import Family, Phase, Right, Verb, parameter
from resilience.verbs.context import ActionContext, NotMet

LONGEST_NAME = 52
"""A Job's Pods have its name and a suffix; the API server allows 63 characters in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """Parameters of `run_job`."""

    cronjob: str = parameter("Name of the CronJob.", example="report")
    wait: bool = parameter("Wait until the Job is complete.", default=True)


def run(job: RunJob, context: ActionContext) -> None:
    """Create the Job; NotMet when it fails or does not end by the deadline."""
    cronjob = read(Reference("cronjob", job.cronjob), context)
    body = _body(cronjob, str(context.run), context)
    data = object_undo.creation(JOBS, body, str(context.run))
    undo = context.will_undo(data, f"delete Job {objects.title(body)}")
    created = context.cluster.create(JOBS, body, context.namespace)
    context.amend_undo(undo, object_undo.made(JOBS, data, created))
    context.affected(created, f"Job {objects.title(created)} is started")
    if job.wait:
        _wait(created, context)
    context.proof(f"Job {objects.title(created)} {'is complete' if job.wait else 'was created'}",
                  {"uid": objects.uid(created)})  # fmt: skip


def _wait(job: Object, context: ActionContext) -> None:
    view = context.view(JOBS, context.namespace)

    def now() -> Object:
        return view.by_uid(objects.uid(job)) or job

    ended = context.clock.until(lambda: readiness.has_ended(now()), context.deadline)
    if ended and not readiness.has_failed(now()):
        return
    # A watch of Pods may be behind the Job's, and not show the failure that the Job has counted.
    pods = context.cluster.list(PODS, context.namespace)
    mine = [pod for pod in pods if objects.controller_uid(pod) == objects.uid(job)]
    title = f"Job {objects.title(job)}"
    if not ended:
        text = f"{title} did not end within {context.step.within}"
        raise NotMet("; ".join([text, *_waiting(mine)]), final=True)
    failed = objects.condition(now(), "Failed")
    said = failed.get("message") or failed.get("reason")
    raise NotMet("; ".join([f"{title} failed: {said}", *_failures(mine)]), final=True)


def _waiting(pods: Sequence[Object]) -> list[str]:
    return [f"{objects.title(pod)} is {pod_state.of(pod).text}"
            for pod in objects.in_order(pods)
            if not readiness.serves(pod) and not objects.is_finished(pod)]  # fmt: skip


def _failures(pods: Sequence[Object]) -> list[str]:
    """The state of the last Pod that failed: earlier ones usually failed for the same reason."""
    found = [f"{objects.title(pod)}: {', '.join(texts)}"
             for pod in sorted(pods, key=_since) if (texts := pod_state.failures(pod))]  # fmt: skip
    return found[-1:]


def _since(pod: Object) -> str:
    return str(objects.metadata(pod).get("creationTimestamp") or "")


def _body(cronjob: Object, run: str, context: ActionContext) -> Object:
    template = cronjob["spec"]["jobTemplate"]
    metadata = dict(template.get("metadata") or {})
    suffix = f"{context.random.randrange(16**6):06x}"
    name = f"{objects.name(cronjob)[: LONGEST_NAME - 7]}-{suffix}"
    notes = {"cronjob.kubernetes.io/instantiate": "manual", object_undo.RUN: run}
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {
            "name": name,
            "namespace": context.namespace,
            "labels": metadata.get("labels") or {},
            "annotations": {**(metadata.get("annotations") or {}), **notes},
        },
        "spec": template["spec"],
    }


def _rights(_: Any, namespace: str) -> Sequence[Right]:
    jobs = [Right(verb=verb, group="batch", resource=JOBS.plural, namespace=namespace)
            for verb in ("create", "get", "list", "watch", "delete")]  # fmt: skip
    pods = [Right(verb=verb, group="", resource=PODS.plural, namespace=namespace)
            for verb in ("list", "watch")]  # fmt: skip
    return [
        *jobs,
        *pods,
        Right(verb="get", group="batch", resource=CRONJOBS.plural, namespace=namespace),
    ]


def undo(data: Mapping[str, Any], context: Any) -> None:
    """Delete the Job and its Pods."""
    object_undo.undo(data, context)


def rehearse(job: RunJob, context: ActionContext) -> None:
    """Ask whether the Job could be created."""
    run(dataclasses.replace(job, wait=False), context)


VERB = Verb(
    name="run_job",
    family=Family.ACTION,
    summary="Run a CronJob's Job now.",
    parameters=RunJob,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=lambda job: f"run a Job of cronjob/{job.cronjob}",
    shorthand="cronjob",
    rights=_rights,
    undo=undo,
    undo_text="The Job is deleted with its Pods.",
    proof="The watch shows the Job complete.",
    example="run_job: report",
)
