"""Restores into a scratch namespace, proves the result and measures the time.

    verify    every hash and the signature
    control   a changed bit and another name are refused by the verification
    wall      the scratch namespace, and the proof that nothing gets out of it: before anything is
              restored, and again in the guise of each workload before any of them is created
    create    everything, made harmless
    ready     until the workloads run
    load      the application's own dumps, where the snapshot holds any
    proven    field by field the same, the sentinel, and the caller's own checks

An RTO is the sum of verify, create, ready, load and proven: it ends when everything is proven, not
when the creation was accepted. The engine calls `run` with `prove`, which executes the plan's
`then:`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.dumps import of
from resilience.backup.drills.drill_data import OBJECTS_ONLY, Data
from resilience.backup.drills.drill_proof import DrillProof
from resilience.backup.drills.drill_report import DrillRecord, DrillReport
from resilience.backup.drills.drill_rights import ADVICE, UNGRANTED, Ungranted, ungranted
from resilience.backup.drills.drill_verification import DrillVerification
from resilience.backup.drills.retained_volumes import RETAINED
from resilience.backup.drills.safety import RULES as HARMLESS
from resilience.backup.drills.safety import Harmless
from resilience.backup.drills.scratch import Leave, nowhere, sweep
from resilience.backup.drills.wall.drill_walls import WALL, DrillWalls
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import RestoreRefused, StillThere
from resilience.backup.objects.mapping import Targets
from resilience.backup.plans.enough import holds_enough, is_empty
from resilience.backup.plans.lifecycle import Keys
from resilience.backup.proof.drill_terms import drill_terms, plural_names
from resilience.backup.restore.outcome import Outcome, RestoreReport
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.cluster.interface import Cluster
from resilience.model.scenario import Plan
from resilience.model.values import Duration
from resilience.model.verdict import Figure, Finding, Result, Unit
from resilience.model.words import many

Prove = Callable[[str], Sequence[Finding]]
"""Further checks to run in a scratch namespace."""


def nothing_more(namespace: str) -> Sequence[Finding]:
    """No further checks."""
    return ()


def into(plan: Plan, namespace: str) -> str:
    """The scratch namespace of one of the plan's namespaces."""
    template = plan.drill.into if plan.drill else "${namespace}-drill"
    return template.replace("${namespace}", namespace)


def run(
    plan: Plan,
    snapshot: Snapshot,
    cluster: Cluster,
    *,
    clock: Clock,
    keys: Keys,
    prove: Prove = nothing_more,
    data: Data = OBJECTS_ONLY,
    holder: str = "",
    leave: Leave = nowhere,
) -> DrillReport:
    """Run the drill; an unmet objective is a finding, and what makes the drill impossible
    raises. `holder` names the run, for others who find the scratch namespace; `leave` gets
    a line for each volume that stays, unless the plan accepts that."""
    return _Drill(plan, snapshot, cluster, clock, keys, data, holder, leave).run(prove)


