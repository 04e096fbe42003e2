"""Implements the protocols of `resilience.verbs.context` with one run's state and one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from random import Random
from typing import Any, Protocol

from resilience.cluster import reach
from resilience.cluster.interface import PODS, Cluster, Object, Resource, View, WatchEvent
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.evidence.sight import earliest
from resilience.engine.evidence.victims import Affected, Struck
from resilience.engine.run.state import RunState
from resilience.kube import objects
from resilience.model.scenario import Plan, Step
from resilience.model.timeline import What
from resilience.model.values import RunId
from resilience.model.verb import Verb
from resilience.model.verdict import Finding, StepRecord
from resilience.verbs.context import Attempt, Fate


class Performer(Protocol):
    """Executes the steps inside a flow verb."""

    def perform(self, step: Step, limit: float) -> None: ...
    def attempt(self, step: Step, limit: float) -> Attempt: ...


class StepContext:
    """Serves one step; actions, checks, probes and flow verbs each see their part of it."""

    def __init__(
        self, state: RunState, step: Step, deadline: float, performer: Performer, limit: float = inf
    ) -> None:
        self._state = state
        # A `within` next to a flow verb limits everything inside it.
        self._limit = min(limit, deadline) if step.within_given else limit
        self._performer = performer
        self._acting = state.options.guard.acting(state.cluster)
        self.step = step
        self.deadline = deadline
        self.random: Random = state.options.stream(state.seed, step.path)
        self.asked_since = state.clock.monotonic()
        self.proofs: list[str] = []
        self.struck = 0
        self._reserved: list[object] = []

    @property
    def cluster(self) -> Cluster:
        return self._acting

    @property
    def namespace(self) -> str:
        return self._state.namespace

    @property
    def directory(self) -> Path:
        return self._state.directory

    @property
    def identity_files(self) -> Sequence[str]:
        return self._state.options.identity_files

    @property
    def run(self) -> RunId:
        return self._state.run

    @property
    def clock(self) -> EngineClock:
        return self._state.clock

    @property
    def aborted(self) -> bool:
        return self._state.aborter.aborted

    @property
    def victims(self) -> Sequence[Struck]:
        return tuple(self._state.victims)

    @property
    def changes(self) -> Sequence[Affected]:
        return tuple(self._state.affected)

    @property
    def records(self) -> Sequence[StepRecord]:
        return [done.record for done in self._state.done]

    @property
    def evidence(self) -> Path:
        return self._state.options.journal.parent / "ledgers"

    @property
    def finished(self) -> Sequence[str]:
        return tuple(self._state.finished)

    def view(self, resource: Resource, namespace: str = "", *, labels: str = "") -> View:
        return self._state.views.open(resource, namespace, labels)

    @property
    def when_since(self) -> float:
        began = self._state.when_at
        return -inf if began is None else began

    def earliest(self, received: float) -> float:
        return earliest(received, self._state.sight.gaps())

    def history(self, resource: Resource) -> Sequence[WatchEvent]:
        return self._state.views.history(resource)

    def note(self, what: What, text: str, facts: Mapping[str, Any] | None = None) -> None:
        self._state.timeline.note(what, text, {"path": self.step.path} | dict(facts or {}))

    def add_finding(self, finding: Finding) -> None:
        self._state.findings.append(finding)

    def leave(self, text: str) -> None:
        if text not in self._state.left:
            self._state.left.append(text)
            self.note(What.UNDO, f"not undone: {text}", {"state": "failed"})

    def plan(self, name: str) -> Plan:
        from resilience.engine.plan.find_plan import find

        return find(name, self.directory)

    def struck_before(self) -> Mapping[str, float]:
        return self._state.options.struck_before()

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        return self.will_undo_by(self.step.verb, data, text)

    def will_undo_by(self, verb: Verb, data: Mapping[str, Any], text: str) -> str:
        """Record an undo for a nested step; the nested step's verb executes it."""
        identity = self._state.journal.record(verb.name, self.step.path, data, text)
        self._state.verbs[verb.name] = verb
        self.note(What.UNDO, f"recorded undo: {text}", {"state": "recorded", "id": identity})
        return identity

    def amend_undo(self, undo: str, data: Mapping[str, Any]) -> None:
        self._state.journal.amend(undo, data)

    def forget_undo(self, undo: str) -> None:
        self._state.journal.forget(undo)

    def may_harm(self, objects: Sequence[Object]) -> None:
        self._state.options.guard.may_harm(objects)

    def may_harm_some(self, objects: Sequence[Object], most: int) -> None:
        self._reserved.append(self._state.options.guard.may_harm_some(objects, most))

    def were_chosen(self, objects: Sequence[Object]) -> None:
        self._state.options.guard.were_chosen(objects, self._reserved)

    def victim(self, obj: Object, why: str, fate: Fate = Fate.GONE) -> None:
        if objects.is_finished(obj):
            self._finished(obj)
            return
        if namespace := objects.namespace(obj):
            # A node's Pods can be in any namespace; watch that namespace from now on, so that their
            # recovery is seen.
            self.view(PODS, namespace)
        workload = self._state.owners.workload(obj)
        self._state.victims.append(
            Struck(
                uid=objects.uid(obj),
                name=objects.name(obj),
                namespace=objects.namespace(obj),
                owner=objects.controller_uid(obj),
                workload=workload.uid,
                workload_title=workload.title,
                fate=fate,
                restarts=objects.restarts(obj),
                struck=self.clock.monotonic(),
                step=self.step.path,
                grace=objects.grace(obj),
                node=objects.node(obj),
                phase=self.step.phase,
            )
        )
        self.struck += 1
        self.note(
            What.VICTIM,
            f"{objects.title(obj)}: {why}",
            {
                "kind": obj.get("kind", "Pod"),
                "namespace": objects.namespace(obj),
                "name": objects.name(obj),
                "uid": objects.uid(obj),
                "node": objects.node(obj),
                "workload": workload.title,
                "why": why,
            },
        )

    def _finished(self, pod: Object) -> None:
        """A finished Pod serves no requests, so its removal disrupts nothing."""
        title = objects.title(pod)
        self._state.finished.append(title)
        self.note(What.NOTE, f"{title} has already finished; it is removed, but is not a victim")

    def spare(self, obj: Object) -> None:
        mine = [each for each in self._state.victims
                if each.uid == objects.uid(obj) and each.step == self.step.path]  # fmt: skip
        for victim in mine:
            self._state.victims.remove(victim)
            self.struck -= 1
            self.note(What.NOTE, f"{victim.title} was spared")
        same = [each for each in self._state.affected
                if each.uid == objects.uid(obj) and each.step == self.step.path]  # fmt: skip
        for affected in same:
            self._state.affected.remove(affected)
            self.struck -= 1
            self.note(What.NOTE, f"{affected.title} was left as it was")

    def affected(self, obj: Object, text: str, *, now: Object | None = None) -> None:
        self._state.affected.append(
            Affected(
                uid=objects.uid(obj),
                title=objects.title(obj),
                text=text,
                step=self.step.path,
                since=self.clock.monotonic(),
                namespace=objects.namespace(obj),
                api_version=str(obj.get("apiVersion", "")),
                kind=str(obj.get("kind", "")),
                name=objects.name(obj),
                template=(obj.get("spec") or {}).get("template") or {},
                phase=self.step.phase,
                new_spec=(now or {}).get("spec") or {},
                is_new=now is obj,
            )
        )
        self.struck += 1
        self.note(
            What.NOTE,
            text,
            {
                "kind": obj.get("kind", ""),
                "uid": objects.uid(obj),
                "namespace": objects.namespace(obj),
                "name": objects.name(obj),
            },
        )

    def proof(self, text: str, facts: Mapping[str, Any]) -> None:
        self.proofs.append(text)
        self.note(What.PROOF, text, {"what": text} | dict(facts))

    def address(self, service: str, port: str | int, namespace: str) -> tuple[str, int]:
        return self._state.options.address(self.cluster, service, port, namespace)

    def service_port(self, service: str, port: str | int, namespace: str) -> int:
        return reach.service_port(self.cluster, service, port, namespace)

    def on_abort(self, callback: Callable[[], None]) -> None:
        self._state.aborter.on_abort(callback)

    def perform(self, step: Step) -> None:
        self._performer.perform(step, self._limit)

    def attempt(self, step: Step) -> Attempt:
        return self._performer.attempt(step, self._limit)
