"""One line to a run on the fake cluster: a scenario from verbs, a world to run it in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from resilience.actions.undo.reverting import described
from resilience.cluster.interface import DEPLOYMENTS, PODS, Cluster, Object
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import RealClock
from resilience.engine.base.run_options import Options
from resilience.engine.base.seeds import new_id
from resilience.engine.journal.journal import Journal, Line, Sink
from resilience.engine.python.fixture import Resilience
from resilience.engine.run.run import Run
from resilience.engine.run.scenario import run
from resilience.kube import objects, readiness
from resilience.model.place import Place
from resilience.model.report import RunRecord
from resilience.model.scenario import Scenario, Step
from resilience.model.timeline import Entry
from resilience.model.values import Duration, RunId
from resilience.model.verb import Phase, Verb
from resilience.verbs.catalogue import catalogue
from tests.engine.fake_controllers import Controllers
from tests.engine.fakes import FakeClock, FakeCluster


class MemorySink:
    """The journal's lines as a list."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.finished: bool | None = None

    def append(self, line: Line) -> None:
        self.lines.append(line)

    def close(self, *, finished: bool) -> None:
        self.finished = finished


@dataclasses.dataclass
class World:
    """Everything a run needs, all in memory."""

    clock: FakeClock
    cluster: FakeCluster
    controllers: Controllers
    sink: MemorySink
    aborter: Aborter
    entries: list[Entry]
    directory: Path = Path()
    on_entry: Callable[[Entry], None] = lambda entry: None

    def run(
        self,
        *,
        given: Sequence[Step] = (),
        probes: Sequence[Step] = (),
        when: Sequence[Step] = (),
        then: Sequence[Step] = (),
        settle: float = 5.0,
        baseline: float | None = None,
        title: str = "case",
        sinks: Sequence[Sink] = (),
        **options: Any,
    ) -> RunRecord:
        scenario = Scenario(
            id="case",
            title=title,
            tags=(),
            namespace="shop",
            seed=7,
            given=tuple(given),
            probes=tuple(probes),
            when=tuple(when),
            then=tuple(then),
            settle=Duration.of(settle),
            baseline=None if baseline is None else Duration.of(baseline),
            place=Place(str(self.directory / "x.scenario.yaml"), 1, 1),
        )

        def emit(entry: Entry) -> None:
            self.entries.append(entry)
            self.on_entry(entry)

        return run(
            scenario,
            cluster=self.cluster,
            clock=self.clock,
            emit=emit,
            options=Options(run=RunId("r1"), **options),
            journal=Journal([self.sink, *sinks]),
            aborter=self.aborter,
        )

    def pods(self) -> list[Object]:
        return self.cluster.find(PODS, "shop")

    def deploy(self, name: str = "web", replicas: int = 3) -> Object:
        """A Deployment whose Pods are all ready."""
        made = self.cluster.put(DEPLOYMENTS, deployment(name, replicas))
        self.clock.until(lambda: False, self.clock.now + 3)
        assert sum(readiness.serves(pod) for pod in self.pods()) >= replicas
        return made


def a_test() -> Scenario:
    """What stands for a test in Python."""
    return Scenario(id="test_it", title="test_it", tags=(), namespace="", seed=None, given=(),
                    probes=(), when=(), then=(), place=Place("test_it.py", 1, 1))  # fmt: skip


def by_hand(
    cluster: Cluster, namespace: str, directory: Path, clock: RealClock | None = None
) -> Resilience:
    """The engine of a test in Python on a real clock, with its journal in memory."""
    begun = Run.begin(
        a_test(),
        cluster=cluster,
        options=Options(run=new_id(0.0), namespace=namespace, directory=directory),
        clock=clock or RealClock(),
        journal=Journal([MemorySink()]),
        emit=lambda entry: None,
        aborter=Aborter(),
    )
    return Resilience(begun, catalogue())


def world() -> World:
    clock = FakeClock()
    cluster = FakeCluster(clock)
    return World(
        clock=clock,
        cluster=cluster,
        controllers=Controllers(cluster),
        sink=MemorySink(),
        aborter=Aborter(),
        entries=[],
    )


def scaling(deployment: Object, prior: int, replicas: int) -> dict[str, Any]:
    """What `scale` records."""
    return {
        "kind": "changed",
        "subresource": "scale",
        "resource": described(DEPLOYMENTS),
        "namespace": objects.namespace(deployment),
        "name": objects.name(deployment),
        "uid": objects.uid(deployment),
        "run": "r1",
        "fields": [{"path": ["spec", "replicas"], "was": prior, "set": replicas}],
        "exact": True,
    }


def deployment(name: str = "web", replicas: int = 3) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    }


def step(
    verb: Verb,
    phase: Phase,
    index: int = 0,
    *,
    within: float | None = None,
    name: str = "",
    optional: bool = False,
    lasting: bool = False,
    **parameters: Any,
) -> Step:
    return Step(
        verb=verb,
        parameters=verb.parameters(**parameters),
        phase=phase,
        path=f"{phase.value}[{index}]",
        place=Place("x.scenario.yaml", 10 + index, 5),
        name=name,
        within=Duration.of(60 if within is None else within),
        within_given=within is not None,
        optional=optional,
        lasting=lasting,
    )
