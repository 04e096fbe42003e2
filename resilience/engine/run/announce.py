"""Writes an Event to each namespace that a run acts in, so that others can see the run.

    kubectl get events -n shop
    Normal  ResilienceRun       namespace/shop  run 68b1f2: checkout survives ... begins to act
    Normal  ResilienceRunEnded  namespace/shop  run 68b1f2: ended, everything is undone

Written before the first action of `when` and after the undo, within the run's consent and locks
like any write. Where a run may not create Events, it continues without; a namespace that is gone
gets none. Events expire by themselves (the API server keeps them for an hour). A sandbox that ends
with this process gets none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Lock
from typing import Any

from resilience.cluster.errors import ClusterError, NotFound
from resilience.cluster.interface import EVENTS
from resilience.engine.plan import scenario_reach
from resilience.engine.run.state import RunState
from resilience.model.masks import excerpt
from resilience.model.scenario import Scenario
from resilience.model.timeline import What

BEGINS, ENDED = "ResilienceRun", "ResilienceRunEnded"
COMPONENT = "pytest-resilience"
MOST = 1000
"""Characters of a message; the API server takes 1,024."""


class Announcer:
    """Announces one run. `begins` reports once; `ended` reports only if `begins` has."""

    def __init__(self, scenario: Scenario, state: RunState) -> None:
        self._scenario, self._state = scenario, state
        self._told: tuple[str, ...] | None = None
        self._lock = Lock()  # `parallel` begins several actions at once

    def begins(self) -> None:
        """Before the first action."""
        with self._lock:
            if self._told is not None or self._state.options.ephemeral:
                return
            text = f"{self._scenario.title} begins to act"
            self._told = tuple(
                name for name in self._namespaces() if self._write(name, BEGINS, text)
            )

    def _namespaces(self) -> list[str]:
        """The namespaces that the file names. Those chosen by a pattern are not known beforehand;
        for a test in Python, only its own."""
        reach = scenario_reach.of_scenario(self._scenario, self._state.namespace)
        named = {name for name in reach.namespaces if not set(name) & set("*?[")}
        return sorted(named or {self._state.namespace})

    def ended(self, leftovers: int) -> None:
        """After the undo."""
        text = (
            f"ended, {leftovers} changes are left" if leftovers else "ended, everything is undone"
        )
        for namespace in self._told or ():
            self._write(namespace, ENDED, text)

    def _write(self, namespace: str, reason: str, text: str) -> bool:
        state = self._state
        try:
            state.cluster.create(EVENTS, self._event(namespace, reason, text), namespace)
        except NotFound:
            return False
        except ClusterError as problem:
            state.timeline.note(What.NOTE, f"no Event was written to {namespace}: {problem}")
            return False
        return True

    def _event(self, namespace: str, reason: str, text: str) -> dict[str, Any]:
        state = self._state
        name = f"resilience-{state.run}-{reason.lower()}"
        now = datetime.fromtimestamp(state.clock.wall(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Namespace", "name": namespace, "namespace": namespace,
            },
            "reason": reason,
            "message": excerpt(f"run {state.run}: {text}", MOST),
            "type": "Normal",
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
        }  # fmt: skip
