"""The last part of a drill: is what was restored alive, and the same as what was recorded?"""

from __future__ import annotations

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.dumps import of
from resilience.backup.data.sentinel import flaw
from resilience.backup.drills.drill_data import Data
from resilience.backup.drills.drill_report import DrillRecord
from resilience.backup.drills.ready import not_ready, workloads
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import BackupError, SentinelFailed
from resilience.backup.objects.mapping import Targets
from resilience.backup.plans.enough import takes_workloads
from resilience.backup.proof.compare import Terms, differing, with_cluster
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import Cluster
from resilience.model.scenario import Plan
from resilience.model.verdict import Unit
from resilience.model.words import many

_PATIENCE = 600.0
_PAUSE = 0.2


class DrillProof:
    """Of the scratch namespaces that `targets` names, on the terms of a drill."""

    def __init__(
        self,
        plan: Plan,
        snapshot: Snapshot,
        cluster: Cluster,
        clock: Clock,
        data: Data,
        targets: Targets,
        terms: Terms,
        record: DrillRecord,
    ) -> None:
        self._plan, self._snapshot, self._cluster = plan, snapshot, cluster
        self._clock, self._data, self._record = clock, data, record
        self._terms = terms
        self._targets, self._sources = targets, tuple(targets.namespaces)

    def ready(self) -> None:
        """Wait until the workloads run."""
        until = self._clock.monotonic() + _PATIENCE
        names = [self._targets.namespace(source) for source in self._sources]
        while waiting := [each for name in names for each in not_ready(self._cluster, name)]:
            if self._clock.monotonic() >= until:
                break
            self._clock.wait(_PAUSE)
        count = sum(workloads(self._cluster, name) for name in names)
        if not count and takes_workloads(self._plan):
            self._record.find(
                "ready",
                False,
                "all workloads are ready",
                "the copy contains no workload, so nothing in it can serve requests",
                self._record.report.left[:10],
            )
            return
        self._record.find(
            "ready",
            not waiting,
            "all workloads are ready",
            f"{many(len(waiting), 'workload')} not" if waiting else f"all are ({count})",
            waiting[:10],
        )

    def load(self) -> None:
        """Load the applications' own dumps."""
        told, problem = list[str](), ""
        try:
            told = self._data.load(self._snapshot, self._targets)
        except BackupError as error:
            problem = str(error)
        wanted = len(of(self._snapshot))
        self._record.find(
            "dumps",
            len(told) == wanted,
            "every dump is loaded",
            problem or f"{len(told)} of {wanted}",
            told,
        )

    def sentinels(self) -> None:
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
            self._record.find(
                "sentinel",
                not problem,
                "the record written before the snapshot is read after the restore",
                problem or f"the record of {self._snapshot.name}",
            )

    def same(self) -> None:
        """Compare field by field."""
        promised = "what was restored matches what was recorded"
        try:
            proof = with_cluster(
                self._snapshot,
                self._cluster,
                namespaces=self._targets.namespaces,
                only=frozenset(self._sources),
                terms=self._terms,
            )
        except ClusterError as problem:
            self._record.find("same", False, promised, str(problem))
            return
        found = proof.changes
        self._record.report.excused = proof.excuses()
        self._record.find(
            "same",
            not found,
            promised,
            differing(len(found)) if found else f"{many(proof.same, 'object')}, field by field",
            [*(str(each) for each in found[:10]), *self._record.report.excused],
            float(len(found)),
            limit=0.0,
            unit=Unit.COUNT,
        )
