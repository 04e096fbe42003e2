"""What a kubelet refuses although its node was chosen: more than the node has, a node that the Pod
does not want, host ports that another Pod has.

The scheduler never chooses such a node; but a Pod that sets its node itself bypasses the scheduler.
Sources: pkg/kubelet/lifecycle/predicate.go, and AdmissionCheck of pkg/scheduler/eventhandlers.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.kube import node_affinity
from resilience.sandbox.kube.amounts import amount
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.scheduler.demand import Port, meet, ports_of, requests_of
from resilience.sandbox.scheduler.node_filters import AFFINITY, PORTS

Spec = dict[str, Any]
_OWN = ("cpu", "memory", "ephemeral-storage")
"""Resources that each node has; an unknown one is not the kubelet's to judge."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A resource of which the node has too little, in `amount` units."""

    name: str
    requested: int
    used: int
    capacity: int

    def __str__(self) -> str:
        return (
            f"Node didn't have enough resource: {self.name}, requested: {self.requested}, "
            f"used: {self.used}, capacity: {self.capacity}"
        )


@dataclass(frozen=True, slots=True)
class Room:
    """What one Pod takes of its node."""

    wanted: Mapping[str, int]
    ports: frozenset[Port]


def room_of(spec: Spec) -> Room:
    """The room that a Pod of this spec takes."""
    return Room({"pods": 1, **requests_of(spec)}, ports_of(spec))


def refusal(spec: Spec, node: Obj, others: Sequence[Room]) -> tuple[str, str] | None:
    """Reason and message of a Pod that fails at once; `others` have not ended on its node."""
    room = room_of(spec)
    for lack in lacks(room, node, others):
        return f"OutOf{lack.name}", f"Pod was rejected: {lack}"
    if not node_affinity.node_matches(node, node_affinity.of_pod(spec)):
        return "NodeAffinity", f"Pod was rejected: Predicate NodeAffinity failed: {AFFINITY}"
    used = {port for other in others for port in other.ports} if room.ports else ()
    if any(meet(one, two) for one in room.ports for two in used):
        return "NodePorts", f"Pod was rejected: Predicate NodePorts failed: {PORTS}"
    return None


def lacks(room: Room, node: Obj, others: Sequence[Room]) -> Iterator[Lack]:
    """Resources of which the node has not enough beside the others."""
    there = (node.get("status") or {}).get("allocatable") or {}
    for name, wanted in room.wanted.items():
        if not wanted or (name not in there and name not in _OWN):
            continue
        used = sum(other.wanted.get(name, 0) for other in others)
        most = amount(name, there.get(name, 0))
        if wanted > most - used:
            yield Lack(name, wanted, used, most)
