"""The embedded sandbox: started for this session and used only by it.

It needs no consent, no locks and no limits; its journal is the local file alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from resilience import cluster as clusters
from resilience.cluster.transport import HttpCluster
from resilience.config.root import project_files
from resilience.engine.base.abort import Aborter, Why
from resilience.engine.base.run_guard import RunGuard
from resilience.engine.guard import consent
from resilience.engine.plan.scenario_reach import of_scenario
from resilience.harness.sites import recovering
from resilience.harness.sites.site import Guarded, Shared, Wanted
from resilience.model.cpu_waits import UNKNOWN, CpuWaits
from resilience.model.scenario import Scenario

if TYPE_CHECKING:
    from resilience.cluster.access.cpu_watch import CpuWatch
    from resilience.cluster.access.embedded import Life


class SandboxSite:
    """One per session."""

    ephemeral = True

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._life: Life | None = None
        self._watch: CpuWatch | None = None

    @contextmanager
    def opened(self) -> Iterator[HttpCluster]:
        from resilience.cluster.access.cpu_watch import CpuWatch
        from resilience.cluster.access.embedded import sandbox

        shared = self._shared
        files = project_files(shared.settings.root)
        with sandbox(nodes=shared.settings.sandbox_nodes, images=files) as embedded:
            self._life = embedded.life
            watch = self._watch = CpuWatch.of(embedded.life.process)
            with watch, clusters.connect(embedded.access) as connected:
                means = consent.means(connected, (), shared.settings.helper_image)
                opened = connected.equipped(means)
                directory = shared.settings.journal_directory
                recovering.from_here(opened, directory, shared.verbs, shared.heed)
                yield opened

    def consent(self, cluster: HttpCluster, scenario: Scenario, namespace: str) -> None:
        of_scenario(scenario, namespace)  # raises Refused for an unreadable plan or manifest

    def rehearsing(self, cluster: HttpCluster, scenario: Scenario, namespace: str) -> Guarded:
        return Guarded(cluster=cluster, guard=RunGuard())

    @contextmanager
    def guarded(self, cluster: HttpCluster, wanted: Wanted) -> Iterator[Guarded]:
        guarded = Guarded(cluster=cluster, guard=RunGuard(), again=lambda wanted: guarded)
        yield guarded

    def cpu_waits(self) -> CpuWaits:
        return UNKNOWN if self._watch is None else self._watch.waits()

    def ending(self, aborter: Aborter) -> AbstractContextManager[None]:
        if self._life is None:
            return nullcontext()
        return self._life.telling(
            lambda why: aborter.abort(why, Why.GONE), lambda why: aborter.abort(why, Why.SICK)
        )
