"""A disruption controller for the fake cluster: counts healthy Pods a moment after they change."""

from __future__ import annotations

from resilience.cluster.interface import BUDGETS, PODS, Object, Resource
from resilience.drain.budgets import selects
from resilience.kube import objects, readiness
from tests.engine.fakes import FakeCluster

LAG = 0.02


class Disruptions:
    """Keeps the status of every budget whose spec has an integer `minAvailable`, unless a test has
    marked its metadata as `frozen`: what its controller cannot compute, it leaves as it is."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        cluster.hooks.append(self._changed)

    def _changed(self, resource: Resource, kind: str, obj: Object) -> None:
        if resource in (PODS, BUDGETS):
            self._cluster.clock.after(LAG, self._sync)

    def _sync(self) -> None:
        for budget in self._cluster.find(BUDGETS):
            if "frozen" in objects.metadata(budget):
                continue
            pods = [pod for pod in self._cluster.find(PODS) if selects(budget, pod)]
            healthy = sum(readiness.serves(pod) for pod in pods)
            desired = int(budget["spec"]["minAvailable"])
            status = {"currentHealthy": healthy, "desiredHealthy": desired,
                      "expectedPods": len(pods), "disruptionsAllowed": max(0, healthy - desired),
                      "observedGeneration": budget["metadata"].get("generation", 0)}  # fmt: skip
            if budget.get("status") != status:
                self._write(budget, status)

    def _write(self, budget: Object, status: Object) -> None:
        self._cluster.change(BUDGETS, objects.namespace(budget), objects.name(budget),
                             lambda obj: obj.update(status=status))  # fmt: skip
