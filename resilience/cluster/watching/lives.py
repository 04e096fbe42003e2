"""Which Pods lived at a certain time, from the events of a watch. Pure.

A Pod that had finished before (as the Pods of Jobs do) can neither restart, nor write a line, nor
fall short: what holds for it proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from resilience.cluster.interface import Object, WatchEvent
from resilience.kube import objects


def living(events: Iterable[WatchEvent], since: float) -> list[Object]:
    """The states of unfinished Pods at `since` and later, in order."""
    before: dict[str, WatchEvent] = {}
    later: list[Object] = []
    for event in events:
        if event.received < since:
            before[objects.uid(event.object)] = event
        else:
            later.append(event.object)
    there = [event.object for event in before.values() if event.type != "DELETED"]
    return [pod for pod in (*there, *later) if not objects.is_finished(pod)]
