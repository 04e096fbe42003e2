"""Objects whose lifetime is that of a Pod, ReplicaSet or Job that a controller recreates. Pure.

The garbage collector deletes an object together with the last of its owners. A controller's Pod is
replaced by a new one. So an object that only the old Pod owned (a leader's lock, for instance) is
not restored either. Without its owner nothing would ever delete it, and a lock would be held
forever. Claims are an exception: their data is restored, though they have no owner then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from resilience.backup.catalog.contents import Contents
from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.skips import GROWN, regrown
from resilience.cluster.interface import Object


class Holding(Protocol):
    """The part of a snapshot that is needed here: its objects."""

    @property
    def contents(self) -> Contents: ...


def recreated_owners(snapshot: Holding) -> Mapping[str, str]:
    """Owners that controllers recreate: uid to kind and name."""
    contents = snapshot.contents
    wanted = {
        uid for line in contents if line.address.resource not in _THEMSELVES for uid in line.owners
    }
    likely = {line.uid for line in contents if line.uid in wanted and line.kind in _KINDS}
    return {
        line.uid: f"{line.kind} {line.address.name}"
        for line, each in (contents.pairs() if likely else ())
        if line.uid in likely and regrown(each.parsed())
    }


_KINDS = frozenset(each.partition(".")[0] for each in GROWN)
_THEMSELVES = frozenset({"pods", "replicasets.apps", "controllerrevisions.apps"})


def goes_with_owner(obj: Object, recreated: Mapping[str, str]) -> str:
    """Why the object is not restored; "" for an object that has another owner, or none."""
    owners = obj["metadata"].get("ownerReferences") or ()
    names = [recreated.get(str(each.get("uid", "")), "") for each in owners]
    if not names or not all(names) or identity(obj) == "PersistentVolumeClaim":
        return ""
    return f"deleted with its owner {names[0]}, which is recreated without it"
