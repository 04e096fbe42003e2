"""Compiles a plan into its three scenarios: fresh, intact, drill.

So a plan's objectives are handled like those of any scenario, with consent, journal, timeline,
abort, undo and report. The plan's `given:` (only if it creates its own subject) is each scenario's
`given:`; one check under `then:` judges the objectives and returns one finding for each. The steps
of `drill.then` run in the scratch namespace, each until it holds or its `within` has passed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.backup.format.backup_clock import BorrowedClock, SystemClock
from resilience.cluster.errors import ClusterError
from resilience.engine.guard.plan_permissions import of_drill, of_plan
from resilience.engine.plan import scenario_reach
from resilience.model.scenario import Plan, Scenario, Step
from resilience.model.step_reach import Reach, union
from resilience.model.timeline import DRILLED, What
from resilience.model.values import Duration
from resilience.model.verb import Family, Phase, Verb
from resilience.model.verdict import Finding, Result
from resilience.report import wording
from resilience.verbs.context import CheckContext, NotMet, Refused

TITLES = {
    "fresh": "the newest verified snapshot is young enough and no scheduled run was missed",
    "intact": "the newest snapshot has correct hashes, a valid signature and full coverage",
    "drill": "the newest snapshot is restored in time, and matches its record",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Parameters of that check."""

    plan: Plan
    kind: str


def compiled(plan: Plan) -> tuple[Scenario, ...]:
    """The three scenarios, in order; a plan without `drill:` has two."""
    kinds = [kind for kind in TITLES if kind != "drill" or plan.drill]
    return tuple(_scenario(plan, kind) for kind in kinds)


def _scenario(plan: Plan, kind: str) -> Scenario:
    return Scenario(
        id=f"{plan.id}-{kind}",
        title=f"{plan.title}: {TITLES[kind]}",
        tags=(kind, *plan.tags),
        namespace=_named(plan),
        seed=None,
        given=tuple(_bound(step, plan) for step in plan.given),
        probes=(),
        when=(),
        then=(_step(plan, kind),),
        settle=Duration.of(0),
        shares_given=plan.shares_given,
        description=plan.description,
        place=plan.place,
    )


def _named(plan: Plan) -> str:
    """The first namespace that is not a pattern; "" without one: the target's default."""
    return next((name for name in plan.namespaces if not set(name) & set("*?[")), "")


def _bound(step: Step, plan: Plan) -> Step:
    """Lets `snapshot: this` find its plan."""
    this = step.verb.name == "snapshot" and getattr(step.parameters, "plan", "") == "this"
    if not this:
        return step
    make, rehearse = step.verb.run, step.verb.rehearse
    assert rehearse is not None
    made = dataclasses.replace(
        step.verb,
        run=lambda parameters, context: make(parameters, _Own(context, plan)),
        rehearse=lambda parameters, context: rehearse(parameters, _Own(context, plan)),
        rights=lambda parameters, namespace: of_plan(plan),
        touches=lambda parameters, namespace: scenario_reach.of_plan(plan),
    )
    return dataclasses.replace(step, verb=made)


class _Own:
    """A step's context in which `this` is a plan; everything else is unchanged."""

    def __init__(self, context: Any, plan: Plan) -> None:
        self._context, self._plan = context, plan

    def plan(self, name: str) -> Plan:
        return self._plan

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _step(plan: Plan, kind: str) -> Step:
    return Step(
        verb=VERBS[kind],
        parameters=Judgement(plan=plan, kind=kind),
        phase=Phase.THEN,
        path="then[0]",
        place=plan.place,
        name="",
    )


def _store(plan: Plan) -> Any:
    from resilience.backup.plans.lifecycle import plan_store

    return plan_store(plan)


def _keys(context: CheckContext) -> Any:
    from resilience.backup.plans.keys import from_environment

    return from_environment(context.cluster, identity_files=context.identity_files)


def _judged(
    judge: Callable[[Plan, CheckContext], Sequence[Finding]],
) -> Callable[[Judgement, CheckContext], str]:
    """A check that consists of findings. All are kept. A failed finding fails the check without a
    retry; an unmeasured one is left to the verdict. A missing or wrong key or URL says nothing
    about the backup, so the run is refused."""

    def run(parameters: Judgement, context: CheckContext) -> str:
        from resilience.backup.format.errors import BackupError, BadRequest, NoWall, StillThere

        try:
            findings = judge(parameters.plan, context)
        except (NoWall, BadRequest) as problem:
            raise Refused(str(problem)) from problem
        except StillThere as problem:
            context.leave(str(problem))
            raise NotMet(str(problem), final=True) from problem
        except (BackupError, ClusterError) as problem:
            raise NotMet(str(problem), final=True) from problem
        for finding in findings:
            context.add_finding(finding)
        bad = [each for each in findings if each.result is Result.FAILED]
        if bad:
            details = [line for each in bad for line in wording.detail(each)]
            brief = "; ".join(_told(each) for each in bad)
            raise NotMet("\n".join([brief, *dict.fromkeys(details)]), final=True)
        return "; ".join(_told(each) for each in findings)

    return run


def _told(finding: Finding) -> str:
    return f"{finding.name}: {wording.measured(finding)}"


def _fresh(plan: Plan, context: CheckContext) -> Sequence[Finding]:
    from resilience.backup.plans.plan_judge import fresh

    return fresh(
        plan, _store(plan), clock=BorrowedClock(context.clock), cluster=_cluster(plan, context)
    )


