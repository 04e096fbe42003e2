"""A probe with several agents: objectives are judged by the agents that saw the whole window; each
other agent gets a row.

What one agent could not see is not measured: it is neither a failure of the service nor a pass. If
this run acted on the agent's node, that is why, and the row passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from resilience.cluster import helper_pods
from resilience.cluster.interface import PODS
from resilience.cluster.stand_in import StandIn
from resilience.model.finding import Finding, Result, Unit, unobserved
from resilience.model.scenario import Objective, Step
from resilience.model.verdict import Window
from resilience.model.words import many, span
from resilience.probes import judge
from resilience.probes.fleet.blindness import Blind, Sight, sight
from resilience.probes.fleet.fleet import Fleet, FleetLog
from resilience.probes.fleet.fleet_job import FleetSite
from resilience.probes.fleet.merging import merged
from resilience.probes.prober.launch import PREFIX, Launch, Prober
from resilience.probes.prober.program import AGENT, Program
from resilience.probes.prober.running import AgentProbe
from resilience.probes.prober.samples import SampleLog

if TYPE_CHECKING:
    from resilience.verbs.context import ProbeContext, RunningProbe


class FleetProbe(AgentProbe):
    """A `RunningProbe` with one prober in several Pods."""

    def __init__(
        self, step: Step, context: ProbeContext, configuration: Mapping[str, Any], target: str,
        facts: Mapping[str, Any], doubt: Callable[[], str] = lambda: "", program: Program = AGENT,
    ) -> None:  # fmt: skip
        self._program = program
        agents: int = step.parameters.agents
        self._agents, self._context = agents, context
        self._namespace = step.parameters.namespace or context.namespace
        self._kept = bool(configuration.get("keepalive"))
        self._fleet = FleetLog(agents)
        super().__init__(
            step, context, configuration, target, {**facts, "agents": agents}, self._launch,
            lambda: doubt() or self._agent.waiting, self._fleet,
        )  # fmt: skip

    def _launch(
        self, configuration: Mapping[str, Any], log: SampleLog, changed: Callable[[], None]
    ) -> Prober:
        pods = self._context.view(PODS, self._namespace)
        site = FleetSite(
            namespace=self._namespace, name=f"{PREFIX}{token_hex(4)}", run=self._context.run,
            stands_in=StandIn.of_any(pods.objects()), agents=self._agents,
            program=self._program, image=helper_pods.image(self._context.cluster),
        )  # fmt: skip
        return Fleet(site, self._context, pods, configuration, self._fleet, changed)

    def judge(self, window: Window) -> Sequence[Finding]:
        """Each objective, judged by the agents that saw the whole window, then the agents
        themselves."""
        found = sight(self._fleet.measured(), window, kept=self._kept)
        promised = self._step.objective or Objective()
        if not found.judging:
            return [*super().judge(window), self._all(window, 0, ())]
        whole = merged(found.judging)
        observed = judge.Observed(
            name=self.name, interval=whole.interval, timeout=self._timeout, samples=whole.samples,
            trouble=self._agent.trouble, where=self._agent.where, reasons=self._reasons(),
        )  # fmt: skip
        nodes = [agent.node for agent in found.judging] if found.seen else []
        own = judge.judge(observed, promised, window)
        return [*(_coarser(each, whole.moved) for each in own),
                self._all(window, len(nodes), nodes),
                *self._rows(window, found)]  # fmt: skip

    def _all(self, window: Window, seeing: int, nodes: Sequence[str]) -> Finding:
        """How many agents the other findings are based on."""
        result = Result.PASSED if seeing else Result.NOT_MEASURED
        text = f"{seeing} of {many(self._agents, 'agent')} saw the service throughout"
        text += f", on {', '.join(sorted(set(nodes)))}" if nodes and seeing else ""
        return Finding(
            name=window.called(self.name, "agents"), subject=self.name, during=window.name,
            result=result, reason=unobserved(result), promised="an agent sees it throughout",
            measured=text, value=float(seeing), unit=Unit.COUNT,
        )  # fmt: skip

    def _rows(self, window: Window, found: Sight) -> Iterator[Finding]:
        """One finding for each blind agent; an agent whose Pod was replaced in time was not
        blind."""
        seeing = {agent.index for agent in found.judging} if found.seen else set()
        numbers = sorted({each.agent.index for each in found.blind})
        for number in numbers:
            mine = [each for each in found.blind if each.agent.index == number]
            if number not in seeing or any(each.cut for each in mine):
                yield self._blind(window, number, mine)

    def _blind(self, window: Window, number: int, mine: Sequence[Blind]) -> Finding:
        nodes = sorted({each.agent.node for each in mine})
        acted = [change.text for change in self._context.changes
                 if change.kind == "Node" and change.name in nodes]  # fmt: skip
        result = Result.PASSED if acted else Result.NOT_MEASURED
        text = "; ".join(_told(each) for each in mine)
        text += f"; this run acted on its node: {acted[0]}" if acted else ""
        return Finding(
            name=window.called(self.name, f"agent_{number + 1}"), subject=self.name,
            during=window.name, result=result, reason=unobserved(result), measured=text,
            promised=f"the service as seen from {', '.join(nodes)}",
        )  # fmt: skip


def begin(
    step: Step, context: ProbeContext, configuration: Mapping[str, Any], target: str,
    facts: Mapping[str, Any], launch: Callable[[], Launch], doubt: Callable[[], str] = lambda: "",
    program: Program = AGENT,
) -> RunningProbe:  # fmt: skip
    """The probe of a step with `agents`: one prober, by `launch`, or several in Pods, which run
    `program`."""
    if step.parameters.agents > 1:
        return FleetProbe(step, context, configuration, target, facts, doubt, program)
    return AgentProbe(step, context, configuration, target, facts, launch(), doubt)


def _coarser(finding: Finding, moved: float) -> Finding:
    """The time by which samples were moved is added to the resolution."""
    if finding.evidence is None:
        return finding
    coarser = replace(finding.evidence, resolution=finding.evidence.resolution + moved)
    return replace(finding, evidence=coarser)


def _told(blind: Blind) -> str:
    agent = blind.agent
    where = f": look at the network of {agent.node}" if blind.cut else ""
    return f"the agent on {agent.node} {_missed(blind)}{where}" + (
        f" ({agent.trouble})" if agent.trouble else ""
    )


def _missed(blind: Blind) -> str:
    if blind.cut:
        seconds = sum(until - since for since, until, _ in blind.cut)
        number = sum(count for _, _, count in blind.cut)
        return (f"was cut off for {span(seconds)} ({many(number, 'request')} without an answer) "
                "while the others had good answers only")  # fmt: skip
    return f"measured nothing for {span(blind.missing)}"
