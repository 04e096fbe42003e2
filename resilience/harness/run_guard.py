"""The guards of one run on a real cluster: limits, locks, pace, second journal.

The embedded sandbox needs none of them: only this session uses it, and it ends with the session.
A guard refuses before the run begins, or is passed to the run as a function in its `Options`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from resilience.cluster.connection.pace import Bucket, paced
from resilience.cluster.connection.patience import chained, patient
from resilience.cluster.dry import READS
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import Cluster, Object
from resilience.cluster.transport import Call, HttpCluster
from resilience.config.settings import Settings
from resilience.config.targets import BURST, RATE, Target
from resilience.engine.base.abort import Aborter, Why
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_options import Options
from resilience.engine.guard import consent, preflight
from resilience.engine.guard.consent import Consent
from resilience.engine.guard.limits import Limits
from resilience.engine.guard.locks import Locks, ensure_namespace, holder, names
from resilience.engine.guard.permissions import merged, of_step
from resilience.engine.journal import takeover
from resilience.engine.journal.journal import Sink
from resilience.engine.journal.journal_configmap import JournalMap, is_there
from resilience.engine.journal.recover import Recovered
from resilience.engine.plan.scenario_reach import of_one, of_scenario
from resilience.model.scenario import Scenario, Step
from resilience.model.step_reach import Reach
from resilience.model.verb import Catalogue, Phase
from resilience.verbs.context import Refused

AWAY = 300.0
"""Seconds for which an undo waits for an API server that is away: far longer than a run does."""


class LockLost(ClusterError):
    """Someone else may be acting by now: nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarding:
    """What all runs of a session share."""

    settings: Settings
    targets: Sequence[Target]
    cluster: HttpCluster
    verbs: Catalogue
    clock: EngineClock
    tell: Callable[[str], None]
    heed: Callable[[Recovered], None]
    """Hears what became of each dead run that was found."""

    @contextmanager
    def about(
        self,
        options: Options,
        aborter: Aborter,
        *,
        title: str,
        namespace: str,
        reach: Reach,
    ) -> Iterator[tuple[HttpCluster, Options, Sequence[Sink]]]:
        """The cluster through which the run may act, its options, and its sinks beside the local
        file, with its locks held. Refused when nothing allows it, when someone else holds them,
        outside of a window, or when the gate is shut. A run that acts on nothing needs none."""
        if not reach:
            yield self.cluster.under(), options, ()
            return
        calm = self._calm(aborter)
        agreed = consent.consent_to(calm, self.targets, reach)
        limits = Limits(agreed.target, calm, namespace, self.clock.wall)
        limits.open_now()
        assert options.run is not None
        journal, who = self.settings.journal_namespace, holder(options.run)
        books = self.books
        ensure_namespace(books, journal)
        clock = self.clock.checking(aborter.check)
        locks = Locks(books, journal, names(agreed.reach), who, clock, self.tell)
        locks.acquire(self.settings.lock_wait)
        try:
            self._undo_dead(options, locks)
            sink = JournalMap(books, options.run, journal)
            _keep(locks, sink, aborter)
            acting = agreed.given_to(calm, f"run {options.run}", lambda: locks.lost)
            yield acting, self._hung(options, aborter, agreed, limits, locks, sink, title), [sink]
        finally:
            locks.release()

    @property
    def books(self) -> HttpCluster:
        """The cluster as our own Leases and journals are written to it."""
        return consent.books(self.cluster, self.settings.journal_namespace)

    def _calm(self, aborter: Aborter) -> HttpCluster:
        """For what a run asks beside its steps: an API server that is away is waited for."""
        clock = self.clock.checking(aborter.check)
        return self.cluster.through(patient(clock, self.settings.lock_wait, self.tell))

    def rehearsing(self, scenario: Scenario, namespace: str) -> tuple[Limits, HttpCluster]:
        """The limits of a dry run, and the cluster through which it asks: by the same door as the
        run, which is shut where nothing consents."""
        reach = of_scenario(scenario, namespace)
        target = consent.target_of(self.cluster, self.targets)
        limits = Limits(target, self.cluster, namespace, self.clock.wall)
        try:
            agreed = consent.consent_to(self.cluster, self.targets, reach)
        except Refused:
            return limits, self.cluster.under()
        return limits, agreed.given_to(self.cluster, "the dry run")

    def place(self, directory: Path) -> takeover.Place:
        """Where dead runs of this cluster are looked for."""
        wait = patient(self.clock, self.settings.lock_wait, self.tell, writes=True)
        return takeover.Place(
            cluster=self.books.through(wait),
            acting=consent.under_locks(self.cluster.through(wait), self.targets),
            namespace=self.settings.journal_namespace,
            verbs=self.verbs,
            clock=self.clock,
            aborter=Aborter(),
            directory=directory,
        )

    def _undo_dead(self, options: Options, locks: Locks) -> None:
        place = self.place(options.journal)
        assert options.run is not None
        for result in takeover.under_locks(place, options.run, locks.names, self.tell):
            self.heed(result)
        takeover.forget_undone_elsewhere(place)

    def _hung(
        self,
        options: Options,
        aborter: Aborter,
        agreed: Consent,
        limits: Limits,
        locks: Locks,
        sink: JournalMap,
        title: str,
    ) -> Options:
        agent = _agent(f"run {options.run}; {title}")
        own, target = self.clock.checking(aborter.check), agreed.target

        def may_undo() -> bool:
            return not locks.lost or self._regained(locks, sink, options, aborter)

        acting = chained(
            patient(own, self.settings.lock_wait, self.tell),
            _locked(locks.still_ours, locks, self._pace(target, own)),
        )
        undoing = _locked(lambda: locks.still_ours() or may_undo(), locks,
                          self._pace(target, self.clock))  # fmt: skip
        return replace(
            options,
            before=self._consenting(limits.before, agreed),
            may_harm=limits.may_harm,
            acting=lambda cluster: _through(cluster, acting, agent),
            undoing=lambda cluster: _through(cluster, undoing, agent),
            may_undo=may_undo,
            undone_elsewhere=lambda: bool(locks.lost) and self._undone_elsewhere(options),
            journalled={
                "journal": self.settings.journal_namespace,
                "locks": list(locks.names),
                "holder": locks.who,
            },
        )

    def _consenting(
        self, limited: Callable[[Step], None], agreed: Consent
    ) -> Callable[[Step], None]:
        """Consent that is withdrawn ends the run before its next step; the undo goes on."""

        def before(step: Step) -> None:
            limited(step)
            if step.phase is not Phase.THEN:
                consent.consent_to(self.cluster, self.targets, replace(agreed.reach, objects=()))

        return before

    def _pace(self, target: Target | None, clock: EngineClock) -> Middleware:
        """A bucket of its own; a sandbox that no target speaks of is not spared."""
        if target is None and self.cluster.is_sandbox:
            return lambda call, send: send(call)
        rate, burst = (target.rate, target.burst) if target else (RATE, BURST)
        return paced(Bucket(rate, burst, clock))

    def _regained(self, locks: Locks, sink: JournalMap, options: Options, aborter: Aborter) -> bool:
        """The locks again, and nobody has undone our changes meanwhile."""
        clock = self.clock.checking(aborter.check_undo)
        regained = locks.regain(self.settings.lock_wait, clock, AWAY)
        sink.mute = not regained or self._undone_elsewhere(options)
        return not sink.mute

    def _undone_elsewhere(self, options: Options) -> bool:
        """Whether another run has undone what this one changed: its journal is gone then."""
        run, namespace = str(options.run), self.settings.journal_namespace
        try:
            return not is_there(self.cluster, run, namespace)
        except ClusterError:  # it does not answer: nobody knows
            return False

    def before_each(
        self, limited: Callable[[Step], None], namespace: str
    ) -> Callable[[Step], None]:
        """For tests in Python, whose steps are not known beforehand: consent and rights of each
        step are asked when it comes."""

        def before(step: Step) -> None:
            rights = of_step(step, namespace, Path())
            touched = of_one(step, namespace, Path())
            consent.consent_to(self.cluster, self.targets, touched)
            if elsewhere := sorted(touched.namespaces - {namespace}):
                raise Refused(
                    f"{step.title} acts in namespace {', '.join(elsewhere)}, and a test in Python"
                    f" holds the lock of {namespace} only; name it with --resilience-namespace, or"
                    " write a scenario"
                )
            preflight.require(self.cluster, merged((right, step.title) for right in rights))
            limited(step)

        return before


def _through(cluster: Cluster, middleware: Middleware, agent: str) -> Cluster:
    assert isinstance(cluster, HttpCluster)
    return cluster.through(middleware, agent)


Middleware = Callable[[Call, Callable[[Call], Object]], Object]


def _keep(locks: Locks, sink: JournalMap, aborter: Aborter) -> None:
    def lost(why: str) -> None:
        sink.mute = True
        aborter.abort(f"{why}; nothing more is written", Why.LOCK)

    locks.keep(lost)


def _locked(ours: Callable[[], bool], locks: Locks, inner: Middleware) -> Middleware:
    """Sends no write but under our locks; an undo may wait until they are ours again."""

    def send_if_ours(call: Call, send: Callable[[Call], Object]) -> Object:
        if call.method not in READS and not ours():
            raise LockLost(f"{call.method} {call.path} was not sent: {locks.lost}")
        return inner(call, send)

    return send_if_ours


def _agent(text: str) -> str:
    """A header takes printable ASCII."""
    return text.encode("ascii", "replace").decode().replace("\n", " ")[:200]
