"""Time to recover, computed from what the watch has shown. Pure.

"As before" is the number of serving Pods (Ready, not terminating) of the workload at the strike. A
Pod belongs to the workload over its ReplicaSet, so a rollout's new Pods count. Recovery is the
first moment at which the harm to every victim shows and that many serve again; a Pod that still
terminates counts for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from resilience.checks.struck import shows
from resilience.cluster.interface import Object, WatchEvent
from resilience.kube import objects
from resilience.verbs.context import Fate, Victim


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """One action's harm to one workload. `seconds` None: not recovered (yet)."""

    step: str
    workload: str
    victims: tuple[str, ...]
    before: int
    serving: int
    seconds: float | None

    @property
    def text(self) -> str:
        """For people."""
        if self.seconds is None:
            return f"{self.workload} has {self.serving} of {self.before} serving Pods back"
        return f"{self.workload} recovered in {self.seconds:.2f}s"


def recoveries(
    victims: Sequence[Victim],
    pods: Sequence[WatchEvent],
    replicasets: Sequence[WatchEvent] = (),
) -> list[Recovery]:
    """One per action and workload, in order of the strikes."""
    groups: dict[tuple[str, str], list[Victim]] = {}
    for victim in victims:
        groups.setdefault((victim.step, victim.workload or victim.uid), []).append(victim)
    # Of another namespace than the run's no ReplicaSets are watched: what was harmed names its own.
    own = {victim.owner: victim.workload for victim in victims if victim.owner and victim.workload}
    above = own | _above(replicasets)
    return [_recovery(group, pods, above) for group in groups.values()]


def _above(replicasets: Iterable[WatchEvent]) -> dict[str, str]:
    """uid of a ReplicaSet to uid of what controls it."""
    return {objects.uid(event.object): objects.controller_uid(event.object) or
            objects.uid(event.object) for event in replicasets}  # fmt: skip


def _recovery(
    victims: Sequence[Victim], events: Sequence[WatchEvent], above: Mapping[str, str]
) -> Recovery:
    workload = victims[0].workload
    struck = min(victim.struck for victim in victims)
    now: dict[str, Object] = {}
    later: list[WatchEvent] = []
    for event in events:
        if event.received < struck:
            _turn(now, event)
        else:
            later.append(event)
    before = max(len(_serving(now, workload, above, victims)), 1)
    seconds = None
    for event in later:
        _turn(now, event)
        if seconds is None and _healed(victims, now, workload, above, before):
            seconds = event.received - struck
    return Recovery(
        step=victims[0].step,
        workload=victims[0].workload_title,
        victims=tuple(f"{victim.namespace}/{victim.name}" for victim in victims),
        before=before,
        serving=len(_serving(now, workload, above, victims)),
        seconds=seconds,
    )


def _turn(now: dict[str, Object], event: WatchEvent) -> None:
    if event.type == "DELETED":
        now.pop(objects.uid(event.object), None)
    else:
        now[objects.uid(event.object)] = event.object


def _healed(
    victims: Sequence[Victim],
    now: Mapping[str, Object],
    workload: str,
    above: Mapping[str, str],
    before: int,
) -> bool:
    if not all(shows(victim, now.get(victim.uid)) for victim in victims):
        return False
    if any(not _whole(victim, now.get(victim.uid)) for victim in victims):
        return False
    return len(_serving(now, workload, above, victims)) >= before


def _whole(victim: Victim, pod: Object | None) -> bool:
    """A crashed Pod that is still there has to serve again itself, in a new container."""
    if victim.fate is not Fate.RESTARTED or pod is None or objects.is_terminating(pod):
        return True
    return objects.restarts(pod) > victim.restarts and objects.serves(pod)


def _serving(
    now: Mapping[str, Object], workload: str, above: Mapping[str, str], victims: Sequence[Victim]
) -> list[Object]:
    """Serving Pods of the workload; of a bare Pod, those of its name."""
    names = {(victim.namespace, victim.name) for victim in victims}
    found = []
    for pod in now.values():
        owner = objects.controller_uid(pod)
        mine = above.get(owner, owner) == workload if workload else (
            (objects.namespace(pod), objects.name(pod)) in names)  # fmt: skip
        if mine and objects.serves(pod):
            found.append(pod)
    return found
