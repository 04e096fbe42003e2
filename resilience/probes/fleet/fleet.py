"""Several agents at work: one Job, a log for each of its Pods, and one interface to all of them.

Each agent sends at its share of the rate. It begins at its own offset within the interval, by the
wall clock, so that the agents take turns if their clocks agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from threading import Event, Lock, Thread
from typing import Any

from resilience.cluster import helper_pods
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import JOBS, NODES, SECRETS, Object, View
from resilience.kube import objects
from resilience.model.samples import Sample
from resilience.model.words import many
from resilience.probes.fleet.fleet_job import INDEX, ZONE, FleetSite
from resilience.probes.fleet.merging import AgentSamples, merged
from resilience.probes.prober.incluster import STOP_GRACE, Placing, remove
from resilience.probes.prober.news import News, Part
from resilience.probes.prober.pod_log import PodLog
from resilience.probes.prober.samples import SampleLog

LOOK = 0.1
"""Seconds between two looks for Pods."""

COLLECTED = 30.0
"""Seconds that the cluster's garbage collector has to delete the Pods of a deleted Job."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One Pod of the Job."""

    index: int
    node: str
    zone: str
    log: SampleLog
    lines: PodLog

    def seen(self) -> AgentSamples:
        """What it has measured so far."""
        return AgentSamples(
            index=self.index, node=self.node, zone=self.zone, interval=self.log.interval,
            samples=list(self.log), trouble=self.lines.trouble,
        )  # fmt: skip


