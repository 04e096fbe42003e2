"""What one run carries from phase to phase. Created by `run`, written by contexts, read at the
end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resilience.cluster.errors import ApiError
from resilience.cluster.interface import BUDGETS, EVENTS, PODS, Cluster, Object
from resilience.engine.base import seeds
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_options import Options
from resilience.engine.base.timeline import Timeline
from resilience.engine.evidence.owners import Owners
from resilience.engine.evidence.sight import Clear, Sight
from resilience.engine.evidence.victims import Affected, Struck
from resilience.engine.journal.journal import Journal
from resilience.engine.run.views import Views
from resilience.model.scenario import Scenario
from resilience.model.timeline import What
from resilience.model.values import RunId
from resilience.model.verb import Verb
from resilience.model.verdict import Finding, Outcome, StepRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One executed step, and the outcome of the scenario if this step decides it."""

    record: StepRecord
    outcome: Outcome
    optional: bool


@dataclass(slots=True, kw_only=True)
class RunState:
    """An abort ends waits of `clock`. `when_at` is when `when`, or the first measured block of a
    test in Python, began, and `struck_at` when the first action did. `recorded_as` names the
    journal: another run's if that one began it and shares it."""

    run: RunId
    recorded_as: RunId
    seed: int
    namespace: str
    directory: Path
    cluster: Cluster
    options: Options
    clock: EngineClock
    aborter: Aborter
    timeline: Timeline
    journal: Journal
    views: Views
    owners: Owners
    victims: list[Struck] = field(default_factory=list)
    affected: list[Affected] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    verbs: dict[str, Verb] = field(default_factory=dict)
    residues: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    when_at: float | None = None
    struck_at: float | None = None
    sight: Sight = field(default_factory=Clear)

    def unseen(self, *, last: bool) -> str:
        """Why the state of the cluster is unknown now; "" if it is known. With `last` the next
        answer is decisive, so the API server is tested once more."""
        confirmed = last and self.sight.confirm()
        since = None if confirmed else self.sight.blind_since()
        if since is None:
            return ""
        away = self.clock.monotonic() - since
        return f"the API server has not answered for {away:.0f} s, so nothing is known about"

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        *,
        cluster: Cluster,
        options: Options,
        clock: EngineClock,
        aborter: Aborter,
        timeline: Timeline,
        journal: Journal,
        recorded_as: RunId | None = None,
    ) -> RunState:
        """The state of a run that has not begun."""
        given = [seed for seed in (options.seed, scenario.seed) if seed is not None]
        run = options.run or seeds.new_id(clock.wall())
        return cls(
            run=run,
            recorded_as=recorded_as or run,
            seed=given[0] if given else seeds.fresh(),
            namespace=scenario.namespace or options.namespace,
            directory=options.directory or Path(scenario.place.file).parent,
            cluster=cluster,
            options=options,
            clock=clock,
            aborter=aborter,
            timeline=timeline,
            journal=journal,
            views=Views(cluster, clock),
            owners=Owners(cluster),
        )

    def pod(self, uid: str) -> Object | None:
        """The Pod with that uid as the run's watches show it now."""
        namespaces = {victim.namespace for victim in self.victims if victim.uid == uid}
        for namespace in namespaces or {self.namespace}:
            found = self.views.open(PODS, namespace).by_uid(uid)
            if found is not None:
                return found
        return None

    def open_views(self) -> None:
        """Watch Pods, Events and budgets of the scenario's namespace from the very beginning. If
        Events or budgets may not be read, the run continues without them."""
        self.views.open(PODS, self.namespace)
        for resource, what in ((EVENTS, "Events"), (BUDGETS, "budgets")):
            try:
                self.views.open(resource, self.namespace)
            except ApiError as error:
                self.timeline.note(What.NOTE, f"{what} cannot be shown: {error}")

    def failures(self) -> Sequence[Done]:
        """Failed steps, except optional ones, and flow verbs whose nested step reports the
        failure already."""
        failed = [
            done for done in self.done if done.outcome is not Outcome.PASSED and not done.optional
        ]
        paths = [done.record.path for done in failed]
        return [
            done
            for done in failed
            if not any(path.startswith(f"{done.record.path}.") for path in paths)
        ]
