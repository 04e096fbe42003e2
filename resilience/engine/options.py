"""What a run is told from outside, beside the scenario itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resilience.cluster.interface import Cluster
from resilience.context import RunningProbe
from resilience.model.scenario import Step
from resilience.model.values import RunId

Address = Callable[[Cluster, str, "str | int", str], tuple[str, int]]
"""(cluster, service, port, namespace) -> (host, port) to connect to."""


def _reach(cluster: Cluster, service: str, port: str | int, namespace: str) -> tuple[str, int]:
    from resilience.cluster.reach import address

    host, number = address(cluster, service, port, namespace)
    return str(host), int(number)


def _allow(step: Step) -> None:
    """Without a guard every step may run: consent was asked once, before the run."""


def _unseen(probe: RunningProbe) -> None:
    """Nobody watches."""


def _alive() -> bool:
    """A cluster that is not ours to end is there, even when it does not answer."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of one run.

    `seed` overrides the scenario's. `namespace` is used where the scenario names none. `run` is
    chosen when None. `journal` is the directory of the local journal. `undo_within` is what one
    undo may take, in seconds. `ephemeral` marks a cluster that ends with this process;
    `alive` says whether it still runs, and must be quick. `before`
    is asked before each step and raises `Refused` or blocks (pause, gate, limits). `observe` is
    handed each probe once it runs, for who shows progress.
    """

    seed: int | None = None
    namespace: str = "default"
    run: RunId | None = None
    journal: Path = Path(".resilience/journal")
    undo_within: float = 180.0
    steady_within: float = 30.0
    ephemeral: bool = False
    alive: Callable[[], bool] = _alive
    environment: Mapping[str, Any] = field(default_factory=dict)
    address: Address = _reach
    before: Callable[[Step], None] = _allow
    observe: Callable[[RunningProbe], None] = _unseen
