"""An object of a snapshot as a restore writes it: stripped, changed on request, mapped."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.rules import Rule, strip, with_allocations
from resilience.backup.restore.kept_owners import KeptOwners
from resilience.backup.restore.outcome import STATUS_LEFT
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.restore.served_kinds import Kinds
from resilience.backup.restore.writes.appliers import applied_by
from resilience.cluster.interface import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """`status` and who `applied` the object are written back once it exists; `rewrites` are the
    pointers by rule; `left_out` says why the object is not restored, None if it is."""

    status: Any
    rewrites: Mapping[str, list[str]]
    left_out: str | None = None
    applied: list[dict[str, Any]] = field(default_factory=list)


class Preparation:
    """Changes objects in place, by the rules and by request."""

    def __init__(self, request: RestoreRequest, kinds: Kinds, owners: KeptOwners) -> None:
        self._request, self._kinds, self._owners = request, kinds, owners
        self._rules = with_allocations(request.allocations)
        self._of_kind: dict[str, tuple[Rule, ...]] = {}

    def prepare(self, kind: str, obj: Object, *, asking: bool) -> Prepared:
        """Make an object of the snapshot one of this cluster."""
        recorded = obj.get("status")
        applied = applied_by(obj) if self._request.appliers else []
        rewrites: dict[str, list[str]] = strip(obj, self._rules_of(identity(obj)))
        status = self._status_of(kind, obj, rewrites)
        rewrites |= self._owners.rewrite(obj, asking=asking)
        rewrites |= self._modified(kind, obj, recorded)
        self._request.targets.apply(obj)
        adjusted = self._request.adjust(obj)
        if isinstance(adjusted, str):
            return Prepared(status=status, rewrites={}, left_out=adjusted)
        return Prepared(status=status, rewrites={**rewrites, **adjusted}, applied=applied)

    def _rules_of(self, kind: str) -> tuple[Rule, ...]:
        """Those that can change an object of that kind: few of them."""
        found = self._of_kind.get(kind)
        if found is None:
            found = tuple(rule for rule in self._rules if not rule.kinds or kind in rule.kinds)
            self._of_kind[kind] = found
        return found

    def _status_of(self, kind: str, obj: Object, rewrites: dict[str, list[str]]) -> Any:
        """The status to write back. A create ignores it if it is a subresource."""
        if not self._kinds.has_status(kind) or "status" not in obj:
            return None
        status = obj.pop("status")
        if any(fnmatchcase(kind, pattern) for pattern in self._request.status):
            return status
        rewrites[STATUS_LEFT] = ["/status"]
        return None

    def _modified(self, kind: str, obj: Object, recorded: Any) -> Mapping[str, list[str]]:
        """The requested changes. It may read the recorded status even if the status is not
        restored: a volume's handle is nowhere else."""
        if recorded is None or "status" in obj:
            return self._request.modify(kind, obj)
        obj["status"] = copy.deepcopy(recorded)
        changed = self._request.modify(kind, obj)
        obj.pop("status", None)
        return changed
