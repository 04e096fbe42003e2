"""A context for probes without an engine, and a step to start them with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resilience.cluster.capabilities.means import SANDBOX
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import Object, Resource
from resilience.model.place import Place
from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Objective, Step
from resilience.model.values import Availability, Rate
from resilience.model.verb import Phase, Verb
from resilience.model.verdict import Window
from resilience.probes.kinds.http import VERB as HTTP
from resilience.probes.prober.process import AgentProcess
from resilience.probes.prober.running import AgentProbe

PATIENCE = 60.0
"""Seconds after which a test gives up waiting; far more than anything here takes."""


class Clock:
    """Real time; asks its conditions every few milliseconds."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def wait(self, seconds: float) -> None:
        self.until(lambda: False, time.monotonic() + seconds)

    def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        while not holds():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.002)
        return True


class Sandbox:
    """All that a prober beside us wants to know of its cluster: one Service, and Pods."""

    means = SANDBOX
    server = ""

    def __init__(
        self,
        selector: dict[str, str] | None = None,
        pods: Sequence[Object] = (),
        slices: Sequence[Object] = (),
        **spec: Any,
    ) -> None:
        self.selector = selector
        self.pods = pods
        self.slices = slices
        self.spec = spec

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        if self.selector is None:
            raise NotFound(404, f"{name} does not exist")
        metadata = {"name": name, "namespace": namespace}
        spec = {"selector": self.selector, **self.spec}
        return {"kind": "Service", "metadata": metadata, "spec": spec}

    def list(self, resource: Resource, namespace: str = "") -> Sequence[Object]:
        """Only EndpointSlices are listed."""
        return self.slices

    def objects(self) -> Sequence[Object]:
        """As a view of Pods."""
        return self.pods


class Context:
    """What `http.run` and `http.ask` need."""

    namespace = "shop"
    directory = Path()

    def __init__(self, port: int = 0, cluster: Sandbox | None = None) -> None:
        self.clock = Clock()
        self.port = port
        self.cluster: Any = cluster or Sandbox()

    def view(self, resource: Resource, namespace: str = "") -> Any:
        return self.cluster

    def address(self, service: str, port: str | int, namespace: str) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def service_port(self, service: str, port: str | int, namespace: str) -> int:
        return port if isinstance(port, int) else 80


def step(
    parameters: Any,
    *,
    verb: Verb = HTTP,
    rate: str = "100/s",
    objective: Objective | None = None,
    abort_below: str | None = None,
) -> Step:
    """A probe's step."""
    return Step(
        verb=verb,
        parameters=parameters,
        phase=Phase.WHILE,
        path="while[0]",
        place=Place("a.scenario.yaml", 1, 1),
        name="checkout",
        rate=Rate.parse(rate),
        objective=objective,
        abort_below=Availability.parse(abort_below) if abort_below else None,
    )


@contextmanager
def running(
    parameters: Any, port: int = 0, cluster: Sandbox | None = None, **given: Any
) -> Iterator[AgentProbe]:
    """A started probe, stopped at the end."""
    made = step(parameters, **given)
    context: Any = Context(port, cluster)
    probe = made.verb.run(made, context)
    try:
        yield probe
    finally:
        probe.stop()


def pid_of(probe: AgentProbe) -> int:
    """The process that probes, to do it harm."""
    agent = probe._agent
    assert isinstance(agent, AgentProcess)
    return agent.pid


def wait_for(probe: AgentProbe, answer: Answer, count: int = 1) -> list[Sample]:
    """All samples, once so many ended with that answer."""

    def seen() -> bool:
        return sum(sample.answer is answer for sample in probe.record().samples) >= count

    if not Clock().until(seen, time.monotonic() + PATIENCE):
        raise AssertionError(f"{answer} did not come {count} times: {list(probe.record().samples)}")
    return list(probe.record().samples)


def whole(samples: list[Sample]) -> Window:
    """From the first to just after the last."""
    return Window(since=samples[0].intended, until=samples[-1].intended + 1e-6)
