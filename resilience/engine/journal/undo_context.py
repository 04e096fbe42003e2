"""The context of an undo function, in a run and in a later recovery."""

from __future__ import annotations

from dataclasses import dataclass, field

from resilience.cluster.interface import Cluster
from resilience.engine.base.real_clock import EngineClock
from resilience.model.values import RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """`resilience.verbs.context.UndoContext`: a run's, or a later recovery's."""

    cluster: Cluster
    run: RunId
    clock: EngineClock
    deadline: float
    force: bool = False
    trusted: bool = True
    last: bool = True
    others: set[str] = field(default_factory=set)
    """uids of objects with changes by someone else."""

    def keep(self, uid: str) -> None:
        self.others.add(uid)

    def kept(self, uid: str) -> bool:
        return uid in self.others and not self.force
