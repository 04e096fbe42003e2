"""Whether the cluster already shows what an action did to a victim. Pure.

Right after a DELETE everything still looks as before: the Pod is Ready, the controller's status
says 3 of 3. Until the disruption is visible in the run's watch, "ready" would prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from resilience.cluster.interface import Object
from resilience.kube import objects, readiness
from resilience.verbs.context import Fate, Victim


def shows(victim: Victim, pod: Object | None) -> bool:
    """Whether the current state of `pod` (None: gone) shows the disruption."""
    if pod is None or victim.fate is Fate.TOUCHED:
        return True
    if victim.fate is Fate.KEPT:
        return not victim.owner or objects.controller_uid(pod) != victim.owner
    if victim.fate is Fate.GONE:
        return objects.is_terminating(pod)
    return (
        objects.is_terminating(pod)
        or objects.restarts(pod) > victim.restarts
        or not readiness.is_ready(pod)
    )


def not_yet(victims: Iterable[Victim], lookup: Callable[[str], Object | None]) -> list[Victim]:
    """Victims whose disruption is not visible yet."""
    return [victim for victim in victims if not shows(victim, lookup(victim.uid))]
