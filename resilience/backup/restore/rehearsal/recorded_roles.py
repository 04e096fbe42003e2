"""The rules of the Roles that a restore writes before the bindings to them.

They are read only when they are needed, and only once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.skips import reason_to_skip
from resilience.cluster.interface import Object
from resilience.cluster.permit.grants import GROUP, ROLE
from resilience.cluster.permit.held_rights import Rules

ROLES = f"{ROLE.plural}.{GROUP}"
BINDINGS = f"rolebindings.{GROUP}"


@dataclass(slots=True)
class RecordedRoles:
    """`comes` says whether the restore includes an object, by its kind."""

    snapshot: Snapshot
    targets: Targets
    comes: Callable[[str, Object], bool]
    _known: Mapping[tuple[str, str], Rules] | None = field(default=None)

    def rules(self, namespace: str, name: str) -> Rules | None:
        """The rules of the Role with that name in its target namespace; None if the restore has no
        such Role."""
        if self._known is None:
            self._known = self._read()
        return self._known.get((namespace, name))

    def _read(self) -> Mapping[tuple[str, str], Rules]:
        found: dict[tuple[str, str], Rules] = {}
        for each in self.snapshot.contents.objects():
            if each.address.resource != ROLES:
                continue
            obj = each.parsed()
            if self.comes(ROLES, obj) and not reason_to_skip(obj):
                where = self.targets.namespace(each.address.namespace)
                found[where, each.address.name] = obj.get("rules") or ()
        return found
