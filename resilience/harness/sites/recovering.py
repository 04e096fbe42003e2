"""Before a run: undoes what killed runs left on this cluster, so that no run builds on it.

Reads the local journal and, on a real cluster, the journal in the cluster, which also has runs of
other hosts: these are watched first to see whether they are alive. Failed undos stay in the
journal, are reported, and affect the exit code; they do not keep a run from starting.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.engine.journal.recover import Recovered
    from resilience.engine.journal.takeover import Place
    from resilience.model.verb import Catalogue

Tell = Callable[[str], None]
Heed = Callable[["Recovered"], None]


def from_here(cluster: HttpCluster, directory: Path, verbs: Catalogue, heed: Heed) -> None:
    """Undo what runs of this host left."""
    from resilience.engine.base.real_clock import RealClock
    from resilience.engine.journal.recover import replay

    for result in replay(cluster, directory, verbs, clock=RealClock()):
        if result.skipped and cluster.is_sandbox:
            continue  # a journal of a real cluster does not concern a run on the sandbox
        heed(result)


def from_there(place: Place, wait: float, tell: Tell, heed: Heed) -> None:
    """Undo what dead runs recorded in the cluster's journal. Whether a run is alive is watched for
    up to `wait` seconds, only if there is a journal."""
    from resilience.cluster.errors import ClusterError
    from resilience.engine.journal import takeover

    try:
        results = takeover.recover(place, wait=wait, tell=tell)
    except ClusterError as error:
        tell(f"the journal in the cluster cannot be read: {error}")
        return
    for result in results:
        heed(result)
