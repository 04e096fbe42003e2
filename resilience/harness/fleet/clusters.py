"""The clusters of a fleet, each opened when the first item needs it, all closed at the end.

A cluster that could not be opened is not tried again by this process: its items fail at once, and
the other clusters are not affected.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from resilience.cluster.errors import ClusterError
from resilience.engine.guard.identity import identity
from resilience.harness.fleet.of_member import environment_of
from resilience.verbs.context import Refused

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.harness.session import Session


class Dead(ClusterError):
    """A cluster of the fleet that cannot be opened; the text names it."""


class Clusters:
    """One per process."""

    def __init__(self, whole: Session) -> None:
        self._whole = whole
        self._stack = ExitStack()
        self._open: dict[str, HttpCluster] = {}
        self._dead: dict[str, str] = {}
        self._names: dict[str, str] = {}
        """Names of opened clusters by uid."""

    def of(self, name: str) -> HttpCluster:
        """Raises Dead if it cannot be opened, Refused if it is not the cluster that the fleet
        names."""
        if name in self._dead:
            raise Dead(self._dead[name])
        if name not in self._open:
            try:
                opened = self._opened(name)
            except ClusterError as error:
                self._dead[name] = f"cluster {name} of the fleet cannot be opened: {error}"
                raise Dead(self._dead[name]) from error
            self._open[name] = opened
        return self._open[name]

    def close(self) -> None:
        """All of them."""
        self._stack.close()

    def _opened(self, name: str) -> HttpCluster:
        with ExitStack() as own, environment_of(self._whole.fleet[name]):
            cluster = own.enter_context(self._whole.on(name).opened())
            self._require_itself(name, identity(cluster))
            self._stack.enter_context(own.pop_all())
        return cluster

    def _require_itself(self, name: str, uid: str) -> None:
        other = self._names.setdefault(uid, name)
        if other != name:
            raise Refused(same(other, name, uid))
        wanted = self._whole.fleet[name].target
        targets = {each.name: each for each in self._whole.targets}
        if not wanted:
            return
        if wanted not in targets:
            raise Refused(f"cluster {name} of the fleet: there is no target {wanted!r}")
        if targets[wanted].cluster != uid:
            raise Refused(
                f"cluster {name} of the fleet leads to the cluster {uid} (uid of kube-system), and"
                f" its target {wanted!r} is {targets[wanted].cluster}; correct its context, or the"
                " target"
            )


def same(one: str, other: str, uid: str) -> str:
    """The reason why a fleet with these two clusters is refused."""
    return (
        f"{one} and {other} of the fleet are the same cluster (kube-system has the uid {uid} in"
        " both); expected each cluster once: leave one of them out"
    )
