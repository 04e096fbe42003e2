"""What to look at: Pods that do not serve, each with its state and the last Event about it."""

from __future__ import annotations

from collections.abc import Iterable

from resilience.cluster.interface import EVENTS, Object
from resilience.kube import objects
from resilience.verbs.context import CheckContext

MOST = 3
"""Pods told of in one message."""


def about_unready(pods: Iterable[Object], context: CheckContext) -> list[str]:
    """One phrase for each of the first Pods that do not serve and are not on their way out."""
    unready = [
        pod
        for pod in objects.in_order(pods)
        if not objects.serves(pod) and not objects.is_terminating(pod)
    ]
    last = _last_events(context) if unready else {}
    return [_phrase(pod, last.get(objects.uid(pod), "")) for pod in unready[:MOST]]


def _phrase(pod: Object, event: str) -> str:
    text = f"{objects.title(pod)} is {_state(pod)}"
    return f"{text}, last Event {event}" if event else text


def _state(pod: Object) -> str:
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return f"not ready ({container.get('name')}: {waiting['reason']})"
    scheduled = objects.condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"not scheduled ({scheduled.get('message') or scheduled.get('reason')})"
    return f"{objects.phase(pod) or 'without status'} and not ready"


def _last_events(context: CheckContext) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in context.history(EVENTS):
        obj = event.object
        about = obj.get("involvedObject") or obj.get("regarding") or {}
        found[str(about.get("uid", ""))] = (
            f"{obj.get('reason', '')}: {obj.get('message') or obj.get('note') or ''}"
        )
    return found
