"""Someone's cluster, by its context: changed only with consent, under locks and limits.

A guard refuses before the run begins, or enforces its terms while it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from resilience import cluster as clusters
from resilience.cluster import dry
from resilience.cluster.connection.patience import patient
from resilience.cluster.transport import HttpCluster
from resilience.config.targets import Target
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_guard import RunGuard
from resilience.engine.guard import consent, preflight
from resilience.engine.guard.limits import Limits
from resilience.engine.guard.locks import Locks, ensure_namespace, holder, names
from resilience.engine.journal import takeover
from resilience.engine.journal.journal_configmap import JournalMap
from resilience.engine.plan.scenario_reach import of_scenario
from resilience.harness.sites import recovering
from resilience.harness.sites.site import Guarded, Shared, Wanted
from resilience.harness.sites.target_guard import LimitsOnly, Terms, guard_of, keep
from resilience.model.cpu_waits import UNKNOWN, CpuWaits
from resilience.model.scenario import Scenario
from resilience.model.step_reach import ANY, Reach
from resilience.verbs.context import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSite:
    """One per session."""

    shared: Shared
    targets: Sequence[Target]
    clock: EngineClock

    @property
    def ephemeral(self) -> bool:
        return False

    @contextmanager
    def opened(self) -> Iterator[HttpCluster]:
        shared, settings = self.shared, self.shared.settings
        # In a dry run no change is sent, regardless of the caller.
        gate = dry.gate if settings.dry_run else None
        with clusters.open_context(settings.context, settings.kubeconfig, gate=gate) as named:
            means = consent.means(named, self.targets, settings.helper_image)
            opened = named.equipped(means)
            if not settings.dry_run:
                directory = settings.journal_directory
                recovering.from_here(opened, directory, shared.verbs, shared.heed)
                place = self._place(opened)
                recovering.from_there(place, settings.lock_wait, shared.tell, shared.heed)
            yield opened

    def consent(self, cluster: HttpCluster, scenario: Scenario, namespace: str) -> None:
        reach = of_scenario(scenario, namespace)
        if not reach:  # for instance, it only reads a store and does not depend on the cluster
            return
        agreed = consent.consent_to(cluster, self.targets, reach)
        asking = agreed.given_to(cluster, "the preflight")
        preflight.ask(asking, scenario, namespace, self.shared.settings.journal_namespace)

    def rehearsing(self, cluster: HttpCluster, scenario: Scenario, namespace: str) -> Guarded:
        reach = of_scenario(scenario, namespace)
        target = consent.target_of(cluster, self.targets)
        acting = {namespace, *reach.namespaces}
        guard = LimitsOnly(Limits(target, cluster, acting, self.clock.wall, server=cluster.now))
        try:
            agreed = consent.consent_to(cluster, self.targets, reach)
        except Refused:
            return Guarded(cluster=cluster.under(), guard=guard)
        return Guarded(cluster=agreed.given_to(cluster, "the dry run"), guard=guard)

    @contextmanager
    def guarded(self, cluster: HttpCluster, wanted: Wanted) -> Iterator[Guarded]:
        """Hold the run's locks while the block runs. Refused without consent, when another holds
        the locks, outside of a window, or when the gate blocks it. A run that acts on nothing needs
        no locks."""
        reach = self._everything(cluster, wanted) if wanted.reach is None else wanted.reach
        if not reach:
            yield Guarded(cluster=cluster.under(), guard=RunGuard())
            return
        shared, aborter, settings = self.shared, wanted.aborter, self.shared.settings
        clock = self.clock.checking(aborter.check)
        # An unreachable API server is waited for.
        calm = cluster.through(patient(clock, settings.lock_wait, shared.tell))
        agreed = consent.consent_to(calm, self.targets, reach)
        acted_in = {wanted.namespace, *agreed.reach.namespaces}
        limits = Limits(agreed.target, calm, acted_in, self.clock.wall, server=calm.now)
        limits.open_now()
        books, journal = self._books(cluster), settings.journal_namespace
        patient_books = self._place(cluster).cluster
        ensure_namespace(patient_books, journal)
        locks = Locks(books, journal, names(agreed.reach), holder(wanted.run), clock, shared.tell)
        locks.acquire(settings.lock_wait)
        sink = JournalMap(books, wanted.run, journal, patient=patient_books)

        def under_locks(run: Wanted, limits: Limits) -> Guarded:
            terms = Terms(agreed=agreed, limits=limits, locks=locks, sink=sink)
            guard = guard_of(shared, self.clock, cluster, run, terms)
            acting = agreed.given_to(calm, f"run {run.run}", lambda: locks.lost)
            return Guarded(cluster=acting, guard=guard, sinks=[sink], again=again)

        def again(run: Wanted) -> Guarded | None:
            if run.reach != wanted.reach:
                return None
            fresh = Limits(agreed.target, calm, acted_in, self.clock.wall, server=calm.now)
            fresh.open_now()
            return under_locks(run, fresh)

        try:
            self._undo_dead(cluster, wanted, locks)
            keep(locks, sink, aborter)
            yield under_locks(wanted, limits)
        finally:
            locks.release()

    def cpu_waits(self) -> CpuWaits:
        return UNKNOWN

    def ending(self, aborter: Aborter) -> AbstractContextManager[None]:
        return nullcontext()

    def _everything(self, cluster: HttpCluster, wanted: Wanted) -> Reach:
        """The reach of a test in Python: its namespace, and what its target consents to."""
        target = consent.target_of(cluster, self.targets)
        nodes = cluster.is_sandbox or (target is not None and target.nodes)
        return Reach(namespaces=frozenset({wanted.namespace}), nodes=nodes, cluster_scoped=ANY)

    def _books(self, cluster: HttpCluster) -> HttpCluster:
        """The cluster for this project's own Leases and journals."""
        return consent.books(cluster, self.shared.settings.journal_namespace)

    def _place(self, cluster: HttpCluster) -> takeover.Place:
        """Where to look for dead runs of this cluster."""
        settings = self.shared.settings
        wait = patient(self.clock, settings.lock_wait, self.shared.tell, writes=True)
        return takeover.Place(
            cluster=self._books(cluster).through(wait),
            acting=consent.under_locks(cluster.through(wait), self.targets),
            namespace=settings.journal_namespace,
            verbs=self.shared.verbs,
            clock=self.clock,
            aborter=Aborter(),
            directory=settings.journal_directory,
        )

    def _undo_dead(self, cluster: HttpCluster, wanted: Wanted, locks: Locks) -> None:
        place = self._place(cluster)
        for result in takeover.under_locks(place, wanted.run, locks.names, self.shared.tell):
            self.shared.heed(result)
        takeover.forget_undone_elsewhere(place)