class FleetLog(SampleLog):
    """The samples of all agents. It is as steady as its least steady agent."""

    def __init__(self, agents: int) -> None:
        super().__init__()
        self._wanted = agents
        self.agents: list[Agent] = []

    def update(self) -> None:
        """Count again."""
        logs = [agent.log for agent in self.agents]
        latest = {agent.index: agent.log for agent in self.agents}
        self.good = sum(log.good for log in logs)
        self.streak = min(log.streak for log in latest.values()) if self.whole else 0

    @property
    def whole(self) -> bool:
        """Whether every agent has begun."""
        return len({agent.index for agent in self.agents if len(agent.log)}) == self._wanted

    def measured(self) -> list[AgentSamples]:
        """The log of each Pod that has measured anything."""
        return [agent.seen() for agent in list(self.agents) if len(agent.log)]

    def tail(self, count: int) -> Sequence[Sample]:
        """The last samples of all agents, by the time at which they were due."""
        share = -(-count // max(1, len(self.agents)))
        tails = [agent.log.tail(share) for agent in list(self.agents)]
        return list(merge(*tails, key=lambda sample: sample.intended))[-count:]

    def __len__(self) -> int:
        return sum(len(agent.log) for agent in self.agents)

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __iter__(self) -> Any:
        return iter(self._all())

    def _all(self) -> Sequence[Sample]:
        found = self.measured()
        return merged(found, trimmed=False).samples if found else ()


class Fleet:
    """A `resilience.probes.prober.launch.Prober`."""

    def __init__(
        self, site: FleetSite, context: Placing, pods: View, configuration: Mapping[str, Any],
        log: FleetLog, changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._site, self._cluster, self._pods, self._log = site, context.cluster, pods, log
        self._told, self._stuck = changed, ""
        self._grace = int(configuration.get("timeout", 1.0) + STOP_GRACE)
        self._known: set[str] = set()
        self._lock, self._over = Lock(), Event()
        self._where = {"name": site.name, "namespace": site.namespace, "agents": site.agents}
        told = {**configuration, "rate": configuration["rate"] / site.agents,
                "turns": site.agents}  # fmt: skip
        context.will_undo(self._where, f"remove {many(site.agents, 'prober')} "
                          f"{site.namespace}/{site.name}")  # fmt: skip
        self._cluster.create(SECRETS, site.secret(told), site.namespace)
        self._cluster.create(JOBS, site.job(self._grace), site.namespace)
        self._looker = Thread(target=self._watch, daemon=True, name="resilience-fleet")
        self._looker.start()

    @property
    def trouble(self) -> str:
        """Set only if no agent can be trusted any more; trouble of a single agent concerns its
        node."""
        found = [agent.lines.trouble for agent in self._log.agents]
        hopeless = bool(found) and all(found) and len(found) >= self._site.agents
        return self._stuck or (found[0] if hopeless else "")

    @property
    def where(self) -> str:
        """The nodes of the agents; one of them was late."""
        nodes = sorted({agent.node for agent in self._log.agents})
        if len(nodes) == 1:
            return f"node {nodes[0]}"
        named = f"Job {self._site.namespace}/{self._site.name}"
        return f"one of the nodes {', '.join(nodes) or f'of {named}'}"

    @property
    def waiting(self) -> str:
        """Which agents have not begun, and why."""
        begun = {agent.index for agent in self._log.agents if len(agent.log)}
        missing = [number for number in range(self._site.agents) if number not in begun]
        if not missing:
            return ""
        why = {_index(pod): helper_pods.why_not_running(pod) for pod in self._mine()}
        told = [f"agent {number + 1}: {why.get(number, 'it has no Pod')}" for number in missing]
        return (f"{len(missing)} of {many(self._site.agents, 'agent')} of {self._site.name} have "
                f"not begun: {'; '.join(told[:3])}")  # fmt: skip

    @property
    def reasons(self) -> Sequence[tuple[str, str]]:
        """The reasons of all agents, each once."""
        found = [each for agent in self._log.agents for each in agent.lines.news.reasons]
        return list(dict.fromkeys(found))

    @property
    def parts(self) -> Sequence[Part]:
        """Those of all agents."""
        return [part for agent in self._log.agents for part in agent.lines.news.parts]

    @property
    def cost(self) -> Mapping[str, Any]:
        """Of each agent."""
        return {"agents": [{"agent": agent.index + 1, "node": agent.node, "zone": agent.zone,
                            "trouble": agent.lines.trouble, **agent.lines.news.all_costs()}
                           for agent in self._log.agents]}  # fmt: skip

    def wait(self, seconds: float) -> bool:
        """It does not end by itself."""
        return self._over.wait(seconds)

    def stop(self) -> None:
        """Delete the Job, and read the last lines of its Pods. Idempotent."""
        self._over.set()
        self._looker.join()
        for agent in self._log.agents:
            agent.lines.stopping()
        try:
            remove(self._where, self._cluster)
            self._pods.wait(lambda pods: not self._going_on(pods), COLLECTED)
        except ClusterError as error:
            self._stuck = f"the probers could not be stopped: {error}"
        for agent in self._log.agents:
            agent.lines.finish(self._grace + STOP_GRACE)
        self._log.update()

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            for pod in self._mine():
                self._follow(pod)

    def _mine(self) -> Sequence[Object]:
        return [pod for pod in self._pods.objects() if self._is_mine(pod)]

    def _is_mine(self, pod: Object) -> bool:
        return objects.labels(pod).get(helper_pods.AGENT_OF) == self._site.name

    def _going_on(self, pods: Sequence[Object]) -> bool:
        """Whether a Pod has not been asked to end yet. Its grace begins only then: the garbage
        collector deletes it some time after the Job."""
        return any(self._is_mine(pod) and not objects.is_terminating(pod)
                   and not objects.is_finished(pod) for pod in pods)  # fmt: skip

    def _follow(self, pod: Object) -> None:
        node = (pod.get("spec") or {}).get("nodeName") or ""
        if objects.uid(pod) in self._known or not node:
            return
        self._known.add(objects.uid(pod))
        log = SampleLog()
        lines = PodLog(objects.name(pod), self._site.namespace, self._cluster, News(log),
                       self._changed)  # fmt: skip
        self._log.agents.append(Agent(_index(pod), node, self._zone(pod, node), log, lines))
        self._changed()  # what was read before it was in the list has to count as well

    def _zone(self, pod: Object, node: str) -> str:
        """From the Pod, which has it from Kubernetes 1.35 on, else from the node if that may be
        read."""
        if found := objects.labels(pod).get(ZONE):
            return found
        try:
            return objects.labels(self._cluster.get(NODES, node)).get(ZONE, "")
        except ClusterError:
            return ""

    def _changed(self) -> None:
        with self._lock:
            self._log.update()
        self._told()


def _index(pod: Object) -> int:
    return int(objects.annotation(pod, INDEX) or 0)