class _Drill:
    def __init__(
        self,
        plan: Plan,
        snapshot: Snapshot,
        cluster: Cluster,
        clock: Clock,
        keys: Keys,
        data: Data,
        holder: str,
        leave: Leave,
    ) -> None:
        self._kept = list[str]()
        self._leave = self._kept.append if RETAINED in plan.accept else leave
        self._data, self._holder = data, holder
        if keys.trusted != snapshot.trusted:  # what is restored is what was verified
            snapshot = replace(snapshot, trusted=keys.trusted)
        self._plan, self._snapshot, self._cluster = plan, snapshot, cluster
        self._clock = clock
        self._report = DrillReport(plan.id, snapshot.name)
        self._record = DrillRecord(self._report, plan, clock)
        self._names = plural_names(cluster)
        self._custom = plan.drill.custom if plan.drill else ()
        self._targets = Targets()
        self._ungranted = Ungranted()

    def run(self, prove: Prove) -> DrillReport:
        self._report.swept = sweep(self._cluster, clock=self._clock, leave=self._leave)
        verification = DrillVerification(self._plan, self._snapshot, self._record, self._clock)
        if not verification.verified():
            return self._report
        if self._snapshot.listed.ours:
            verification.control()
        self._report.findings += holds_enough(self._snapshot, self._plan)
        if is_empty(self._snapshot):
            return self._report
        self._targets = _mapped(self._plan, self._snapshot)
        if not self._granted():
            return self._report
        try:
            self._restored_and_proven(prove)
        except StillThere:  # the run reports it as a leftover, beside these findings
            if "rto" not in {each.name for each in self._report.findings}:
                raise
        self._tell_kept()
        return self._report

    def _tell_kept(self) -> None:
        if self._kept:
            stays = many(len(self._kept), "volume")
            self._record.find(RETAINED, True, "volumes may stay", f"{stays} left", self._kept)

    def _granted(self) -> bool:
        """Whether every Role may be restored, or left out."""
        self._ungranted = ungranted(self._snapshot, self._targets, self._cluster)
        if not self._ungranted.reasons or UNGRANTED in self._plan.accept:
            return True
        lines = self._ungranted.lines()
        self._record.find(
            "rights",
            False,
            "the drill may restore every Role",
            f"{len(lines)} of its Roles and bindings cannot be restored by this account",
            (*lines[:10], ADVICE),
        )
        return False

    def _restored_and_proven(self, prove: Prove) -> None:
        walls = DrillWalls(
            self._plan, self._snapshot, self._cluster, self._clock, self._targets,
            self._ungranted, self._record, self._holder, self._leave,
        )  # fmt: skip
        with ExitStack() as stack:
            with self._record.timed(WALL):
                for source in self._targets.namespaces:
                    stack.enter_context(walls.scratch(source))
                walls.ask()
            with self._record.timed("create"):
                restored = self._restored(walls.ask_again)
            waited = restored.seconds.get("guard", 0.0)  # volumes were filled meanwhile
            self._report.seconds["create"] -= waited
            self._report.seconds[WALL] += waited
            if restored.complete:
                self._proven(walls, prove)
            self._rto()

    def _proven(self, walls: DrillWalls, prove: Prove) -> None:
        terms = drill_terms(self._custom, self._names, self._ungranted.names)
        proof = DrillProof(
            self._plan, self._snapshot, self._cluster, self._clock, self._data, self._targets,
            terms, self._record,
        )  # fmt: skip
        with self._record.timed("ready"):
            proof.ready()
        walls.ask_at_last()
        if of(self._snapshot):
            with self._record.timed("load"):
                proof.load()
        with self._record.timed("proven"):
            proof.same()
            proof.sentinels()
            for scratch in self._targets.namespaces.values():
                self._report.findings += prove(scratch)

    def _restored(self, before_workloads: Callable[[], None]) -> RestoreReport:
        request = RestoreRequest(
            name=f"drill-{self._snapshot.name}"[:253].rstrip("-."),
            targets=self._targets,
            ask_first=False,
            adjust=self._ungranted.leaving_out(Harmless(custom=self._custom, names=self._names)),
            outside_owners=False,
            appliers=False,
            mapped_only=True,
            without_volume_data=True,
            volumes=self._data.volumes,
            before_workloads=before_workloads,
        )
        report = restore(request, self._snapshot, self._cluster, clock=self._clock)
        self._report.objects = sum(
            report.counts[each] for each in (Outcome.CREATED, Outcome.UPDATED, Outcome.EQUAL)
        )
        for item in report.items:
            for rule in item.rewrites:
                self._report.rewrites[rule] = self._report.rewrites.get(rule, 0) + 1
            if item.outcome is Outcome.LEFT:
                self._report.left.append(str(item))
        bad = [str(item) for item in report.bad]
        self._record.find(
            "restored",
            not bad,
            "everything is created",
            f"{many(self._report.objects, 'object')}, {len(bad)} failed",
            [*bad[:10], *self._report.left, *self._rewritten()],
        )
        return report

    def _rewritten(self) -> list[str]:
        return [
            f"made harmless, {rule}: {many(count, 'object')}"
            for rule, count in sorted(self._report.rewrites.items())
            if rule in HARMLESS
        ]

    def _rto(self) -> None:
        """The finding `rto`: without the time for the wall, because a real restore builds none."""
        rto = self._plan.objective.rto
        seconds = sum(spent for part, spent in self._report.seconds.items() if part != WALL)
        parts = ", ".join(f"{name} {spent:.2f}s" for name, spent in self._report.seconds.items())
        promised = f"restored and proven within {rto}" if rto else "restored and proven"
        proven = all(each.result is Result.PASSED for each in self._report.findings)
        self._record.find(
            "rto",
            proven and (rto is None or seconds <= rto.seconds),
            promised,
            f"{Duration.of(round(seconds, 2))}" + ("" if proven else ", and not proven"),
            (parts,),
            seconds,
            limit=rto.seconds if rto else None,
            unit=Unit.SECONDS,
            phases={name: spent for name, spent in self._report.seconds.items() if name != WALL},
            figure=Figure.RTO,
        )


def _mapped(plan: Plan, snapshot: Snapshot) -> Targets:
    """A scratch namespace for each namespace that contains an object, a separate one for each
    and never one of the snapshot's: an object without one would be restored in production."""
    sources = tuple(sorted(snapshot.contents.namespaces))
    mapping = {each: into(plan, each) for each in sources}
    if not sources:
        raise RestoreRefused(f"snapshot {snapshot.name} holds no namespaced object")
    if len({*mapping.values(), *sources}) < 2 * len(sources):
        raise RestoreRefused(
            f"drill.into of plan {plan.id} must give each of {', '.join(sources)} a namespace of "
            "its own; use ${namespace} in it"
        )
    return Targets(namespaces=mapping)
