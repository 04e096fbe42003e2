"""Before a run: what killed runs left on this cluster is put back; nothing new is built on it.

From the local journal, and on a real cluster from its own, where runs of other machines are told
too. What cannot be put back now stays in its journal, and is told; it keeps no run from beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.engine.journal.takeover import Place
    from resilience.verbs.catalogue import Verbs

Tell = Callable[[str], None]


def from_here(cluster: HttpCluster, directory: Path, verbs: Verbs, tell: Tell) -> None:
    """What runs of this machine left."""
    from resilience.engine.base.real_clock import RealClock
    from resilience.engine.journal.recover import replay

    for result in replay(cluster, directory, verbs, clock=RealClock()):
        if result.skipped and cluster.is_sandbox:
            continue  # a journal of a real cluster does not concern a run on the sandbox
        for line in result.lines:
            tell(f"recovering {line}")


def from_there(place: Place, tell: Tell) -> None:
    """What dead runs left in the cluster's own journal; those that may still live are left."""
    from resilience.cluster.errors import ApiError
    from resilience.engine.journal import takeover

    try:
        results = takeover.recover(place, wait=0.0, tell=tell)
    except ApiError as error:
        tell(f"the journal in the cluster cannot be read: {error}")
        return
    for result in results:
        for line in result.lines if not result.skipped else ():
            tell(f"recovering {line}")
