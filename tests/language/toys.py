"""Toy verbs: declared as the real ones are or will be, with bodies that are never run.

They let the language be tested before and apart from what verbs do, and hold the spelling that the
wanted documents settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.values import Availability, Duration, Reference, Share
from resilience.model.verb import (
    Complaint,
    Family,
    Phase,
    Residue,
    Unusable,
    Verb,
    parameter,
)

SETUP = frozenset({Phase.GIVEN, Phase.WHEN})
ACT = frozenset({Phase.WHEN})
CHECK = frozenset({Phase.GIVEN, Phase.WHEN, Phase.THEN})
PROBE = frozenset({Phase.WHILE})


class Order(Enum):
    """Who goes first."""

    RANDOM = "random"
    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """Selection, as all actions on Pods share it."""

    pods: Selector | None = parameter("Which Pods.", default=None, example="app=shop")
    count: int | Literal["all"] | None = parameter(
        "How many.", default=None, at_least=1, one_of="how many"
    )
    share: Share | None = parameter("What part of them.", default=None, one_of="how many")
    order: Order = parameter("Who goes first.", default=Order.RANDOM)
    one_per: Literal["owner", "node"] | None = parameter("At most one of each.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill(Pods):
    grace: Duration | Literal["own"] = parameter("Seconds to end in.", default="own", example="0s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    name: str | None = parameter("By its name.", default=None, one_of="node")
    running: Selector | None = parameter("One that runs such a Pod.", default=None, one_of="node")
    labels: Selector | None = parameter("By its labels.", default=None, one_of="node")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    node: Node | Literal["biggest"] = parameter("Which node.", example="{running: app=shop}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint(Nodes):
    taint: str = parameter("As kubectl writes it.", example="dedicated=db:NoExecute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    label: str = parameter("The label that holds the zone.", default="topology.kubernetes.io/zone")
    value: str = parameter("Which zone.")
    act: Literal["cordon", "drain"] = parameter("What to do with its nodes.", default="drain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    pods: Selector = parameter("The Pods to isolate.")
    from_: Selector | None = parameter("From whom; else from all.", default=None, key="from")
    direction: Literal["ingress", "egress", "both"] = parameter("Which way.", default="both")
    ports: tuple[int | str, ...] = parameter("Which ports.", default=())
    duration: Duration = parameter("How long.", example="30s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    file: Path = parameter("A manifest.", example="manifests/shop.yaml")
    keep: bool = parameter("Leave it at the end.", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    target: Reference | Literal["all"] | None = parameter(
        "Which workload.", default=None, one_of="target"
    )
    pods: Selector | None = parameter("Which Pods.", default=None, one_of="target")
    at_least: int | None = parameter("How many.", default=None, at_least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    pods: Selector = parameter("Which Pods.")
    at_most: int = parameter("How many.", default=0, at_least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    service: str | None = parameter("Through a Service.", default=None, one_of="where")
    url: str | None = parameter("At an address.", default=None, one_of="where")
    port: int | str = parameter("Number or name.", default="http")
    path: str = parameter("The path.", default="/")
    status: int | tuple[int, ...] = parameter("What is good.", default=200, at_least=100)
    contains: str | None = parameter("Text that must be in it.", default=None)
    headers: Mapping[str, str] = parameter("Sent along.", default_factory=dict)
    timeout: Duration = parameter("For each request.", default=Duration.of(1))
    keepalive: bool = parameter("One connection for all.", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    service: str = parameter("Through a Service.")
    port: int | str = parameter("Number or name.")
    timeout: Duration = parameter("For each connection.", default=Duration.of(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    workload: Reference = parameter("Which workload.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Workload):
    replicas: int = parameter("How many replicas.", at_least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetImage(Workload):
    image: str = parameter("The image.")
    container: str | None = parameter("Which container; else the only one.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec(Pods):
    command: tuple[str, ...] = parameter("The program and its arguments.", at_least=1)
    container: str | None = parameter("Which container.", default=None)
    undo: tuple[str, ...] | None = parameter("What puts it back.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    duration: Duration = parameter("How long.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    times: int | None = parameter("How often.", default=None, at_least=1, one_of="end")
    for_: Duration | None = parameter("How long.", default=None, key="for", one_of="end")
    every: Duration | None = parameter("From one beginning to the next.", default=None)
    jitter: Duration | None = parameter("How much earlier or later.", default=None)
    steps: tuple[Step, ...] = parameter("What is repeated.", at_least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    steps: tuple[Step, ...] = parameter("The steps.", at_least=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    step: Step = parameter("What must be refused.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    plan: str | None = parameter("`this` inside of a plan.", default=None, one_of="where")
    store: str | None = parameter("Where it lies.", default=None, one_of="where")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore(Snapshot):
    into: str | None = parameter("The namespace.", default=None)
    existing: Literal["fail", "skip", "update"] = parameter("What exists.", default="fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lose:
    objects: tuple[str, ...] = parameter("Which objects, as kubectl names them.", at_least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    as_: Literal["snapshot"] = parameter("What it is compared with.", key="as")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    cronjob: str = parameter("Whose template.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    selector: Selector | None = parameter("Which budgets; else all.", default=None)
    tolerance: Availability = field(default=Availability.parse("0%"))


def _which(parameters: Pods) -> Sequence[Complaint]:
    if parameters.pods is None:
        return [Complaint(field="", message="no Pods are selected", expected="pods: LABELS")]
    return []


def _endless(parameters: Repeat) -> Sequence[Complaint]:
    if parameters.times is None and parameters.for_ is None:
        return [Complaint(field="", message="`repeat` has no end", expected="`times` or `for`")]
    return []


def _sleeps(parameters: Sleep) -> tuple[Duration, Duration]:
    return parameters.duration, parameters.duration


def verb(
    name: str, family: Family, phases: frozenset[Phase], parameters: type[Any], **more: Any
) -> Verb:
    """A verb whose body is never run."""
    return Verb(
        name=name,
        family=family,
        summary=f"Toy {name}.",
        parameters=parameters,
        phases=phases,
        run=print,
        describe=lambda given: f"{name} {given}",
        **more,
    )


A, C, P, F = Family.ACTION, Family.CHECK, Family.PROBE, Family.FLOW

VERBS: Mapping[str, Verb | Unusable] = {
    one.name: one
    for one in (
        verb("apply", A, SETUP, Apply, shorthand="file", repeatable=True),
        verb("kill", A, ACT, Kill, check=_which, residue=Residue.NAMED),
        verb("evict", A, ACT, Pods, check=_which),
        verb("crash", A, ACT, Pods, check=_which),
        verb("quarantine", A, ACT, Pods, check=_which),
        verb("exec", A, ACT, Exec, check=_which, residue=Residue.EVERYTHING),
        verb("cordon", A, ACT, Nodes),
        verb("drain", A, ACT, Nodes),
        verb("taint", A, ACT, Taint),
        verb("zone", A, ACT, Zone),
        verb("partition", A, ACT, Partition),
        verb("restart", A, ACT, Workload, shorthand="workload"),
        verb("scale", A, SETUP, Scale),
        verb("set_image", A, ACT, SetImage),
        verb("suspend", A, ACT, Workload, shorthand="workload"),
        verb("run_job", A, ACT, RunJob, shorthand="cronjob"),
        verb("delete", A, ACT, Lose, shorthand="objects", residue=Residue.EVERYTHING),
        verb("snapshot", A, SETUP, Snapshot, shorthand="plan"),
        verb("restore", A, ACT, Restore, shorthand="plan"),
        verb("sleep", F, ACT, Sleep, shorthand="duration", bounds=_sleeps),
        verb("repeat", F, ACT, Repeat, check=_endless),
        verb("parallel", F, ACT, Several, shorthand="steps"),
        verb("choose", F, ACT, Several, shorthand="steps"),
        verb("expect_refused", F, ACT, Refused, shorthand="step"),
        verb("ready", C, CHECK, Ready, shorthand="target"),
        verb("recovered", C, frozenset({Phase.WHEN, Phase.THEN}), Nothing),
        verb("restarts", C, frozenset({Phase.THEN}), Restarts),
        verb("matches_snapshot", C, frozenset({Phase.THEN}), Same),
        verb("http", P, PROBE | {Phase.THEN}, Http, ask=lambda http, context: "answered"),
        verb("tcp", P, PROBE, Tcp),
        verb("disruption_budget", P, PROBE, Budget, measures=False),
    )
}


@dataclass(frozen=True, slots=True)
class Toys:
    """A catalogue of given verbs."""

    verbs: Mapping[str, Verb | Unusable]

    def names(self) -> Sequence[str]:
        return sorted(self.verbs)

    def find(self, name: str) -> Verb | Unusable | None:
        return self.verbs.get(name)


TOYS = Toys(VERBS)
