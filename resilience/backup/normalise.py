"""One object without what differs between two lives of it. Pure.

The rules are the restore's own (`rules.RULES`): what a restore drops cannot be compared, and what
it keeps must be equal. Owner references are compared by kind and name, because uids are new.
"""

from __future__ import annotations

import copy

from resilience.backup.rules import strip
from resilience.cluster.interface import Object


def normalised(obj: Object) -> Object:
    """A stripped copy."""
    mine = copy.deepcopy(obj)
    strip(mine)
    metadata = mine["metadata"]
    if owners := metadata.get("ownerReferences"):
        metadata["ownerReferences"] = sorted(
            ({"kind": each["kind"], "name": each["name"]} for each in owners),
            key=lambda owner: (owner["kind"], owner["name"]),
        )
    for field in ("annotations", "labels", "finalizers"):
        if not metadata.get(field, True):
            del metadata[field]
    return mine
