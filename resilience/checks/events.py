"""Why Pods do not serve: each with its state (`resilience.kube.pod_state`), or else with the last
Event about it. `ready` and `recovered` share this text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from resilience.cluster.interface import DEPLOYMENTS, EVENTS, REPLICASETS, Object
from resilience.kube import objects, pod_state, readiness
from resilience.model.words import many
from resilience.verbs.context import CheckContext

MOST = 3
"""Pods named in one message."""

_CRASHED = "BackOff"
"""The reason of an Event for a container, or a pull, that is tried again."""

_REASON_ALONE = re.compile(r"Error: \w+")
"""What the kubelet writes right after the Event that holds the cause (pkg/kubelet/images)."""


def about_unready(
    pods: Iterable[Object], context: CheckContext, *, terminating: bool = False
) -> list[str]:
    """Phrases for the first Pods that do not serve, one phrase for all Pods with the same state.
    Terminating Pods are left out unless requested; failed Pods come last, and Pods that ended
    successfully are not mentioned."""
    unready = [
        pod
        for pod in sorted(objects.in_order(pods), key=objects.is_finished)
        if not readiness.serves(pod)
        and objects.phase(pod) != "Succeeded"
        and (terminating or not objects.is_terminating(pod))
    ]
    found = _told(unready[:MOST], context)
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


def _told(pods: Sequence[Object], context: CheckContext) -> list[str]:
    """Events with the same text are reported once."""
    last = _last_events(context) if pods else {}
    warned = _last_events(context, only="Warning") if pods else {}
    alike: dict[str, list[str]] = {}
    for pod in pods:
        found = pod_state.of(pod)
        told = warned if found.crashing else last
        event = "" if found.explained else told.get(objects.uid(pod), "")
        text = f"{found.text}, last Event {event}" if event else found.text
        alike.setdefault(text, []).append(objects.title(pod))
    return [
        f"{', '.join(titles)} {'is' if len(titles) == 1 else 'are'} {text}"
        for text, titles in alike.items()
    ]


def _last_events(context: CheckContext, only: str = "") -> dict[str, str]:
    """The last Event about each object, by uid."""
    found: dict[str, str] = {}
    for event in context.history(EVENTS):
        obj = event.object
        if (only and obj.get("type") != only) or obj.get("reason") == _CRASHED:
            continue
        about = obj.get("involvedObject") or obj.get("regarding") or {}
        uid = str(about.get("uid", ""))
        message = str(obj.get("message") or obj.get("note") or "")
        if uid in found and _REASON_ALONE.fullmatch(message):
            continue
        found[uid] = f"{obj.get('reason', '')}: {message}"
    return found
