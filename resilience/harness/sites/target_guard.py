"""The guard of one run on a target: consent, limits, locks, pace, the journal in the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from resilience.cluster.connection.pace import Bucket, paced
from resilience.cluster.connection.patience import chained, patient
from resilience.cluster.dry import READS
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import Cluster, Object
from resilience.cluster.requests.request import Middleware, Request, Send
from resilience.cluster.transport import HttpCluster
from resilience.config.targets import BURST, RATE, BadTarget, Target, load
from resilience.engine.base.abort import Aborter, Why
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_guard import RunGuard
from resilience.engine.guard import consent, preflight
from resilience.engine.guard.consent import Consent
from resilience.engine.guard.limits import Limits
from resilience.engine.guard.locks import Locks
from resilience.engine.guard.permissions import merged, of_step
from resilience.engine.journal.journal_configmap import JournalMap, is_there
from resilience.engine.plan.scenario_reach import of_one
from resilience.harness.sites.site import Shared, Wanted
from resilience.kube import objects
from resilience.model.masks import MASKS
from resilience.model.scenario import Step
from resilience.model.verb import Phase
from resilience.verbs.context import Refused

AWAY = 300.0
"""Seconds for which an undo waits for an API server that is away: far longer than a run does."""


class LockLost(ClusterError):
    """Another run may be acting; nothing was sent."""


class LimitsOnly(RunGuard):
    """For a dry run: the limits refuse as in the run, and nothing is locked."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def before(self, step: Step) -> None:
        self._limits.before(step)

    def may_harm(self, chosen: Sequence[Object]) -> None:
        self._limits.may_harm(chosen)

    def may_harm_some(self, candidates: Sequence[Object], most: int) -> object:
        return self._limits.may_harm_some(candidates, most)

    def were_chosen(self, chosen: Sequence[Object], of: Sequence[object]) -> None:
        self._limits.were_chosen(chosen, of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The permits that a run got before it began."""

    agreed: Consent
    limits: Limits
    locks: Locks
    sink: JournalMap


class TargetGuard(LimitsOnly):
    """Withdrawn consent ends the run before its next step; the undo continues. Writes are sent
    at the target's pace, and only under this run's locks."""

    def __init__(
        self,
        shared: Shared,
        clock: EngineClock,
        cluster: HttpCluster,
        wanted: Wanted,
        terms: Terms,
    ) -> None:
        super().__init__(terms.limits)
        settings = self._settings = shared.settings
        self._clock = clock
        self._cluster = cluster
        self._run = wanted.run
        self._aborter = wanted.aborter
        self._agreed = terms.agreed
        self._locks = terms.locks
        self._sink = terms.sink
        self._namespace = wanted.namespace
        self._directory = wanted.directory
        self._agent = _agent(f"run {wanted.run}; {wanted.scenario.id}")
        own = clock.checking(wanted.aborter.check)
        self._to_act = chained(
            patient(own, settings.lock_wait, shared.tell),
            _locked(self._locks.still_ours, self._locks, self._pace(own)),
        )
        self._to_undo = _locked(
            lambda: self._locks.still_ours() or self.may_undo(), self._locks, self._pace(clock)
        )

    @property
    def journalled(self) -> Mapping[str, Any]:
        return {
            "journal": self._settings.journal_namespace,
            "locks": list(self._locks.names),
            "holder": self._locks.who,
        }

    def before(self, step: Step) -> None:
        super().before(step)
        if step.phase is not Phase.THEN:
            asked = replace(self._agreed.reach, objects=())
            consent.consent_to(self._cluster, self._targets_now(), asked)

    def may_harm(self, chosen: Sequence[Object]) -> None:
        self._require_locked(chosen)
        super().may_harm(chosen)

    def may_harm_some(self, candidates: Sequence[Object], most: int) -> object:
        self._require_locked(candidates)
        return super().may_harm_some(candidates, most)

    def _require_locked(self, chosen: Sequence[Object]) -> None:
        """Refuse a namespace that matches only since the run began: it is not under the run's
        locks."""
        agreed = self._agreed
        there = {objects.namespace(each) for each in chosen} - {""}
        if not agreed.free and not agreed.reach.nodes and there - agreed.reach.namespaces:
            more = ", ".join(sorted(there - agreed.reach.namespaces))
            raise Refused(
                f"Pods of namespace {more} would be harmed, but this run has neither consent nor "
                "a lock for them, because they did not match when it began; run it again"
            )

    def _targets_now(self) -> Sequence[Target]:
        """Check consent against the current files: a removed or narrowed target no longer
        consents."""
        try:
            return load(self._settings.root)
        except BadTarget as error:
            raise Refused(f"the targets changed during the run, and cannot be read: {error}") from (
                error
            )

    def acting(self, cluster: Cluster) -> Cluster:
        return cluster.through(self._to_act, self._agent)

    def undoing(self, cluster: Cluster) -> Cluster:
        return cluster.through(self._to_undo, self._agent)

    def may_undo(self) -> bool:
        return not self._locks.lost or self._regained()

    def undone_elsewhere(self) -> bool:
        return bool(self._locks.lost) and self._journal_is_gone()

    def _pace(self, clock: EngineClock) -> Middleware:
        """The undo's own rate limit; a sandbox without a target is not limited."""
        target = self._agreed.target
        if target is None and self._cluster.is_sandbox:
            return lambda request, send: send(request)
        rate, burst = (target.rate, target.burst) if target else (RATE, BURST)
        return paced(Bucket(rate, burst, clock))

    def _regained(self) -> bool:
        """Regain the locks, if no one has undone this run's changes meanwhile."""
        clock = self._clock.checking(self._aborter.check_undo)
        regained = self._locks.regain(self._settings.lock_wait, clock, AWAY)
        self._sink.mute = not regained or self._journal_is_gone()
        return not self._sink.mute

    def _journal_is_gone(self) -> bool:
        """Whether another run has undone what this one changed: its journal is gone then."""
        try:
            return not is_there(self._cluster, self._run, self._settings.journal_namespace)
        except ClusterError:  # the API server does not answer, so this is unknown
            return False


class StepwiseGuard(TargetGuard):
    """For a test in Python, whose steps are not known beforehand: consent and permissions are
    checked step by step."""

    def before(self, step: Step) -> None:
        rights = of_step(step, self._namespace, self._directory)
        touched = of_one(step, self._namespace, self._directory)
        agreed = consent.consent_to(self._cluster, self._targets_now(), touched)
        places = agreed.reach.namespaces | touched.selected
        if elsewhere := sorted(places - {self._namespace}):
            raise Refused(
                f"{step.title} acts in namespace {', '.join(elsewhere)}, and a test in Python"
                f" holds only the lock of {self._namespace}; set the namespace with "
                "--resilience-namespace,"
                " or write a scenario"
            )
        preflight.require(self._cluster, merged((right, step.title) for right in rights))
        super().before(step)


def guard_of(
    shared: Shared,
    clock: EngineClock,
    cluster: HttpCluster,
    wanted: Wanted,
    terms: Terms,
) -> TargetGuard:
    """The guard of a run whose locks are held."""
    kind = StepwiseGuard if wanted.reach is None else TargetGuard
    return kind(shared, clock, cluster, wanted, terms)


def keep(locks: Locks, sink: JournalMap, aborter: Aborter) -> None:
    """Renew the locks until they are released; a lost one ends the run."""

    def lost(why: str) -> None:
        sink.mute = True
        aborter.abort(f"{why}; nothing more is written", Why.LOCK)

    locks.keep(lost)


def _locked(ours: Callable[[], bool], locks: Locks, inner: Middleware) -> Middleware:
    """Sends writes only under this run's locks; an undo may wait to regain them."""

    def send_if_ours(request: Request, send: Send) -> Object:
        if request.method not in READS and not ours():
            raise LockLost(f"{request.method} {request.path} was not sent: {locks.lost}")
        return inner(request, send)

    return send_if_ours


def _agent(text: str) -> str:
    """A header takes printable ASCII."""
    return MASKS.over(text).encode("ascii", "replace").decode().replace("\n", " ")[:200]
