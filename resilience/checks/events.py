"""Why Pods do not serve: each with its state, in the words of the waiting container or of the
scheduler, or else with the last Event about it. `ready` and `recovered` share these words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from resilience.cluster.interface import DEPLOYMENTS, EVENTS, REPLICASETS, Object
from resilience.kube import objects, readiness
from resilience.model.words import many
from resilience.verbs.context import CheckContext

MOST = 3
"""Pods named in one message."""

_REASON_ALONE = re.compile(r"Error: \w+")
"""What the kubelet writes right after the Event that holds the cause (pkg/kubelet/images)."""


def about_unready(
    pods: Iterable[Object], context: CheckContext, *, terminating: bool = False
) -> list[str]:
    """One phrase for each of the first Pods that do not serve. Terminating Pods are left out
    unless requested."""
    unready = [
        pod
        for pod in objects.in_order(pods)
        if not readiness.serves(pod) and (terminating or not objects.is_terminating(pod))
    ]
    last = _last_events(context) if unready else {}
    found = [_phrase(pod, last.get(objects.uid(pod), "")) for pod in unready[:MOST]]
    more = len(unready) - MOST
    return [*found, f"and {many(more, 'more Pod')}"] if more > 0 else found


def about_creation(workload: Object, context: CheckContext) -> list[str]:
    """Why a workload has no Pods: the last warning about it or a ReplicaSet of it."""
    uids = {objects.uid(workload)}
    if workload.get("kind") == DEPLOYMENTS.kind:
        replicasets = context.view(REPLICASETS, context.namespace).objects()
        uids |= {objects.uid(rs) for rs in replicasets if objects.controller_uid(rs) in uids}
    warnings = [text for uid, text in _last_events(context, only="Warning").items() if uid in uids]
    return [f"last Event {text}" for text in warnings[-1:]]


def _phrase(pod: Object, event: str) -> str:
    state, explained = _state(pod)
    text = f"{objects.title(pod)} is {state}"
    return f"{text}, last Event {event}" if event and not explained else text


def _state(pod: Object) -> tuple[str, bool]:
    """Its state, and whether that already explains why."""
    if objects.is_terminating(pod):
        return _terminating(pod), False
    for name, waiting in waits(pod):
        reason, message = waiting["reason"], str(waiting.get("message") or "")
        told = f"{reason}: {message}" if message and message != reason else str(reason)
        return f"not ready ({name}: {told})", bool(message)
    scheduled = objects.condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        said = scheduled.get("message") or scheduled.get("reason")
        return f"not scheduled ({said})", True
    if shut := [
        gate for gate in _gates(pod) if objects.condition(pod, gate).get("status") != "True"
    ]:
        return f"not ready (readiness gate {', '.join(shut)} is not True)", True
    return f"{objects.phase(pod) or 'without status'} and not ready", False


def _gates(pod: Object) -> list[str]:
    """Conditions that someone else has to set, once its containers are ready."""
    if objects.condition(pod, "ContainersReady").get("status") != "True":
        return []
    return [each["conditionType"] for each in (pod.get("spec") or {}).get("readinessGates") or ()]


def _terminating(pod: Object) -> str:
    finalizers = objects.metadata(pod).get("finalizers") or ()
    return f"terminating (finalizers: {', '.join(finalizers)})" if finalizers else "terminating"


def waits(pod: Object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(container, why it waits) of each that waits for a reason; init containers come first."""
    status = pod.get("status") or {}
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") and waiting["reason"] != "PodInitializing":
                yield str(container.get("name")), waiting


def _last_events(context: CheckContext, only: str = "") -> dict[str, str]:
    """uid to the last Event about it."""
    found: dict[str, str] = {}
    for event in context.history(EVENTS):
        obj = event.object
        if only and obj.get("type") != only:
            continue
        about = obj.get("involvedObject") or obj.get("regarding") or {}
        uid = str(about.get("uid", ""))
        message = str(obj.get("message") or obj.get("note") or "")
        if uid in found and _REASON_ALONE.fullmatch(message):
            continue
        found[uid] = f"{obj.get('reason', '')}: {message}"
    return found
