"""What `http` and `tcp` share: the agent asks a Service or an address, from here or from Pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Right
from resilience.probes.complaints import of_agents, of_timeout
from resilience.probes.prober.backing import doubt
from resilience.probes.prober.launch import Launch, launcher
from resilience.probes.service import placement

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe


class ServiceProbe(placement.Placed, Protocol):
    """The keys that both have; `service` is "" if the probe uses an address outside."""

    @property
    def timeout(self) -> Duration: ...


def complaints(probe: ServiceProbe) -> Iterator[Complaint]:
    """Error messages about the shared keys."""
    yield from of_timeout(probe.timeout)
    yield from of_agents(probe.agents, probe.via)


def rights(probe: ServiceProbe, namespace: str, own: Sequence[Right] = ()) -> Sequence[Right]:
    """Permissions to find the Service, the probe's `own`, and those of its probers in Pods."""
    return placement.rights(probe, namespace, own)


def helpers(probe: ServiceProbe, namespace: str, cluster: Any) -> Sequence[Any]:
    """The Pod of a prober, if there will be one."""
    return placement.helpers(probe, namespace, cluster)


def reach(probe: ServiceProbe, namespace: str) -> Reach:
    """Where the Pods and Secrets of its probers go."""
    return placement.reach(probe, namespace)


def run(
    step: Step, context: ProbeContext, given: dict[str, Any], target: str, facts: Mapping[str, Any]
) -> RunningProbe:
    """Start asking, by one agent or by several."""
    from resilience.probes.fleet.fleet_probe import begin

    probe: ServiceProbe = step.parameters
    told = {"kind": given["kind"], **facts, "via": probe.via}
    behind = doubt(context, probe.service, probe.namespace)
    return begin(step, context, given, target, told, lambda: _launch(probe, context), behind)


def ask(probe: ServiceProbe, context: Asking, given: Mapping[str, Any], target: str) -> str:
    """Ask once; raise NotMet unless the answer is good."""
    from resilience.probes.prober.once import ask_once

    behind = doubt(context, probe.service, probe.namespace)
    return ask_once(given, target, _launch(probe, context), behind)


def _launch(probe: ServiceProbe, context: Any) -> Launch:
    namespace = probe.namespace or context.namespace
    return launcher(context, probe.via, namespace, service=bool(probe.service))
