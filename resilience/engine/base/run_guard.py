"""The restrictions of one run while it acts: consent, limits, locks, pace.

The base class restricts nothing: it is for a cluster that only this process uses, such as the
embedded sandbox. The guard of a target overrides methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.cluster.interface import Cluster, Object
from resilience.model.scenario import Step


class RunGuard:
    """Created for one run; used from several threads."""

    @property
    def journalled(self) -> Mapping[str, Any]:
        """The guard's description in the first line of the journal."""
        return {}

    def before(self, step: Step) -> None:
        """Called before each step; raises Refused if the run must end (pause, gate, windows)."""

    def may_harm(self, chosen: Sequence[Object]) -> None:
        """Called with all Pods or nodes of an action before the first is touched; raises Refused
        if they are too many."""

    def may_harm_some(self, candidates: Sequence[Object], most: int) -> object:
        """Called when at most so many of these Pods will be touched and nobody knows which; raises
        Refused if any such choice is too many, together with all that was declared before. Returns
        what `were_chosen` takes."""
        return None

    def were_chosen(self, chosen: Sequence[Object], of: Sequence[object]) -> None:
        """Called once it is known what was chosen of what `may_harm_some` reserved."""
        self.may_harm(chosen)

    def acting(self, cluster: Cluster) -> Cluster:
        """The cluster for actions."""
        return cluster

    def undoing(self, cluster: Cluster) -> Cluster:
        """The cluster for undos."""
        return cluster

    def may_undo(self) -> bool:
        """Called before the undo; False if another run holds the lock and does not release it."""
        return True

    def undone_elsewhere(self) -> bool:
        """Whether the next holder of the lock has undone this run."""
        return False
