"""Which of its owners an object keeps in a restore."""

from __future__ import annotations

from collections.abc import Mapping

from resilience.backup.objects.outside_owners import OutsideOwners
from resilience.backup.objects.selection import Chosen
from resilience.backup.restore.owner_links import OwnerLinks
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.cluster.interface import Cluster, Object


class KeptOwners:
    """Rewrites owner references: to restored owners, and to those that outlived their objects."""

    def __init__(
        self, request: RestoreRequest, cluster: Cluster, links: OwnerLinks, chosen: Chosen
    ) -> None:
        self._request, self._links, self._chosen = request, links, chosen
        self._outside = OutsideOwners(cluster)

    def rewrite(self, obj: Object, *, asking: bool) -> Mapping[str, list[str]]:
        """Owners get their new uids, some of them later; returns the pointers by rule. One outside
        of the snapshot is kept if it exists, else dropped: the garbage collector deletes what
        refers to a uid that does not exist (garbagecollector.go, attemptToDeleteItem)."""
        metadata, kept = obj["metadata"], list[Object]()
        rewrites: dict[str, list[str]] = {}
        namespace = metadata.get("namespace", "")
        for owner in metadata.pop("ownerReferences", None) or ():
            if self._comes_back(owner):
                kept += self._links.now(owner, asking=asking)
            elif self._outlives(owner, namespace):
                kept.append(owner)
            else:
                rewrites[f"without its owner {owner['kind']} {owner['name']}"] = [
                    "/metadata/ownerReferences"
                ]
        if kept:
            metadata["ownerReferences"] = kept
        return rewrites

    def _comes_back(self, owner: Object) -> bool:
        """Whether the owner is in the snapshot. A partial restore may have left it out."""
        if owner["uid"] not in self._links.inside:
            return False
        if not self._request.selection.leaves_out:
            return True
        return self._links.knows(owner) or owner["uid"] in self._chosen.uids

    def _outlives(self, owner: Object, namespace: str) -> bool:
        if not self._request.outside_owners:
            return False
        moved = self._request.targets.namespace(namespace) != namespace
        return self._outside.lives(owner, "" if moved else namespace)
