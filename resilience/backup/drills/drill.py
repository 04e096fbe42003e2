"""Restores into a scratch namespace, proves the result and measures the time.

    verify    every hash and the signature
    control   a changed bit and another name are refused by the verification
    wall      the scratch namespace, and the proof that nothing gets out of it: before anything is
              restored, and again in the guise of each workload before any of them is created
    create    everything, made harmless
    ready     until the workloads run
    load      the application's own dumps, where the snapshot holds any
    proven    field by field the same, the sentinel, and whatever the caller's own checks ask

An RTO is the sum of verify, create, ready, load and proven: it ends when everything is proven, not
when the creation was accepted. The engine calls `run` with `prove`, which executes the plan's
`then:`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.velero_check import check
from resilience.backup.catalog.velero_volumes import unread
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import record
from resilience.backup.data.dumps import of
from resilience.backup.data.sentinel import flaw
from resilience.backup.drills.canary import require_wall
from resilience.backup.drills.canary_guises import PLAIN, Guise, guises, stand_in
from resilience.backup.drills.drill_data import OBJECTS_ONLY, Data
from resilience.backup.drills.drill_rights import ADVICE, UNGRANTED, Ungranted, ungranted
from resilience.backup.drills.negative_controls import unseen
from resilience.backup.drills.pull_secrets import copied, pull_secrets
from resilience.backup.drills.ready import not_ready, workloads
from resilience.backup.drills.safety import RULES as HARMLESS
from resilience.backup.drills.safety import Harmless
from resilience.backup.drills.scratch import Origin, lease, require_standing, scratch, sweep
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import (
    BackupError,
    NoWall,
    RestoreRefused,
    SentinelFailed,
    StillThere,
)
from resilience.backup.format.velero_backup import PARTIAL
from resilience.backup.objects.mapping import Targets
from resilience.backup.plans.enough import holds_enough, is_empty, takes_workloads
from resilience.backup.plans.lifecycle import Keys
from resilience.backup.proof.compare import differing, objects, with_cluster
from resilience.backup.proof.drill_terms import drill_terms, plural_names
from resilience.backup.restore.outcome import Outcome, RestoreReport
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.cluster.stand_in import StandIn
from resilience.model.progress import track
from resilience.model.scenario import Plan
from resilience.model.values import Duration
from resilience.model.verdict import Figure, Finding, Result, Unit
from resilience.model.words import many

TTL = timedelta(hours=4)
WALL = "wall"
VOLUME_DATA = "volume-data"
"""In a plan's `accept`: volumes may stay empty if only Velero can read their data."""
_PATIENCE = 600.0
_PAUSE = 0.2

Prove = Callable[[str], Sequence[Finding]]
"""Further checks to run in a scratch namespace."""


def nothing_more(namespace: str) -> Sequence[Finding]:
    """No further checks."""
    return ()


