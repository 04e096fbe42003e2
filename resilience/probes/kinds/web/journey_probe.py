"""The `journey` probe at work: journeys judged as one, and step by step.

Steps are counted apart: of the journeys that reached a step, how many it failed. These rows say
where users were lost; the journey's own objectives decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from resilience.cluster.reach import authority
from resilience.model.finding import Finding, Result, unobserved
from resilience.model.samples import Answer
from resilience.model.scenario import Step
from resilience.model.verdict import Window
from resilience.model.words import counts, span
from resilience.probes.fleet.fleet_probe import FleetProbe
from resilience.probes.kinds.web.travel import opened
from resilience.probes.prober.asker import Never
from resilience.probes.prober.backing import doubt
from resilience.probes.prober.launch import Launch
from resilience.probes.prober.news import Part
from resilience.probes.prober.program import ASKER
from resilience.probes.prober.running import AgentProbe
from resilience.probes.service import server
from resilience.verbs.context import NotMet

if TYPE_CHECKING:
    from resilience.probes.kinds.web.journey import Journey, Stop
    from resilience.verbs.context import ProbeContext


def configuration(journey: Journey, context: Any) -> dict[str, Any]:
    """What the prober receives; NotMet if the Service, the token or a file cannot be read."""
    namespace = journey.namespace or context.namespace
    base, name, address = journey.url.rstrip("/"), "", None
    if journey.service:
        address = context.address(journey.service, journey.port, namespace)
        name = f"{journey.service}.{namespace}"
        known = context.service_port(journey.service, journey.port, namespace)
        base = f"{journey.scheme}://{authority(name, known, tls=journey.scheme == 'https')}"
    held = server.token(journey.token, context, namespace) if journey.token else ""
    return {
        "kind": "journey", "extra": "http2", "base": base, "address": address,
        "password": held,
        "http2": journey.http2, "trust": asdict(server.trusting(journey, context, name)),
        "steps": [_plain(stop) for stop in journey.steps], "timeout": journey.timeout.seconds,
    }  # fmt: skip


def _plain(stop: Stop) -> dict[str, Any]:
    wanted = [stop.status] if isinstance(stop.status, int) else list(stop.status)
    return {**asdict(stop), "status": wanted}


def launch(journey: Journey, context: Any) -> Launch:
    """How to start; NotMet if httpx is not installed next to the test."""
    from resilience.cluster.reach import route

    inside = journey.via == "pod" or (journey.service and journey.via == "auto")
    if not inside or route(context.cluster, journey.via) == "direct":
        try:
            server.library("httpx", "http2")  # here, not while the first users wait
        except Never as error:
            raise NotMet(str(error), final=True) from error
    return server.launch(journey, context, opened)


class JourneyProbe(AgentProbe):
    """The journey's own findings, and a row for each step."""

    def __init__(self, step: Step, context: ProbeContext, target: str) -> None:
        journey: Journey = step.parameters
        super().__init__(step, context, configuration(journey, context), target, _facts(journey),
                         launch(journey, context), _behind(journey, context))  # fmt: skip

    def judge(self, window: Window) -> Sequence[Finding]:
        """The findings of the whole journey, then of each step."""
        own = super().judge(window)
        return [*own, *_Stops(self._step, self.name).rows(window, self._agent.parts, own)]


class JourneyFleet(FleetProbe):
    """The same with several probers: the users of all of them."""

    def __init__(self, step: Step, context: ProbeContext, target: str) -> None:
        journey: Journey = step.parameters
        super().__init__(step, context, configuration(journey, context), target, _facts(journey),
                         _behind(journey, context), ASKER)  # fmt: skip

    def judge(self, window: Window) -> Sequence[Finding]:
        """The findings of the whole journey and of the agents, then of each step."""
        own = super().judge(window)
        return [*own, *_Stops(self._step, self.name).rows(window, self._agent.parts, own)]


def _facts(journey: Journey) -> Mapping[str, Any]:
    return {"kind": "journey", "steps": [stop.name for stop in journey.steps], "via": journey.via}


def _behind(journey: Journey, context: ProbeContext) -> Callable[[], str]:
    return doubt(context, journey.service, journey.namespace)


class _Stops:
    """The steps of a journey, judged apart."""

    def __init__(self, step: Step, name: str) -> None:
        self._step, self._name = step, name

    def rows(
        self, window: Window, parts: Sequence[Part], own: Sequence[Finding]
    ) -> Iterator[Finding]:
        """A row for each step; `own` are the journey's findings."""
        inside = [part for part in list(parts) if window.since <= part.at < window.until]
        for stop in self._step.parameters.steps:
            yield self._row(window, stop.name, inside, own)

    def _row(
        self, window: Window, name: str, taken: Sequence[Part], own: Sequence[Finding]
    ) -> Finding:
        mine = [each for each in taken if each.name == name]
        bad = Counter(each.answer.value for each in mine if each.answer is not Answer.GOOD)
        good = sorted(each.seconds for each in mine if each.answer is Answer.GOOD)
        result = self._result(len(mine), len(good), own)
        text = f"{sum(bad.values())} of {len(mine)} failed" if mine else "no journey reached it"
        text = f"`{name}`: {text}"
        text += f" ({counts(bad)})" if bad else ""
        text += f", half of the others within {span(good[len(good) // 2])}" if good else ""
        return Finding(
            name=window.called(self._name, "_".join(name.split())), subject=self._name,
            during=window.name, result=result, promised=f"`{name}` answers as expected",
            reason=unobserved(result), measured=text,
        )  # fmt: skip

    def _result(self, planned: int, good: int, own: Sequence[Finding]) -> Result:
        """A step is blamed only if the journey failed and the step failed for more of its users
        than the journey's objective allows. A step with that many failures passes only if the
        journey's objectives are met."""
        wanted = self._step.objective and self._step.objective.availability
        over = planned - good > planned * (1 - wanted.exact if wanted else 0)
        if planned and over and any(each.result is Result.FAILED for each in own):
            return Result.FAILED
        held = bool(own) and all(each.result is Result.PASSED for each in own)
        if not planned or (over and not (held and good)):
            return Result.NOT_MEASURED
        return Result.PASSED
