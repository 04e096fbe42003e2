"""Why a Pod does not serve, in the words of its waiting container or of the scheduler. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.kube import objects
from resilience.kube.objects import Object


@dataclass(frozen=True, slots=True)
class State:
    """With `explained` the text says why; otherwise the last Event may say so. With `crashing` only
    the last Warning explains why a container restarts repeatedly."""

    text: str
    explained: bool = False
    crashing: bool = False


def of(pod: Object) -> State:
    """The first that applies: its end, a waiting container, no node, a readiness gate, a container
    that failed before."""
    if objects.is_terminating(pod):
        return State(_terminating(pod))
    if objects.is_finished(pod):
        return State(_ended(pod), True)
    for name, waiting in waits(pod):
        reason, message = waiting["reason"], str(waiting.get("message") or "")
        if reason == "CrashLoopBackOff":
            ends = [
                _end(each) for each in objects.container_statuses(pod) if each.get("name") == name
            ]
            why = next((end for end in ends if end), waiting.get("message") or "")
            return State(f"not ready ({name}: {reason}: {why})", crashing=True)
        told = f"{reason}: {message}" if message and message != reason else str(reason)
        return State(f"not ready ({name}: {told})", bool(message))
    scheduled = objects.condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        said = _gated(pod) or scheduled.get("message") or scheduled.get("reason")
        return State(f"not scheduled ({said})", True)
    if shut := [
        gate for gate in _gates(pod) if objects.condition(pod, gate).get("status") != "True"
    ]:
        return State(f"not ready (readiness gate {', '.join(shut)} is not True)", True)
    phase = objects.phase(pod) or "without status"
    if tries := list(_tries(pod)):
        return State(f"{phase} and not ready ({', '.join(tries)})", crashing=True)
    return State(f"{phase} and not ready")


def _tries(pod: Object) -> Iterator[str]:
    """Of each container that failed and was, or is about to be, started again: between two waits in
    a crash loop its state alone shows nothing wrong."""
    for container in objects.container_statuses(pod):
        end, again = _end(container), container.get("restartCount") or 0
        if end and not container.get("ready") and (again or not end.startswith(_WELL)):
            yield f"{container.get('name')}: {f'restart {again} after ' if again else ''}{end}"


def held(pod: Object) -> str:
    """The finalizers that keep a Pod of which no container runs any more; "" for any other."""
    running = any("running" in (each.get("state") or {})
                  for each in objects.container_statuses(pod))  # fmt: skip
    finalizers = objects.metadata(pod).get("finalizers") or ()
    if running or not finalizers or not objects.is_terminating(pod):
        return ""
    names = ", ".join(finalizers)
    return f"its containers have ended, and it is held by finalizers that nobody removed: {names}"


def waits(pod: Object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(container, why it waits) of each that waits for a reason; init containers come first."""
    for container in objects.container_statuses(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] != "PodInitializing":
            yield str(container.get("name")), waiting


def failures(pod: Object) -> list[str]:
    """A text for each container that ended without success: `main ended with exit code 3
    (Error)`."""
    found = []
    for container in objects.container_statuses(pod):
        if (end := _end(container)) and not end.startswith(_WELL):
            found.append(f"{container.get('name')} ended with {end}")
    return found


def restarts_due(pod: Object) -> int:
    """How many of its containers ended and will be started again: their `restartCount` grows only
    then. None of a Pod that is finished or leaving; init containers that did their work stay
    ended."""
    if objects.is_finished(pod) or objects.is_terminating(pod):
        return 0
    policy = (pod.get("spec") or {}).get("restartPolicy") or "Always"
    always = {
        each.get("name")
        for each in objects.lasting_containers(pod)
        if (each.get("restartPolicy") or policy) == "Always"
    }
    never = policy == "Never"
    return sum(
        _is_due(each, always=each.get("name") in always)
        for each in objects.container_statuses(pod)
        if each.get("name") in always or not never
    )


def _is_due(container: Mapping[str, Any], *, always: bool) -> bool:
    state = container.get("state") or {}
    if (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
        return True
    ended = state.get("terminated")
    return ended is not None and (always or bool(ended.get("exitCode")))


_WELL = "exit code 0"


def _end(container: Mapping[str, Any]) -> str:
    """`exit code 3 (Error)`: how its last instance ended; "" for one that never did."""
    now, before = (container.get(field) or {} for field in ("state", "lastState"))
    ended = now.get("terminated") or before.get("terminated") or {}
    if "exitCode" not in ended:
        return ""
    said = ended.get("message") or ended.get("reason")
    return f"exit code {ended['exitCode']}{f' ({said})' if said else ''}"


def _ended(pod: Object) -> str:
    """`Failed (main ended with exit code 3 (Error))`, `Failed (Evicted: low on memory)`."""
    status = pod.get("status") or {}
    said = ": ".join(str(status[key]) for key in ("reason", "message") if status.get(key))
    why = [*([said] if said else []), *failures(pod)]
    return f"{objects.phase(pod)} ({'; '.join(why)})" if why else objects.phase(pod)


def _gates(pod: Object) -> list[str]:
    """Readiness gates that others still have to set once the containers are ready."""
    if objects.condition(pod, "ContainersReady").get("status") != "True":
        return []
    return [each["conditionType"] for each in (pod.get("spec") or {}).get("readinessGates") or ()]


def _gated(pod: Object) -> str:
    """The scheduling gates, which the API server's own message does not name."""
    gates = [each["name"] for each in (pod.get("spec") or {}).get("schedulingGates") or ()]
    return f"nobody has removed its scheduling gates yet: {', '.join(gates)}" if gates else ""


def _terminating(pod: Object) -> str:
    finalizers = objects.metadata(pod).get("finalizers") or ()
    return f"terminating (finalizers: {', '.join(finalizers)})" if finalizers else "terminating"
