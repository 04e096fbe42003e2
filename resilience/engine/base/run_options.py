"""Settings of a run from outside, in addition to the scenario itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from resilience.cluster.interface import Cluster
from resilience.engine.base.run_guard import RunGuard
from resilience.engine.base.seeds import stream
from resilience.model.cpu_waits import UNKNOWN, CpuWaits
from resilience.model.values import RunId
from resilience.verbs.context import RunningProbe

Address = Callable[[Cluster, str, "str | int", str], tuple[str, int]]
"""(cluster, service, port, namespace) -> (host, port) to connect to."""


def _reach(cluster: Cluster, service: str, port: str | int, namespace: str) -> tuple[str, int]:
    from resilience.cluster.reach import address

    host, number = address(cluster, service, port, namespace)
    return str(host), int(number)


def _unseen(probe: RunningProbe) -> None:
    """Observes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of one run.

    `seed` overrides the scenario's. `namespace` is used if the scenario does not set one.
    `directory` is the base of relative paths in steps; None means the scenario's own folder. `run`
    is generated when None. `identity_files` hold age private keys. `journal` is the directory of
    the local journal. `undo_within` is how long one undo may take, in seconds. `ephemeral` marks a
    cluster that ends with this process. `guard` holds the run's restrictions. `recovery` is the
    command that runs the remaining undos. `stream` gives each step its randomness (a replay repeats
    choices). `observe` receives each probe once it runs, to show progress. `struck_before` reads
    from earlier reports when each Pod was disrupted. With `lookout` the run keeps testing whether
    the API server answers, so that no check relies on outdated data. `cpu_waits` is how long the
    Pods of this cluster have waited for a CPU so far, without spans where nobody knows.
    """

    seed: int | None = None
    namespace: str = "default"
    directory: Path | None = None
    run: RunId | None = None
    identity_files: Sequence[str] = ()
    journal: Path = Path(".resilience/journal")
    undo_within: float = 180.0
    steady_within: float = 30.0
    ephemeral: bool = False
    environment: Mapping[str, Any] = field(default_factory=dict)
    address: Address = _reach
    guard: RunGuard = field(default_factory=RunGuard)
    recovery: str = "resilience recover"
    stream: Callable[[int, str], Random] = stream
    observe: Callable[[RunningProbe], None] = _unseen
    struck_before: Callable[[], Mapping[str, float]] = dict
    lookout: bool = False
    cpu_waits: Callable[[], CpuWaits] = lambda: UNKNOWN
