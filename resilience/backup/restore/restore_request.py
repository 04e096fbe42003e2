"""The request for a restore: the choices of its caller, and the caller's own part in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.volume_decisions import Decision
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.rules import Allocations
from resilience.backup.objects.selection import EVERYTHING, Selection
from resilience.backup.restore.writes.writing import Existing
from resilience.cluster.interface import Object

Adjust = Callable[[Object], str | Mapping[str, list[str]]]
"""Changes an object further: returns a reason to leave it out, or the pointers it touched by rule
(a drill's safety rules)."""


Modify = Callable[[str, Object], Mapping[str, list[str]]]
"""Changes an object (of a kind such as `deployments.apps`) on request, before it is mapped;
returns the pointers by change."""


class Filling(Protocol):
    """Restores the data of volumes into claims."""

    def decide(
        self,
        snapshot: Snapshot,
        targets: Targets,
        wanted: Callable[[str, str], bool],
        *,
        look: bool,
    ) -> Sequence[Decision]:
        """What happens to each volume; nothing is written. With `look`, existing claims are
        inspected."""

    def fill(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> list[str]:
        """Called when all claims exist and nothing mounts them; returns a line for each volume."""


def nothing() -> None:
    """Nothing to do."""


def unmodified(kind: str, obj: Object) -> Mapping[str, list[str]]:
    """Nothing to change."""
    return {}


def unadjusted(obj: Object) -> Mapping[str, list[str]]:
    """Nothing to change."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """`name` marks what is created; the same name resumes.

    `allocations`: which cluster IPs and node ports are restored. `status`: globs of custom
    resources (`widgets.example.com`) whose status is written back. With `outside_owners`, owners
    outside the snapshot are kept if they exist; with `appliers`, those who applied an object on the
    server own its fields again. `on_begin` is called once everything was checked
    and nothing is written yet; `before_workloads` once, in another thread, when policies and claims
    exist and before the first Pod or workload is created, while volumes are filled. `modify`
    changes objects on request. `mapped_only`: an object in a namespace that `targets` does not map
    refuses the restore. `without_volume_data` accepts that volumes stay empty whose data only
    Velero can read.
    """

    name: str
    selection: Selection = EVERYTHING
    targets: Targets = field(default_factory=Targets)
    existing: Existing = "fail"
    workers: int = 16
    ask_first: bool = True
    dry_run: bool = False
    mapped_only: bool = False
    without_volume_data: bool = False
    patience: float = 120.0
    modify: Modify = unmodified
    adjust: Adjust = unadjusted
    volumes: Filling | None = None
    allocations: Allocations = "chosen"
    status: tuple[str, ...] = ()
    outside_owners: bool = True
    appliers: bool = True
    on_begin: Callable[[], None] = nothing
    before_workloads: Callable[[], None] = nothing
