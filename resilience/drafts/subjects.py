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
    """One workload that scenarios are written for."""

    workload: Workload
    question: Question | None = None
    baseline: Baseline | None = None
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


def service_of(inventory: Inventory, workload: Workload) -> Object | None:
    """The workload's Service with its own address; if there are several, the one with the
    workload's name."""
    found = [
        each
        for each in inventory.served.get(id(workload.object), ())
        if (each.get("spec") or {}).get("clusterIP") != "None"
        and list(candidates(each, [workload]))
    ]
    found.sort(key=lambda each: (objects.name(each) != workload.name, objects.name(each)))
    return found[0] if found else None


def subject(
    inventory: Inventory,
    workload: Workload,
    question: Question | None,
    baseline: Baseline | None,
) -> Subject:
    """All facts that a draft needs about it."""
    scaler = inventory.scalers.get(key_of(workload.object))
    covering = inventory.budgets.get(id(workload.object), ())
    return Subject(
        workload=workload,
        question=question,
        baseline=baseline,
        scaled_by=objects.name(scaler) if scaler else "",
        budgets=[objects.name(each) for each in covering],
    )
