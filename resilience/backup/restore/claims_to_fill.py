"""The claims of a restore whose data comes back, decided once before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.volume_decisions import Act, Decision
from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.selection import Chosen
from resilience.backup.restore.outcome import Item, Outcome
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.cluster.interface import Object

_UNDECIDED = {Act.REFUSE: Outcome.REJECTED, Act.LOOK: Outcome.UNASKED}


class ClaimsToFill:
    """`decisions` are empty until `decide`, and where the caller restores no volumes; `filled` says
    whether `fill` was called."""

    def __init__(self, request: RestoreRequest, snapshot: Snapshot, chosen: Chosen) -> None:
        self._request, self._snapshot, self._chosen = request, snapshot, chosen
        self.decisions: Sequence[Decision] = ()
        self.filled = False

    def decide(self) -> list[Item]:
        """Decide, before anything is written; returns the problems."""
        filling = self._request.volumes
        if not filling:
            return []
        self.decisions = filling.decide(
            self._snapshot, self._request.targets, self._holds, look=not self._request.dry_run
        )
        return [
            Item("volume", each.namespace, each.record.claim, _UNDECIDED[each.act], each.why)
            for each in self.decisions
            if each.act in _UNDECIDED
        ]

    def _holds(self, namespace: str, claim: str) -> bool:
        """Whether the selection holds a claim with its data. Its labels were seen with it."""
        selection = self._request.selection
        if not selection.partial and not selection.exclude:
            return True
        obj = {"kind": "PersistentVolumeClaim", "metadata": {"name": claim, "namespace": namespace}}
        if selection.labels:
            return (namespace, claim) in self._chosen.claims
        return selection.chooses("persistentvolumeclaims", obj)

    def fill(self) -> list[str]:
        """Restore the data; returns a line for each volume."""
        self.filled = True
        filling = self._request.volumes
        return filling.fill(self._snapshot, self.decisions) if filling else []

    def is_to_fill(self, obj: Object) -> bool:
        """Whether it is a claim that has no volume yet, and data to get."""
        if identity(obj) != "PersistentVolumeClaim":
            return False
        title = f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"
        return any(each.title == title and each.act is Act.FILL for each in self.decisions)
