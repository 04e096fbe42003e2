"""A probe with several agents: objectives are judged by the agents that saw the whole window; each
other agent gets a row.

What one agent could not see is not measured: it is neither a failure of the service nor a pass. If
this run acted on the agent's node, that is why, and the row passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from resilience.cluster.interface import PODS
from resilience.cluster.stand_in import StandIn
from resilience.model.finding import Finding, Result, Unit, unobserved
from resilience.model.scenario import Objective, Step
from resilience.model.verdict import Window
from resilience.model.words import many
from resilience.probes.fleet.agent_rows import Row, place, rows
from resilience.probes.fleet.blindness import sight
from resilience.probes.fleet.fleet import Fleet, FleetLog
from resilience.probes.fleet.fleet_job import FleetSite
from resilience.probes.fleet.merging import merged
from resilience.probes.judge import Observed
from resilience.probes.prober.launch import PREFIX, Launch, Prober
from resilience.probes.prober.news import remarks
from resilience.probes.prober.program import AGENT, Program
from resilience.probes.prober.running import AgentProbe
from resilience.probes.prober.samples import SampleLog
from resilience.probes.waiting import judge_fairly

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
            program=self._program, means=self._context.cluster.means,
        )  # fmt: skip
        return Fleet(site, self._context, pods, configuration, self._fleet, changed)

    def judge(self, window: Window) -> Sequence[Finding]:
        """Each objective, judged by the agents that saw the whole window, then the agents
        themselves."""
        agents = self._fleet.measured()
        found = sight(agents, window, kept=self._kept)
        promised = self._step.objective or Objective()
        if not found.judging:
            return [*super().judge(window), self._all(window, 0, ())]
        whole = merged(found.judging)
        observed = Observed(
            name=self.name, interval=whole.interval, timeout=self._timeout, samples=whole.samples,
            trouble=self._agent.trouble, where=self._agent.where, reasons=self._reasons(),
            remarks=remarks(self._agent.cost),
        )  # fmt: skip
        places = [place(agent) for agent in found.judging] if found.seen else []
        own = judge_fairly(observed, promised, window)
        return [*(_coarser(each, whole.moved) for each in own),
                self._all(window, len(places), places),
                *(self._row(window, row) for row in rows(found, agents))]  # fmt: skip

    def _all(self, window: Window, seeing: int, places: Sequence[str]) -> Finding:
        """How many agents the other findings are based on."""
        result = Result.PASSED if seeing else Result.NOT_MEASURED
        text = f"{seeing} of {many(self._agents, 'agent')} saw the service throughout"
        text += f", on {', '.join(sorted(set(places)))}" if places and seeing else ""
        return Finding(
            name=window.called(self.name, "agents"), subject=self.name, during=window.name,
            result=result, reason=unobserved(result), promised="an agent sees it throughout",
            measured=text, value=float(seeing), unit=Unit.COUNT,
        )  # fmt: skip

    def _row(self, window: Window, row: Row) -> Finding:
        changed = {change.name: change.text for change in self._context.changes
                   if change.kind == "Node" and change.name in row.nodes}  # fmt: skip
        explained = row.explained(changed)
        result = Result.PASSED if explained else Result.NOT_MEASURED
        acted = f"; this run acted there: {next(iter(changed.values()))}" if changed else ""
        trouble = f" ({row.trouble})" if row.trouble and not explained else ""
        return Finding(
            name=window.called(self.name, row.key), subject=self.name, during=window.name,
            result=result, reason=unobserved(result), measured=row.text + trouble + acted,
            promised=f"the service as seen from {row.place}",
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
