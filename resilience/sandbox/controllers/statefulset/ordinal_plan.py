"""What a StatefulSet does next, decided from its Pods (rules 3.3). Pure.

One walk upward over the ordinals, one downward over those to delete, then the update. With
OrderedReady the first Pod out of order ends the sync; Parallel continues, except in updates.
Source: pkg/controller/statefulset/stateful_set_control.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from resilience.sandbox.controllers.podsets.controller_revisions import POD_LABEL
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_deleting, labels_of
from resilience.sandbox.kube.pod_facts import (
    available_in,
    is_ready,
    is_terminal,
    phase_of,
)

Kind = Literal["create", "recreate", "delete"]


@dataclass(frozen=True, slots=True)
class OrdinalStep:
    """Create ordinal N at a revision, delete an ended Pod to recreate it, or delete a Pod."""

    kind: Kind
    ordinal: int
    revision: str = ""


@dataclass(slots=True)
class Plan:
    """Steps in order, and in how many seconds to sync again without any event."""

    steps: list[OrdinalStep] = field(default_factory=list)
    wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFacts:
    """The plan's view of a StatefulSet."""

    start: int
    replicas: int
    ordered: bool
    on_delete: bool
    partition: int
    min_ready: int
    current: str
    update: str

    @property
    def ordinals(self) -> range:
        """The wanted ordinals."""
        return range(self.start, self.start + self.replicas)

    def revision_for(self, ordinal: int) -> str:
        """The revision at which a Pod is created."""
        old = not self.on_delete and ordinal < self.start + self.partition
        return self.current if old else self.update


def facts_of(statefulset: Obj, update: str) -> SetFacts:
    """Read the spec; `update` is the name of the newest revision."""
    spec = statefulset["spec"]
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    return SetFacts(
        start=(spec.get("ordinals") or {}).get("start", 0),
        replicas=spec.get("replicas", 1),
        ordered=spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady",
        on_delete=strategy.get("type") == "OnDelete",
        partition=rolling.get("partition") or 0,
        min_ready=spec.get("minReadySeconds") or 0,
        current=(statefulset.get("status") or {}).get("currentRevision") or update,
        update=update,
    )


def is_healthy(pod: Obj) -> bool:
    """Running, Ready and not being deleted."""
    return phase_of(pod) == "Running" and is_ready(pod) and not is_deleting(pod)


def decide(facts: SetFacts, pods: Mapping[int, Obj], now: float) -> Plan:
    """The next steps."""
    plan = Plan()
    if _walk_up(facts, pods, now, plan) and _walk_down(facts, pods, now, plan):
        _update(facts, pods, now, plan)
    return plan


def _walk_up(facts: SetFacts, pods: Mapping[int, Obj], now: float, plan: Plan) -> bool:
    """Create what is missing; False when the sync ends here."""
    for ordinal in facts.ordinals:
        pod = pods.get(ordinal)
        if pod is None:
            plan.steps.append(OrdinalStep("create", ordinal, facts.revision_for(ordinal)))
            if facts.ordered:
                return False
        elif is_terminal(pod):
            if not is_deleting(pod):
                plan.steps.append(OrdinalStep("recreate", ordinal))
            if facts.ordered:
                return False
        elif facts.ordered and not _in_order(facts, pod, now, plan):
            return False
    return True


def _in_order(facts: SetFacts, pod: Obj, now: float, plan: Plan) -> bool:
    """Healthy and available; else notes when it may be."""
    if not is_healthy(pod):
        return False
    left = available_in(pod, facts.min_ready, now)
    if left:
        plan.wait = left
    return left == 0.0


def _walk_down(facts: SetFacts, pods: Mapping[int, Obj], now: float, plan: Plan) -> bool:
    """Delete surplus ordinals, highest first."""
    surplus = sorted((n for n in pods if n not in facts.ordinals), reverse=True)
    first_unhealthy = min((n for n in pods if not is_healthy(pods[n])), default=None)
    for ordinal in surplus:
        pod = pods[ordinal]
        if is_deleting(pod):
            if facts.ordered:
                return False
            continue
        if facts.ordered and ordinal != first_unhealthy and not _in_order(facts, pod, now, plan):
            return False
        plan.steps.append(OrdinalStep("delete", ordinal))
        if facts.ordered:
            return False
    return True


def _update(facts: SetFacts, pods: Mapping[int, Obj], now: float, plan: Plan) -> None:
    """RollingUpdate: the highest ordinal of an old revision, when all above it are available."""
    if facts.on_delete:
        return
    for ordinal in reversed(facts.ordinals):
        if ordinal < facts.start + facts.partition:
            return
        pod = pods.get(ordinal)
        if pod is None:
            return
        if revision_of(pod) != facts.update and not is_deleting(pod):
            plan.steps.append(OrdinalStep("delete", ordinal))
            return
        if not _in_order(facts, pod, now, plan):
            return


def revision_of(pod: Obj) -> str:
    """The revision a Pod was made at."""
    return labels_of(pod).get(POD_LABEL, "")


def status_of(statefulset: Obj, facts: SetFacts, pods: Sequence[Obj], now: float) -> dict[str, Any]:
    """The whole status, `completeRollingUpdate` included."""
    alive = [pod for pod in pods if not is_deleting(pod)]
    running = [pod for pod in pods if phase_of(pod) == "Running" and is_ready(pod)]
    numbers = {
        "replicas": len(pods),
        "readyReplicas": len(running),
        "availableReplicas": sum(available_in(p, facts.min_ready, now) == 0.0 for p in running),
        "currentReplicas": sum(revision_of(pod) == facts.current for pod in alive),
        "updatedReplicas": sum(revision_of(pod) == facts.update for pod in alive),
    }
    current = facts.current
    whole = numbers["updatedReplicas"] == numbers["replicas"] == numbers["readyReplicas"]
    if not facts.on_delete and whole and facts.partition == 0:
        current, numbers["currentReplicas"] = facts.update, numbers["updatedReplicas"]
    always = {"replicas", "availableReplicas"}
    status: dict[str, Any] = {k: v for k, v in numbers.items() if v or k in always}
    return {
        **status,
        "observedGeneration": statefulset["metadata"].get("generation", 1),
        "currentRevision": current,
        "updateRevision": facts.update,
        "collisionCount": (statefulset.get("status") or {}).get("collisionCount", 0),
    }