@dataclass(slots=True)
class DrillReport:
    """`seconds` is by part; `rewrites` counts objects by safety rule; `left` lists what was not
    restored; `excused` lists what the comparison accepted by its closed lists."""

    plan: str
    snapshot: str
    findings: list[Finding] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    objects: int = 0
    rewrites: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    excused: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every objective was met."""
        return all(finding.result is Result.PASSED for finding in self.findings)


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
) -> DrillReport:
    """Run the drill; an unmet objective is a finding, and what makes the drill impossible
    raises. `holder` names the run, for others who find the scratch namespace."""
    return _Drill(plan, snapshot, cluster, clock, keys, data, holder).run(prove)


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
    ) -> None:
        self._data, self._holder = data, holder
        if keys.trusted != snapshot.trusted:  # what is restored is what was verified
            snapshot = replace(snapshot, trusted=keys.trusted)
        self._plan, self._snapshot, self._cluster = plan, snapshot, cluster
        self._clock, self._keys = clock, keys
        self._report = DrillReport(plan.id, snapshot.name)
        self._names = plural_names(cluster)
        self._known: dict[str, set[Guise]] = {}
        self._wall_again = 0.0
        self._custom = plan.drill.custom if plan.drill else ()
        self._sources = tuple[str, ...]()
        self._targets = Targets()
        self._stands_in: dict[str, StandIn] = {}
        self._ungranted = Ungranted()

    def run(self, prove: Prove) -> DrillReport:
        self._report.swept = sweep(self._cluster, clock=self._clock)
        if not self._verified():
            return self._report
        if self._snapshot.listed.ours:
            self._control()
        self._report.findings += holds_enough(self._snapshot, self._plan)
        if is_empty(self._snapshot):
            return self._report
        self._sources, self._targets = _mapped(self._plan, self._snapshot)
        if not self._granted():
            return self._report
        try:
            self._restored_and_proven(prove)
        except StillThere:  # the run reports it as a leftover, beside these findings
            if "rto" not in {each.name for each in self._report.findings}:
                raise
        return self._report

    def _granted(self) -> bool:
        """Whether every Role may be restored, or left out."""
        self._ungranted = ungranted(self._snapshot, self._targets, self._cluster)
        if not self._ungranted.reasons or UNGRANTED in self._plan.accept:
            return True
        lines = self._ungranted.lines()
        self._find(
            "rights",
            False,
            "the drill may restore every Role",
            f"{len(lines)} of its Roles and bindings cannot be restored by this account",
            (*lines[:10], ADVICE),
        )
        return False

    def _restored_and_proven(self, prove: Prove) -> None:
        with ExitStack() as stack:
            with self._timed(WALL):
                for source in self._sources:
                    stack.enter_context(self._scratch(source))
            with self._timed("create"):
                restored = self._restored()
            self._report.seconds["create"] -= self._wall_again
            self._report.seconds[WALL] += self._wall_again
            if restored.complete:
                with self._timed("ready"):
                    self._ready()
                self._asked_at_last()
                if of(self._snapshot):
                    with self._timed("load"):
                        self._loaded()
                with self._timed("proven"):
                    self._same()
                    self._sentinels()
                    for source in self._sources:
                        self._report.findings += prove(self._targets.namespace(source))
            self._rto()

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = self._clock.monotonic()
        try:
            with track(f"drill: {part}", unit=""):
                yield
        finally:
            spent = self._report.seconds.get(part, 0.0)
            self._report.seconds[part] = spent + self._clock.monotonic() - began

    def _find(
        self,
        name: str,
        good: bool,
        promised: str,
        measured: str,
        detail: Sequence[str] = (),
        value: float | None = None,
        limit: float | None = None,
        unit: Unit | None = None,
        phases: Mapping[str, float] | None = None,
        figure: Figure | None = None,
    ) -> None:
        self._report.findings.append(
            Finding(
                name=name,
                result=Result.PASSED if good else Result.FAILED,
                promised=promised,
                measured=measured,
                detail=tuple(detail),
                value=value,
                limit=limit,
                unit=unit,
                parts=phases or {},
                figure=figure,
                place=self._plan.place,
            )
        )

    def _control(self) -> None:
        missed = unseen(self._snapshot, trusted=self._keys.trusted)
        self._find(
            "control",
            not missed,
            "forgeries are refused",
            f"not noticed: {', '.join(missed)}" if missed else "all were refused",
        )

    def _verified(self) -> bool:
        if not self._snapshot.listed.ours:
            return self._whole()
        with self._timed("verify"):
            found = verify(self._snapshot, trusted=self._keys.trusted)
        self._find(
            "intact",
            found.intact,
            "the snapshot is what was written",
            f"{many(found.objects, 'object')}, {many(len(found.findings), 'difference')}",
            found.findings[:10],
            float(found.bytes),
            unit=Unit.BYTES,
        )
        if found.intact:
            try:
                record(self._snapshot, found, self._clock.now())
            except BackupError:
                # A drill may lack the permission to write; `fresh` then relies on the backup's own
                # records.
                return True
        return found.intact

    def _whole(self) -> bool:
        """Velero's own list is the only thing its archive can be compared with."""
        with self._timed("verify"):
            found = check(self._snapshot)
        self._find(
            "whole",
            found.intact,
            "everything that Velero listed is in its archive",
            f"{many(len(found.findings), 'finding')}" if found.findings else "nothing is missing",
            (*found.findings[:10], *found.warnings),
        )
        if found.partial and PARTIAL not in self._plan.accept:
            errors = many(self._snapshot.velero.errors, "error")
            self._find("phase", False, "Velero completed the backup", f"{PARTIAL}, {errors}",
                       (f"accept it by `accept: [{PARTIAL}]`",))  # fmt: skip
        if found.intact:
            self._volume_data()
        return found.intact

    def _volume_data(self) -> None:
        """A finding about volumes that stay empty: an empty volume is not a restore of its data."""
        lost = unread(self._snapshot)
        if lost and VOLUME_DATA not in self._plan.accept:
            advice = f"accept it by `accept: [{VOLUME_DATA}]`"
            self._find("volumes", False, "the data of every volume is restored",
                       f"{many(len(lost), 'volume')} only Velero can read",
                       (*map(str, lost[:10]), advice))  # fmt: skip

    @contextmanager
    def _scratch(self, source: str) -> Iterator[str]:
        origin = Origin(
            plan=self._plan.id,
            store=self._snapshot.store.url,
            snapshot=self._snapshot.name,
            source=source,
            holder=self._holder,
            custom=self._custom,
            ungranted=self._ungranted.of(source),
        )
        with scratch(
            self._cluster, self._targets.namespace(source), origin, clock=self._clock, ttl=TTL
        ) as name:
            self._stands_in[name] = self._stand_in(source, name)
            self._asked(name, (PLAIN,))
            yield name

    def _stand_in(self, source: str, scratch: str) -> StandIn:
        """Where the recorded workloads run, and with what their images are pulled."""
        logins = copied(self._cluster, scratch, pull_secrets(self._recorded(source)))
        return replace(stand_in(self._recorded(source)), pull_secrets=logins)

    def _recorded(self, source: str) -> Iterator[Object]:
        return (
            each.parsed() for each in objects(self._snapshot) if each.address.namespace == source
        )

    def _asked(self, scratch: str, guises: Sequence[Guise], owner: Object | None = None) -> None:
        require_wall(
            self._cluster,
            scratch,
            clock=self._clock,
            helper_image=self._plan.helper_image,
            stands_in=self._stands_in[scratch],
            guises=guises,
            owner=owner,
        )

    def _asked_again(self) -> None:
        """Test the wall with the restored policies in force, with the labels and account of each
        workload."""
        began = self._clock.monotonic()
        found: dict[str, set[Guise]] = {source: set() for source in self._sources}
        for each in objects(self._snapshot):
            if each.address.namespace in found:
                found[each.address.namespace].update(guises([each.parsed()]))
        for source, held in found.items():
            scratch = self._targets.namespace(source)
            self._known[scratch] = held
            self._asked(scratch, sorted(held), lease(self._cluster, scratch))
        self._wall_again = self._clock.monotonic() - began

    def _asked_at_last(self) -> None:
        """Test the wall for Pods without a recorded template, and for all Pods if there are custom
        resources."""
        with self._timed(WALL):
            try:
                self._ask_what_lives()
            except NoWall as problem:
                self._find("wall", False, "nothing gets out of the copy", str(problem))

    def _ask_what_lives(self) -> None:
        for source in self._sources:
            scratch = self._targets.namespace(source)
            living = guises(
                {"apiVersion": "v1", "kind": "Pod"} | pod
                for pod in self._cluster.list(PODS, scratch)
            )
            known = set() if self._custom else {PLAIN, *self._known.get(scratch, ())}
            if new := [each for each in living if each not in known]:
                self._asked(scratch, new, lease(self._cluster, scratch))
            require_standing(self._cluster, scratch)

    def _restored(self) -> RestoreReport:
        request = RestoreRequest(
            name=f"drill-{self._snapshot.name}"[:253].rstrip("-."),
            targets=self._targets,
            ask_first=False,
            adjust=self._ungranted.leaving_out(Harmless(custom=self._custom, names=self._names)),
            outside_owners=False,
            mapped_only=True,
            without_volume_data=True,
            volumes=self._data.volumes,
            before_workloads=self._asked_again,
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
        self._find(
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

    def _ready(self) -> None:
        until = self._clock.monotonic() + _PATIENCE
        names = [self._targets.namespace(source) for source in self._sources]
        while waiting := [each for name in names for each in not_ready(self._cluster, name)]:
            if self._clock.monotonic() >= until:
                break
            self._clock.wait(_PAUSE)
        count = sum(workloads(self._cluster, name) for name in names)
        if not count and takes_workloads(self._plan):
            self._find(
                "ready",
                False,
                "all workloads are ready",
                "the copy contains no workload, so nothing in it can serve requests",
                self._report.left[:10],
            )
            return
        self._find(
            "ready",
            not waiting,
            "all workloads are ready",
            f"{many(len(waiting), 'workload')} not" if waiting else f"all are ({count})",
            waiting[:10],
        )

    def _loaded(self) -> None:
        told, problem = list[str](), ""
        try:
            told = self._data.load(self._snapshot, self._targets)
        except BackupError as error:
            problem = str(error)
        wanted = len(of(self._snapshot))
        self._find(
            "dumps",
            len(told) == wanted,
            "every dump is loaded",
            problem or f"{len(told)} of {wanted}",
            told,
        )

    def _sentinels(self) -> None:
        """Check the record of this snapshot; as a control, a record of another snapshot must not
        pass."""
        manifest = self._snapshot.manifest
        for source in manifest.sentinels if manifest else ():
            try:
                text = self._data.read(self._targets.namespace(source))
                problem = flaw(text, self._snapshot.name)
                if not problem and not flaw(text, f"older than {self._snapshot.name}"):
                    problem = "a sentinel of another snapshot would have passed"
            except (SentinelFailed, ClusterError) as error:
                problem = str(error)
            self._find(
                "sentinel",
                not problem,
                "the record written before the snapshot is read after the restore",
                problem or f"the record of {self._snapshot.name}",
            )

    def _same(self) -> None:
        promised = "what was restored matches what was recorded"
        try:
            proof = with_cluster(
                self._snapshot,
                self._cluster,
                namespaces=self._targets.namespaces,
                only=frozenset(self._sources),
                terms=drill_terms(self._custom, self._names, self._ungranted.names),
            )
        except ClusterError as problem:
            self._find("same", False, promised, str(problem))
            return
        found = proof.changes
        self._report.excused = proof.excuses()
        self._find(
            "same",
            not found,
            promised,
            differing(len(found)) if found else f"{many(proof.same, 'object')}, field by field",
            [*(str(each) for each in found[:10]), *self._report.excused],
            float(len(found)),
            limit=0.0,
            unit=Unit.COUNT,
        )

    def _rto(self) -> None:
        """The time without the wall, which only a drill builds."""
        rto = self._plan.objective.rto
        seconds = sum(spent for part, spent in self._report.seconds.items() if part != WALL)
        parts = ", ".join(f"{name} {spent:.2f}s" for name, spent in self._report.seconds.items())
        promised = f"restored and proven within {rto}" if rto else "restored and proven"
        proven = all(each.result is Result.PASSED for each in self._report.findings)
        self._find(
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


def _mapped(plan: Plan, snapshot: Snapshot) -> tuple[tuple[str, ...], Targets]:
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
    return sources, Targets(namespaces=mapping)
