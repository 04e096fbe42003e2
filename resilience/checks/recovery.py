"""Computes the time to recover from the events of the watch. Pure.

The number of Pods that have to come back is the smaller of two: how many Pods of the workload
served (Ready, not terminating) at the strike, and how many it wants now, since nothing recreates
Pods that are no longer wanted. If none served before, nothing has to come back. A Pod belongs to
the workload through its ReplicaSet, so a rollout's new Pods count. Recovery is the first moment at
which the disruption of every victim is visible and that many serve; a terminating Pod never counts.
A workload with fewer serving Pods again at the end has not recovered: a Pod that crashes in a loop
is ready for a moment each time. Pods that were cut off or got a command (`Fate.TOUCHED`) stay:
their workload has recovered when it is whole for the last time, at once if it never was anything
else. A Pod that belongs to its node (of a DaemonSet, or a static Pod) does not have to come back
while the run keeps that node down. `restarted` is when a container of a Pod that serves was last
started again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from resilience.checks.struck import shows
from resilience.cluster.interface import Object, WatchEvent
from resilience.kube import objects, readiness
from resilience.model.words import many
from resilience.verbs.context import Fate, Victim

Earliest = Callable[[float], float]
"""The earliest moment at which an event received at a given time can have happened."""

Stranded = Callable[[Victim], bool]
"""Whether the victim belongs to a node that this run keeps down, so that no Pod can replace it."""

Wanting = Callable[[Victim, float], int | None]
"""How many Pods the victim's workload wanted at that moment; None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """One action's disruption of one workload. `before` Pods served at the time of the action;
    `due` Pods have to serve now. `seconds` is None if it has not recovered (yet). It may have
    recovered as early as after `fewest` seconds, if the cluster was not observed in between.
    `unready` are Pods of it that do not serve."""

    step: str
    workload: str
    victims: tuple[str, ...]
    before: int
    due: int
    serving: int
    seconds: float | None
    fewest: float | None = None
    struck: float = 0.0
    unready: tuple[Object, ...] = field(default=())
    stranded: int = 0
    """Pods that served before, and cannot come back before their node does."""
    restarted: float | None = None
    """When a container of a Pod that serves now was last started again, not counting the action's
    own crash; None if none was."""
    idle: bool = False
    """Whether none of the victims served at the time of the action, so that it took nothing."""

    @property
    def vain(self) -> bool:
        """Whether nothing has to come back: nothing served before that could, or none is wanted."""
        return self.before <= self.stranded or self.unwanted

    @property
    def unwanted(self) -> bool:
        """Whether the workload was scaled to 0 since, by someone or by an autoscaler. A Job that
        wants no Pod any more is done."""
        return (
            self.due == 0 and self.before > self.stranded and not self.workload.startswith("job/")
        )

    @property
    def doubtful(self) -> bool:
        """Whether the cluster was not observed at the moment of the recovery."""
        return None not in (self.fewest, self.seconds) and self.fewest != self.seconds

    @property
    def text(self) -> str:
        """Readable form."""
        if self.seconds is None:
            return f"{self.workload} has {self.serving} of {self.due} serving Pods back"
        if self.unwanted:
            return f"{self.workload} wants 0 Pods now: none has to come back"
        if self.vain and self.stranded:
            return f"{self.workload} is bound to a node that is down: none has to come back"
        if self.vain:
            return f"{self.workload} had no serving Pod before: none has to come back"
        kept = f"{self.workload} kept its {many(self.due, 'serving Pod')}"
        if self.seconds == 0:
            return kept
        if self.idle:
            return f"{kept}: no victim served"
        if self.doubtful:
            span = f"between {self.fewest:.2f}s and {self.seconds:.2f}s"
            return f"{self.workload} recovered after {span} (the API server did not answer then)"
        return f"{self.workload} recovered in {self.seconds:.2f}s{self._fewer}"

    @property
    def _fewer(self) -> str:
        """Why fewer Pods have to serve than before."""
        could = self.before - self.stranded
        fewer = f", with {self.due} of {could} Pods wanted" if self.due < could else ""
        if not self.stranded:
            return fewer
        return f"{fewer}, without {many(self.stranded, 'Pod')} of a node that is down"


def recoveries(
    victims: Sequence[Victim],
    pods: Sequence[WatchEvent],
    replicasets: Sequence[WatchEvent] = (),
    wanting: Wanting = lambda victim, moment: None,
    earliest: Earliest = lambda received: received,
    stranded: Stranded = lambda victim: False,
) -> list[Recovery]:
    """One recovery per action and workload, in order of the actions. `pods` may hold events of
    workloads as well: each is a moment at which the wanted number may have changed.
    """
    groups: dict[tuple[str, str], list[Victim]] = {}
    for victim in victims:
        groups.setdefault((victim.step, victim.workload or victim.uid), []).append(victim)
    # ReplicaSets are watched only in the run's namespace: for other namespaces the victim's record
    # contains its ReplicaSet.
    own = {victim.owner: victim.workload for victim in victims if victim.owner and victim.workload}
    above = own | _above(replicasets)
    return [
        _Harm(group, above, wanting, earliest, stranded).recovery(pods) for group in groups.values()
    ]


def _above(replicasets: Iterable[WatchEvent]) -> dict[str, str]:
    """The uid of each ReplicaSet's controller, by the ReplicaSet's uid."""
    return {objects.uid(event.object): objects.controller_uid(event.object) or
            objects.uid(event.object) for event in replicasets}  # fmt: skip


class _Harm:
    """Follows the effect of one action on one workload through the events."""

    def __init__(
        self,
        victims: Sequence[Victim],
        above: Mapping[str, str],
        wanting: Wanting,
        earliest: Earliest,
        stranded: Stranded,
    ) -> None:
        self._earliest = earliest
        self._victims = victims
        self._workload = victims[0].workload
        self._above = above
        self._wanting = wanting
        self._stay = all(victim.fate is Fate.TOUCHED for victim in victims)
        self._names = {(victim.namespace, victim.name) for victim in victims}
        self._now: dict[str, Object] = {}
        self._restarted: dict[str, float] = {}
        self._served: frozenset[str] = frozenset()
        self._stranded = {victim.uid for victim in victims if stranded(victim)}

    def recovery(self, events: Sequence[WatchEvent]) -> Recovery:
        struck = min(victim.struck for victim in self._victims)
        for event in events:
            if event.received < struck:
                self._turn(event)
        self._served = frozenset(objects.uid(pod) for pod in self._serving())
        before, seconds, fewest = len(self._served), None, None
        due = self._due(before, struck)
        if self._stay and self._healed(due):  # no event has to follow
            seconds = fewest = 0.0
        for event in events:
            if event.received < struck:
                continue
            self._note_restart(event)
            self._turn(event)
            due = self._due(before, event.received)
            healed = self._healed(due)
            if self._stay and not healed:
                seconds = fewest = None
            elif seconds is None and healed:
                seconds = event.received - struck
                fewest = max(struck, self._earliest(event.received)) - struck
        if len(self._serving()) < due:
            seconds = fewest = None
        return Recovery(
            step=self._victims[0].step,
            workload=self._victims[0].workload_title,
            victims=tuple(f"{victim.namespace}/{victim.name}" for victim in self._victims),
            before=before,
            due=due,
            serving=len(self._serving()),
            seconds=seconds,
            fewest=fewest,
            struck=struck,
            stranded=len(self._stranded & self._served),
            unready=tuple(pod for pod in self._mine() if not readiness.serves(pod)),
            restarted=max(self._restarts(), default=None),
            idle=not any(victim.uid in self._served for victim in self._victims),
        )

    def _due(self, before: int, moment: float) -> int:
        wanted = self._wanting(self._victims[0], moment)
        due = before if wanted is None else min(before, wanted)
        return min(due, before - len(self._stranded & self._served))

    def _note_restart(self, event: WatchEvent) -> None:
        uid = objects.uid(event.object)
        known = self._now.get(uid)
        if known is not None and objects.restarts(event.object) > objects.restarts(known):
            self._restarted[uid] = event.received

    def _restarts(self) -> list[float]:
        own = {victim.uid for victim in self._victims if victim.fate is Fate.RESTARTED}
        serving = {objects.uid(pod) for pod in self._serving()} - own
        return [at for uid, at in self._restarted.items() if uid in serving]

    def _turn(self, event: WatchEvent) -> None:
        if event.type == "DELETED":
            self._now.pop(objects.uid(event.object), None)
        else:
            self._now[objects.uid(event.object)] = event.object

    def _healed(self, due: int) -> bool:
        now = self._now
        if not all(shows(victim, now.get(victim.uid)) for victim in self._victims):
            return False
        if not all(self._whole(victim, now.get(victim.uid)) for victim in self._victims):
            return False
        return len(self._serving()) >= due

    def _whole(self, victim: Victim, pod: Object | None) -> bool:
        """A crashed Pod that still exists has to serve again itself, in a new container, if it
        served before and its node is up.
        """
        if victim.fate is not Fate.RESTARTED or pod is None or objects.is_terminating(pod):
            return True
        if victim.uid not in self._served or victim.uid in self._stranded:
            return True
        return objects.restarts(pod) > victim.restarts and readiness.serves(pod)

    def _serving(self) -> list[Object]:
        return [pod for pod in self._mine() if readiness.serves(pod)]

    def _mine(self) -> list[Object]:
        """Pods of the workload; for a bare Pod, those with its name."""
        pods = [obj for obj in self._now.values() if obj.get("kind", "Pod") == "Pod"]
        return [pod for pod in pods if self._is_mine(pod)]

    def _is_mine(self, pod: Object) -> bool:
        if self._workload:
            owner = objects.controller_uid(pod)
            return self._above.get(owner, owner) == self._workload
        return (objects.namespace(pod), objects.name(pod)) in self._names
