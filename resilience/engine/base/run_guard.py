"""What one run is held to while it acts: consent, limits, locks, pace.

The base class holds to nothing: it stands for a cluster that only this process uses, such as the
embedded sandbox. The guard of a target overrides what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.cluster.interface import Cluster, Object
from resilience.model.scenario import Step


class RunGuard:
    """Made for one run; asked from several threads."""

    @property
    def journalled(self) -> Mapping[str, Any]:
        """What the first line of the journal says about it."""
        return {}

    def before(self, step: Step) -> None:
        """Called before each step; raises Refused where the run must end (pause, gate, windows)."""

    def may_harm(self, chosen: Sequence[Object]) -> None:
        """Called with all Pods or nodes of an action before the first is touched; raises Refused
        where they are too many."""

    def acting(self, cluster: Cluster) -> Cluster:
        """The cluster that actions go through."""
        return cluster

    def undoing(self, cluster: Cluster) -> Cluster:
        """The cluster that undos go through."""
        return cluster

    def may_undo(self) -> bool:
        """Called before the undo; False where another run holds the lock for good."""
        return True

    def undone_elsewhere(self) -> bool:
        """Whether the next holder of the lock has undone this run."""
        return False
