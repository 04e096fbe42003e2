"""The Pods that a Job creates: from its template, with an index where it is Indexed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from resilience.sandbox.controllers.job.completion_indexes import (
    INDEX,
    index_of,
    needed,
)
from resilience.sandbox.controllers.job.completion_plan import (
    is_indexed,
)
from resilience.sandbox.controllers.job.ended_pods import (
    replaces_failed_only,
)
from resilience.sandbox.controllers.job.job_sync import Sync
from resilience.sandbox.controllers.job.pod_tracking import FINALIZER
from resilience.sandbox.controllers.podsets import pod_creation
from resilience.sandbox.controllers.podsets.pod_templates import pod_from_template
from resilience.sandbox.kube.api import Obj, Resource


def makers(
    job: Obj, kind: Resource, sync: Sync, number: int, waiting: set[int]
) -> list[Callable[[], Obj]]:
    """One function for each Pod to create, at most a burst; `waiting` are indexes that must not
    be tried yet."""
    number = min(number, pod_creation.BURST)
    if not is_indexed(job):
        return [lambda: _pod(job, kind, None)] * number
    alive = [*sync.active, *(sync.terminating if replaces_failed_only(job) else [])]
    busy = {index for index in map(index_of, alive) if index is not None}
    known = sync.indexes
    done = sync.done | known.failed if known else sync.done
    indexes = needed(job["spec"].get("completions", 1), done, busy | waiting, number)
    return [
        lambda i=index: _pod(job, kind, i, known.annotations(i) if known else {})  # type: ignore[misc]
        for index in reversed(indexes)
    ]


def _pod(job: Obj, kind: Resource, index: int | None, more: Mapping[str, str] | None = None) -> Obj:
    pod = pod_from_template(job["spec"]["template"], job, kind)
    metadata = {**pod["metadata"], "finalizers": [FINALIZER]}
    if index is None:
        return {**pod, "metadata": metadata}
    name = job["metadata"]["name"]
    metadata["generateName"] = f"{name}-{index}-"
    own = {INDEX: str(index), **(more or {})}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **own}
    metadata["labels"] = {**(metadata.get("labels") or {}), INDEX: str(index)}
    source = {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}}
    variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}
    containers = [
        {**c, "env": [*(c.get("env") or ()), variable]} for c in pod["spec"]["containers"]
    ]
    spec = {**pod["spec"], "hostname": f"{name}-{index}", "containers": containers}
    return {**pod, "metadata": metadata, "spec": spec}
