"""What the API server's answers to a dry run say about a restore that has not begun.

A dry run knows the cluster as it is: an object may be refused because of one that the restore
creates first, and accepted although it can never work. This module adds up quotas and roles, and
tries the Pods of each workload.
"""

from __future__ import annotations

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.related import Need, needs
from resilience.backup.objects.selection import Chosen
from resilience.backup.restore.claims_to_fill import ClaimsToFill
from resilience.backup.restore.outcome import Item, Outcome, RestoreReport
from resilience.backup.restore.rehearsal import pod_templates
from resilience.backup.restore.rehearsal.cluster_needs import STORAGE_CLASSES, ClusterNeeds
from resilience.backup.restore.rehearsal.quotas import Quotas
from resilience.backup.restore.rehearsal.recorded_roles import RecordedRoles
from resilience.backup.restore.rehearsal.service_ranges import ServiceRanges
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.restore.writes.server_refusals import GRANTING
from resilience.backup.restore.writes.writing import Written
from resilience.cluster.interface import Cluster, Object
from resilience.cluster.permit.held_rights import HeldRights


class DryRunAnswers:
    """Remembers what is to be created, in the order of the questions. Not thread-safe."""

    def __init__(
        self,
        request: RestoreRequest,
        snapshot: Snapshot,
        cluster: Cluster,
        chosen: Chosen,
        claims: ClaimsToFill,
        report: RestoreReport,
    ) -> None:
        self._claims, self._report, self._cluster = claims, report, cluster
        self._classes = request.targets.storage_classes
        self._coming: set[Need] = set()
        self._needs = ClusterNeeds(cluster)
        self._quotas = Quotas(cluster)
        self._ranges = ServiceRanges()
        self._rights = HeldRights(cluster)
        self._roles = RecordedRoles(snapshot, request.targets, chosen.holds)

    def exceeded(self) -> list[Item]:
        """The quotas for which the objects seen so far are too many or too large."""
        return [
            Item("resourcequotas", namespace, name, Outcome.REJECTED, reason)
            for namespace, name, reason in self._quotas.exceeded()
        ]

    def judged(self, kind: str, obj: Object, written: Written) -> Written:
        """A refusal because of an object that this restore creates first does not count yet. An
        object that the API server accepts but that can never work gets its own outcome."""
        coming = written.outcome in (Outcome.WOULD_CREATE, Outcome.UNASKED)
        if coming or self._claims.is_to_fill(obj):
            asked = obj if coming else self._needs.live(obj)
            if lacking := self._needs.lacking(asked, self._coming):
                return self._in_vain(obj, written, lacking[0])
            if self._needs.unmatched(asked):
                return self._pending(obj, written)
        if coming:
            metadata = obj["metadata"]
            self._coming.add(Need(kind, metadata.get("namespace", ""), metadata["name"]))
            self._ranges.add(obj)
        if written.outcome is Outcome.WOULD_CREATE:
            self._quotas.add(kind, obj)
            if why := pod_templates.refusal(obj, self._cluster, self._coming):
                self._note(f"{obj['kind']} {obj['metadata']['name']}: its Pods are refused: {why}")
        unasked = written.outcome is Outcome.UNASKED
        if unasked and (why := self._rights.why_not(obj, self._roles.rules)):
            return Written(Outcome.REJECTED, f"it {why}; {GRANTING}")
        if written.outcome is Outcome.REJECTED:
            if self._ranges.explain(obj, written.reason):
                return Written(Outcome.UNASKED, f"its range is restored first: {written.reason}")
            for need in needs(obj):  # a refusal for another reason remains a refusal
                if need in self._coming and need.name in written.reason:
                    return Written(Outcome.UNASKED, f"{need} is restored first: {written.reason}")
        return written

    def _in_vain(self, obj: Object, written: Written, need: Need) -> Written:
        what = f"{need} is neither on this cluster nor in what is restored"
        metadata = obj["metadata"]
        if identity(obj) == "PersistentVolumeClaim":
            advice = self._mapped(need)
            if self._claims.is_to_fill(obj):
                return Written(Outcome.REJECTED, f"{what}, so its data has no place: {advice}")
            what = f"{what}, so it stays Pending: {advice}"
        elif need.kind == STORAGE_CLASSES:
            what = f"{what}, so the claims of its Pods stay Pending: {self._mapped(need)}"
        else:
            what = f"{what}, so its Pods are refused"
        self._note(f"{obj['kind']} {metadata['name']}: {what}")
        return written

    def _mapped(self, need: Need) -> str:
        """An option names the snapshot's class, and the object has the one it is mapped to."""
        own = [old for old, new in self._classes.items() if new == need.name] or [need.name]
        return f"map it with --map-storage-class {own[0]}=NAME"

    def _note(self, note: str) -> None:
        if note not in self._report.notes:  # report each note once
            self._report.notes.append(note)

    def _pending(self, claim: Object, written: Written) -> Written:
        what = (
            "no volume on this cluster has the labels of its selector, and no provisioner makes one"
            " for it, so it stays Pending: remove /spec/selector with --modifiers"
        )
        if self._claims.is_to_fill(claim):
            return Written(Outcome.REJECTED, what)
        self._note(f"{claim['kind']} {claim['metadata']['name']}: {what}")
        return written
