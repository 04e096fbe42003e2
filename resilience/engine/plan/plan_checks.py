"""The checks of the three scenarios of a plan: each judges its objectives, one finding for each.

A failed finding fails the check without a retry. What says nothing about the backup fails nothing:
after a missing key, a wrong URL or a scratch namespace of someone else the run is refused; if the
store or the API server did not answer, it is not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.backup.format.backup_clock import BorrowedClock, SystemClock
from resilience.cluster.errors import UNSEEN, ClusterError
from resilience.engine.guard.plan_permissions import of_drill
from resilience.engine.plan import scenario_reach
from resilience.engine.plan.scratch_steps import asked
from resilience.kube.clock import ahead
from resilience.model.scenario import Plan
from resilience.model.step_reach import Reach, union
from resilience.model.timeline import DRILLED, What
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
    retry; an unmeasured one is left to the verdict."""

    def run(parameters: Judgement, context: CheckContext) -> str:
        from resilience.backup.format import errors

        try:
            findings = judge(parameters.plan, context)
        except (errors.InUse, errors.NoWall, errors.BadRequest) as problem:
            raise Refused(str(problem)) from problem
        except errors.StillThere as problem:
            context.leave(str(problem))
            raise NotMet(str(problem), final=True) from problem
        except (*errors.UNRELATED, *UNSEEN) as problem:
            raise NotMet(str(problem), final=True, unknown=True) from problem
        except (errors.BackupError, ClusterError) as problem:
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
        plan,
        _store(plan),
        clock=BorrowedClock(context.clock),
        cluster=_cluster(plan, context),
        skew=_skew(plan, context),
    )


def _skew(plan: Plan, context: CheckContext) -> float:
    """Seconds by which the clock of the cluster that is judged is ahead; another one's is
    unknown."""
    return 0.0 if plan.source_cluster else ahead(context.cluster.now(), context.clock.wall())


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
            prove=lambda namespace: list(asked(plan, namespace, context)),
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