def _intact(plan: Plan, context: CheckContext) -> Sequence[Finding]:
    from resilience.backup.plans.plan_judge import intact

    return intact(
        plan,
        _store(plan),
        clock=BorrowedClock(context.clock),
        keys=_keys(context),
        cluster=_cluster(plan, context),
    )


def _cluster(plan: Plan, context: CheckContext) -> str:
    """The uid of the cluster whose snapshots count."""
    from resilience.backup.take.snapshot import cluster_uid

    return plan.source_cluster or cluster_uid(context.cluster)


def _drill(plan: Plan, context: CheckContext) -> Sequence[Finding]:
    from resilience.backup.drills import drill
    from resilience.backup.drills.scratch import left_by
    from resilience.backup.plans.lifecycle import newest
    from resilience.backup.plans.own_snapshots import Here

    keys, clock = _keys(context), BorrowedClock(context.clock)
    here = Here(cluster=_cluster(plan, context), now=clock.now())
    snapshot = newest(_store(plan), plan, keys, here)
    _tell(snapshot, context)
    try:
        report = drill.run(
            plan,
            snapshot,
            context.cluster,
            clock=clock,
            keys=keys,
            prove=lambda namespace: list(_asked(plan, namespace, context)),
            data=_data(plan, context),
            holder=str(context.run),
            leave=context.leave,
        )
    finally:
        patience = SystemClock() if context.aborted else clock
        for text in left_by(context.cluster, str(context.run), clock=patience):
            context.leave(text)
    return report.findings


def _tell(snapshot: Any, context: CheckContext) -> None:
    """Describes the snapshot, for the report. If it cannot be read, the drill reports that."""
    from resilience.backup.format.errors import BackupError

    try:
        manifest = snapshot.manifest
        facts = {
            "name": snapshot.name,
            "started": snapshot.started.isoformat(),
            "store": snapshot.store.url,
            "cluster": manifest.context if manifest else "",
            "objects": manifest.objects if manifest else snapshot.contents.count,
            "bytes": (
                sum(each.size for each in manifest.files) if manifest else snapshot.contents.bytes
            ),
        }
    except BackupError:
        return
    context.note(What.NOTE, f"the drill restores snapshot {snapshot.name}", {DRILLED: facts})


def _data(plan: Plan, context: Any) -> Any:
    from resilience.backup.data.container_stream import ClusterExec
    from resilience.backup.drills.drill_data import data

    return data(
        plan,
        context.cluster,
        ClusterExec(context.cluster),
        clock=BorrowedClock(context.clock),
        name=context.run,
    )


def _asked(plan: Plan, namespace: str, context: CheckContext) -> Iterator[Finding]:
    for step in plan.drill.then if plan.drill else ():
        yield asked_elsewhere(step, namespace, context)


def asked_elsewhere(step: Step, namespace: str, context: CheckContext) -> Finding:
    """A step of `drill.then` in the scratch namespace, repeated until it holds."""
    return _held(step, _Elsewhere(context, step, namespace), namespace)


def _held(step: Step, context: Any, namespace: str) -> Finding:
    ask: Any = step.verb.ask if step.verb.family is Family.PROBE else step.verb.run
    said: list[str] = []
    failed: list[NotMet] = []

    def holds() -> bool:
        try:
            said.append(ask(step.parameters, context))
        except NotMet as problem:
            failed[:] = [problem]
            return problem.final
        failed.clear()
        return True

    context.clock.until(holds, context.deadline)
    good = not failed
    return Finding(
        name=f"then.{step.verb.name}",
        subject=namespace,
        result=Result.PASSED if good else Result.FAILED,
        promised=step.title,
        measured=said[-1] if good else str(failed[0]),
        place=step.place,
    )


class _Elsewhere:
    """A step's context in another namespace; everything else is unchanged."""

    def __init__(self, context: CheckContext, step: Step, namespace: str) -> None:
        self._context: Any = context
        self.step = step
        self.namespace = namespace
        self.asked_since = context.clock.monotonic()
        self.deadline = self.asked_since + step.within.seconds

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        """Recorded in the journal under the nested step's verb, because the surrounding drill could
        not undo it."""
        identity: str = self._context.will_undo_by(self.step.verb, data, text)
        return identity

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _verb(kind: str, judge: Callable[[Plan, CheckContext], Sequence[Finding]]) -> Verb:
    return Verb(
        name=kind,
        family=Family.CHECK,
        summary=TITLES[kind].capitalize() + ".",
        parameters=Judgement,
        phases=frozenset({Phase.THEN}),
        run=_judged(judge),
        describe=lambda judgement: TITLES[judgement.kind],
        rights=lambda judgement, namespace: of_drill(judgement.plan) if kind == "drill" else (),
        touches=lambda judgement, namespace: _touched(judgement.plan, kind),
    )


def _touched(plan: Plan, kind: str) -> Reach:
    """`fresh` and `intact` only read a store."""
    if kind != "drill" or plan.drill is None:
        return Reach()
    directory = Path(plan.place.file).parent
    own = scenario_reach.of_drill(plan)
    return own | union(scenario_reach.of_one(step, each, directory)
                       for step in plan.drill.then for each in own.namespaces)  # fmt: skip


VERBS = {
    "fresh": _verb("fresh", _fresh),
    "intact": _verb("intact", _intact),
    "drill": _verb("drill", _drill),
}
