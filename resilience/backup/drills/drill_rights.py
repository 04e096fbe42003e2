"""Roles and bindings of a snapshot that a drill's account may not grant: found before its scratch
namespace exists.

The account has the permissions of a drill, not those of the applications that it restores, and the
API server lets no one grant permissions that they do not hold. Such a Role fails the drill, by
name, unless the plan accepts that the copy lacks it: behind the wall its Pods cannot reach the API
server, the only place where a Role has an effect.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format.velero import understood
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.skips import reason_to_skip
from resilience.backup.restore.rehearsal.recorded_roles import BINDINGS, ROLES, RecordedRoles
from resilience.backup.restore.restore_request import Adjust
from resilience.cluster.interface import Cluster, Object
from resilience.cluster.permit.held_rights import HeldRights

UNGRANTED = "ungranted"
"""In a plan's `accept`: the copy may lack Roles that the drill's account may not grant."""

ADVICE = (
    f"leave them out of the drill by `accept: [{UNGRANTED}]` in the plan (the copy's Pods cannot "
    "reach the API server, so no check can tell), or grant the drill's account these permissions; "
    "`escalate` and `bind` would let it grant itself anything"
)


@dataclass(frozen=True, slots=True)
class Ungranted:
    """Why each of them cannot be restored, by `Role NAMESPACE/NAME` of the namespace it is for,
    and their names in the snapshot."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    names: Collection[str] = ()

    def leaving_out(self, adjust: Adjust) -> Adjust:
        """The same adjustment, for all objects except these."""

        def adjusted(obj: Object) -> str | Mapping[str, list[str]]:
            why = self.reasons.get(_title(obj), "") if _is_right(obj) else ""
            return f"it {why}" if why else adjust(obj)

        return adjusted

    def of(self, namespace: str) -> tuple[str, ...]:
        """Those of one namespace of the snapshot."""
        return tuple(each for each in self.names if each.split(" ")[1].startswith(f"{namespace}/"))

    def lines(self) -> list[str]:
        """One for each."""
        return [f"{title} {why}" for title, why in sorted(self.reasons.items())]


def ungranted(snapshot: Snapshot, targets: Targets, cluster: Cluster) -> Ungranted:
    """What this account may not write where the drill restores it."""
    if not any(line.address.resource in (ROLES, BINDINGS) for line in snapshot.contents):
        return Ungranted()
    rights = HeldRights(cluster)
    roles = RecordedRoles(snapshot, targets, lambda kind, obj: True)
    reasons, names = dict[str, str](), list[str]()
    for found in snapshot.contents.objects():
        if found.address.resource not in (ROLES, BINDINGS):
            continue
        obj = found.parsed()
        with understood(found.address):
            name = _title(obj)
            if reason_to_skip(obj):
                continue
            targets.apply(obj)
        if why := rights.why_not(obj, roles.rules):
            reasons[_title(obj)] = why
            names.append(name)
    return Ungranted(reasons, tuple(names))


def _is_right(obj: Object) -> bool:
    return obj["kind"] in ("Role", "RoleBinding")


def _title(obj: Object) -> str:
    metadata = obj["metadata"]
    return f"{obj['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
