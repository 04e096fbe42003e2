"""Creating and deleting many Pods: slow start, time slices, and their Events.

Creates run in batches of 1, 2, 4, 8 ... and stop at the first batch with a failure, so that a
quota or a broken template costs one refusal and not five hundred (slowStartBatch in
controller_utils.go). The batches also stop when the slice's time is used up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from resilience.sandbox.kube.api import ApiError, NoAnswerYet, Obj
from resilience.sandbox.kube.object_edits import key_of, uid_of
from resilience.sandbox.reconcile.controller_context import Controller

BURST: Final = 500
"""Most creates or deletes of one owner per sync (BurstReplicas)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The result of a round of writes: how many succeeded, and what stopped it."""

    done: int
    error: ApiError | None = None


def is_namespace_terminating(error: ApiError) -> bool:
    """Whether a create was refused because the namespace is terminating."""
    causes = error.details.get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def is_told(error: ApiError) -> bool:
    """Whether an Event says that a create was refused."""
    return not is_namespace_terminating(error) and not isinstance(error, NoAnswerYet)


def slow_start(count: int, create: Callable[[], None], exhausted: Callable[[], bool]) -> Batch:
    """Call `create` up to `count` times as described above; errors are returned, not raised."""
    done = tried = 0
    size = 1
    while tried < count:
        error: ApiError | None = None
        for _ in range(min(size, count - tried)):
            # At least one, so that a busy loop starves no Pod forever.
            if tried and exhausted():
                return Batch(done=done, error=error)
            tried += 1
            try:
                create()
                done += 1
            except ApiError as refusal:
                error = refusal
        if error is not None:
            return Batch(done=done, error=error)
        size *= 2
    return Batch(done=done)


def create_pods(controller: Controller, owner: Obj, makers: Iterable[Callable[[], Obj]]) -> Batch:
    """Create what each maker returns, with Events; a terminating namespace is not an error."""
    pods = controller.context.kind("pods")
    pending = list(makers)

    def create() -> None:
        try:
            made = controller.api.create(pods, pending.pop()())
        except ApiError as error:
            if is_told(error):
                text = f"Error creating: {error.message}"
                controller.event(owner, "FailedCreate", text, warning=True)
            raise
        controller.event(owner, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")

    batch = slow_start(min(len(pending), BURST), create, controller.context.runner.exhausted)
    if batch.error is not None and is_namespace_terminating(batch.error):
        return Batch(done=0)
    return batch


def delete_pod(controller: Controller, owner: Obj, pod: Obj) -> ApiError | None:
    """Delete a Pod of an owner, with Events; already gone is success without an Event."""
    namespace, name = key_of(pod)
    try:
        controller.api.delete(controller.context.kind("pods"), namespace, name, uid=uid_of(pod))
    except ApiError as error:
        if error.code in (404, 409):
            return None
        controller.event(owner, "FailedDelete", f"Error deleting: {error.message}", warning=True)
        return error
    controller.event(owner, "SuccessfulDelete", f"Deleted pod: {name}")
    return None


def delete_pods(controller: Controller, owner: Obj, victims: Iterable[Obj]) -> Batch:
    """Delete Pods one by one until done, refused, or out of time."""
    done = 0
    for pod in victims:
        if done and controller.context.runner.exhausted():
            break
        error = delete_pod(controller, owner, pod)
        if error is not None:
            return Batch(done=done, error=error)
        done += 1
    return Batch(done=done)
