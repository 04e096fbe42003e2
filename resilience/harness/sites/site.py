"""What a session needs from the place where its runs act."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from resilience.cluster.transport import HttpCluster
from resilience.config.settings import Settings
from resilience.engine.base.abort import Aborter
from resilience.engine.base.run_guard import RunGuard
from resilience.engine.base.run_options import Options
from resilience.engine.journal.journal import Sink
from resilience.engine.journal.recover import Recovered
from resilience.model.cpu_waits import CpuWaits
from resilience.model.scenario import Scenario
from resilience.model.step_reach import Reach
from resilience.model.values import RunId
from resilience.model.verb import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Shared by all runs of a session. `heed` receives the result for each dead run."""

    settings: Settings
    verbs: Catalogue
    tell: Callable[[str], None]
    heed: Callable[[Recovered], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A run before it begins. `reach` is what it may change; None: a test in Python, whose reach
    is learned step by step."""

    scenario: Scenario
    options: Options
    reach: Reach | None
    aborter: Aborter

    @property
    def run(self) -> RunId:
        """Its name."""
        assert self.options.run is not None
        return self.options.run

    @property
    def namespace(self) -> str:
        """The scenario's own namespace, or else that of the settings."""
        return self.scenario.namespace or self.options.namespace

    @property
    def directory(self) -> Path:
        """The base of relative paths in its steps."""
        return self.options.directory or Path(self.scenario.place.file).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What a run needs: its cluster, its guard, and its journals in addition to the local file.
    `again` is called for each further run under the same locks: it has limits of its own. It
    returns None if those locks are not its own, and raises Refused if the run may not begin."""

    cluster: HttpCluster
    guard: RunGuard
    sinks: Sequence[Sink] = ()
    again: Callable[[Wanted], Guarded | None] = lambda wanted: None


class Site(Protocol):
    """The sandbox of this session, or a target."""

    @property
    def ephemeral(self) -> bool:
        """Whether the cluster ends with the session."""

    def opened(self) -> AbstractContextManager[HttpCluster]:
        """The cluster, after what dead runs left has been undone."""

    def consent(self, cluster: HttpCluster, scenario: Scenario, namespace: str) -> None:
        """Raises Refused if the scenario is not permitted."""

    def rehearsing(self, cluster: HttpCluster, scenario: Scenario, namespace: str) -> Guarded:
        """The cluster for a dry run, which needs the same consent as the run."""

    def guarded(self, cluster: HttpCluster, wanted: Wanted) -> AbstractContextManager[Guarded]:
        """Held for the duration of the run. Raises Refused if the run may not begin."""

    def cpu_waits(self) -> CpuWaits:
        """How long Pods have waited for a CPU that other programs used; without spans where nobody
        knows."""

    def ending(self, aborter: Aborter) -> AbstractContextManager[None]:
        """Aborts the run if the cluster ends, or cannot work."""
