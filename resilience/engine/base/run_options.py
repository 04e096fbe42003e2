"""What a run is told from outside, beside the scenario itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from resilience.cluster.interface import Cluster, Object
from resilience.engine.base.seeds import stream
from resilience.model.scenario import Step
from resilience.model.values import RunId
from resilience.verbs.context import RunningProbe

Address = Callable[[Cluster, str, "str | int", str], tuple[str, int]]
"""(cluster, service, port, namespace) -> (host, port) to connect to."""


def _reach(cluster: Cluster, service: str, port: str | int, namespace: str) -> tuple[str, int]:
    from resilience.cluster.reach import address

    host, number = address(cluster, service, port, namespace)
    return str(host), int(number)


def _allow(step: Step) -> None:
    """Without a guard every step may run: consent was asked once, before the run."""


def _harmless(objects: Sequence[Object]) -> None:
    """Without a guard anything may be harmed."""


def _always() -> bool:
    """Without locks none can be lost."""
    return True


def _never() -> bool:
    """Without locks nobody else undoes anything."""
    return False


def _itself(cluster: Cluster) -> Cluster:
    """The cluster as it is."""
    return cluster


def _unseen(probe: RunningProbe) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of one run.

    `seed` overrides the scenario's. `namespace` is used where the scenario names none. `run` is
    chosen when None. `journal` is the directory of the local journal. `undo_within` is what one
    undo may take, in seconds. `ephemeral` marks a cluster that ends with this process. `before`
    is asked before each step and raises `Refused` (pause, gate, windows); `may_harm` is asked with
    all Pods or nodes of an action before the first of them is touched (limits). `acting` and
    `undoing` make of the cluster what actions and what undos go through (pace, locks). `may_undo`
    is asked before the undo: a run that lost its lock must have it again. `undone_elsewhere`: the
    next holder has undone this run meanwhile. `recovery` is the command that undoes what is left.
    `journalled` is added to the journal's first line. `stream` gives each step its
    randomness (a replay repeats choices).
    `observe` is handed each probe once it runs, for who shows progress. `lookout`: ask all the time
    whether the API server answers, so that an answer is not taken from the past.
    """

    seed: int | None = None
    namespace: str = "default"
    run: RunId | None = None
    journal: Path = Path(".resilience/journal")
    undo_within: float = 180.0
    steady_within: float = 30.0
    ephemeral: bool = False
    environment: Mapping[str, Any] = field(default_factory=dict)
    address: Address = _reach
    before: Callable[[Step], None] = _allow
    may_harm: Callable[[Sequence[Object]], None] = _harmless
    acting: Callable[[Cluster], Cluster] = _itself
    undoing: Callable[[Cluster], Cluster] = _itself
    may_undo: Callable[[], bool] = _always
    undone_elsewhere: Callable[[], bool] = _never
    recovery: str = "resilience recover"
    stream: Callable[[int, str], Random] = stream
    journalled: Mapping[str, Any] = field(default_factory=dict)
    observe: Callable[[RunningProbe], None] = _unseen
    lookout: bool = False
