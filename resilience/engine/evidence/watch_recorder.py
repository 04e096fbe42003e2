"""Turns watch events into timeline entries: states of Pods and budgets, and new Events.

Only changes that a person would name are recorded: a Pod appears, becomes ready, stops being
ready, begins to terminate, is gone, restarts; the number of disruptions that a budget allows
changes. The state at the beginning of the run is recorded once, marked `there`, because the
report's lanes and areas begin with it; Pods that had finished before are left out. Events from
before the run are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.cluster.interface import BUDGETS, EVENTS, PODS, Object, Resource, WatchEvent
from resilience.engine.base.timeline import Timeline
from resilience.kube import objects, readiness
from resilience.model.timeline import What
from resilience.model.words import many


class Witness:
    """A listener of `Views`."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._states: dict[str, tuple[str, int]] = {}
        self._events: dict[str, int] = {}
        self._allowed: dict[str, int | None] = {}

    def __call__(self, resource: Resource, event: WatchEvent, news: bool) -> None:
        if resource == PODS:
            self._pod(event, news)
        elif resource == EVENTS:
            self._event(event, news)
        elif resource == BUDGETS:
            self._budget(event, news)

    def _pod(self, event: WatchEvent, news: bool) -> None:
        pod = event.object
        state = ("gone" if event.type == "DELETED" else _state(pod), objects.restarts(pod))
        before = self._states.get(objects.uid(pod))
        self._states[objects.uid(pod)] = state
        if state == before or (not news and objects.is_finished(pod)):
            return
        text = f"Pod {objects.title(pod)} {state[0]}"
        if before and state[1] > before[1]:
            text = f"Pod {objects.title(pod)} restarted ({state[1]}), {state[0]}"
        self._timeline.note(
            What.WATCH,
            text,
            {**_facts(event), "state": state[0], **_there(news)},
            at=event.received,
        )

    def _budget(self, event: WatchEvent, news: bool) -> None:
        """None means that the budget is gone."""
        budget = event.object
        status = budget.get("status") or {}
        gone = event.type == "DELETED"
        allowed = None if gone else int(status.get("disruptionsAllowed") or 0)
        uid = objects.uid(budget)
        if uid in self._allowed and self._allowed[uid] == allowed:
            return
        self._allowed[uid] = allowed
        says = "gone" if allowed is None else f"allows {many(allowed, 'disruption')}"
        facts = {
            "kind": BUDGETS.kind,
            "type": event.type,
            "namespace": objects.namespace(budget),
            "name": objects.name(budget),
            "uid": uid,
            "allowed": allowed,
            "gone": gone,
        }
        self._timeline.note(What.WATCH, f"PodDisruptionBudget {objects.title(budget)} {says}",
                            {**facts, **_there(news)}, at=event.received)  # fmt: skip

    def _event(self, event: WatchEvent, news: bool) -> None:
        obj = event.object
        count = int(obj.get("count") or (obj.get("series") or {}).get("count") or 1)
        known = self._events.get(objects.uid(obj), 0)
        self._events[objects.uid(obj)] = count
        if event.type == "DELETED" or not news or count <= known:
            return
        about = obj.get("involvedObject") or obj.get("regarding") or {}
        message = str(obj.get("message") or obj.get("note") or "")
        self._timeline.note(
            What.EVENT,
            f"{_named(about)}: {obj.get('reason', '')}: {message}",
            {
                "reason": obj.get("reason", ""),
                "message": message,
                "about": _named(about),
                "uid": about.get("uid", ""),
                "type": obj.get("type", ""),
                "count": count,
            },
            at=event.received,
        )


def _there(news: bool) -> Mapping[str, bool]:
    return {} if news else {"there": True}


def _named(about: Mapping[str, Any]) -> str:
    path = "/".join(str(about[key]) for key in ("namespace", "name") if about.get(key))
    return f"{about.get('kind', '')} {path}".strip()


def _state(pod: Object) -> str:
    if objects.is_terminating(pod):
        return "terminating" if readiness.is_ready(pod) else "terminating, not ready"
    if objects.is_finished(pod):
        return objects.phase(pod).lower()
    if readiness.is_ready(pod):
        return "ready"
    return "running, not ready" if objects.phase(pod) == "Running" else "pending"


def _facts(event: WatchEvent) -> Mapping[str, Any]:
    pod = event.object
    return {
        "kind": "Pod",
        "type": event.type,
        "namespace": objects.namespace(pod),
        "name": objects.name(pod),
        "uid": objects.uid(pod),
        "ready": readiness.is_ready(pod),
        "deleted": event.type == "DELETED" or objects.is_terminating(pod),
        "gone": event.type == "DELETED",
        "node": objects.node(pod),
        "restarts": objects.restarts(pod),
        **({"ours": True} if objects.is_ours(pod) else {}),
    }
