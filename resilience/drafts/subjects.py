"""The subjects of drafts: each workload with its Services, a request and a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.audit.base.inventory import Inventory, key_of
from resilience.audit.base.proofs import ROLLED, SCALABLE
from resilience.audit.base.workloads import Workload
from resilience.drafts.questions import Baseline, Question, candidates
from resilience.kube import objects
from resilience.kube.objects import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One workload that scenarios are written for. `others` are its further Services, each
    with its request and its baseline."""

    workload: Workload
    question: Question | None = None
    baseline: Baseline | None = None
    others: Sequence[tuple[Question, Baseline | None]] = ()
    scaled_by: str = ""
    budgets: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the drafts will run. `nodes` is how many there are, None if unknown; `manifests` are
    files to apply first, as the scenarios name them; `machines` says whether nodes can be
    stopped."""

    namespace: str
    nodes: int | None = None
    manifests: Sequence[str] = ()
    machines: bool = False


def workloads(inventory: Inventory, namespace: str) -> Sequence[Workload]:
    """The workloads that scenarios can be written for, by name, without those that are scaled to
    0."""
    found = [
        each
        for each in inventory.lasting
        if each.namespace == namespace
        and each.kind in ROLLED | SCALABLE
        and inventory.fewest(each) != 0
    ]
    return sorted(found, key=lambda each: (each.name, each.kind))


def services_of(inventory: Inventory, workload: Workload) -> Sequence[Object]:
    """The workload's Services with an address of their own; the one with its name comes first."""
    found = [
        each
        for each in inventory.served.get(id(workload.object), ())
        if (each.get("spec") or {}).get("clusterIP") != "None"
        and list(candidates(each, [workload]))
    ]
    return sorted(found, key=lambda each: (objects.name(each) != workload.name, objects.name(each)))


def without_pods(inventory: Inventory, namespace: str) -> Sequence[str]:
    """Services for which no scenario can be written, because nothing is behind them."""
    return sorted(
        objects.name(each)
        for each in inventory.of("Service")
        if objects.namespace(each) == namespace
        and (each.get("spec") or {}).get("selector")
        and not inventory.behind(each)
    )


def subject(
    inventory: Inventory,
    workload: Workload,
    asked: Sequence[tuple[Question, Baseline | None]],
) -> Subject:
    """All facts that a draft needs about it."""
    scaler = inventory.scalers.get(key_of(workload.object))
    question, baseline = asked[0] if asked else (None, None)
    covering = inventory.budgets.get(id(workload.object), ())
    return Subject(
        workload=workload,
        question=question,
        baseline=baseline,
        others=asked[1:],
        scaled_by=objects.name(scaler) if scaler else "",
        budgets=[objects.name(each) for each in covering],
    )
