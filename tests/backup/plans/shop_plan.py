"""A plan of a shop, taken when it is due and drilled on a cluster that lives at once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from resilience.backup.drills.drill import run
from resilience.backup.drills.drill_report import DrillReport
from resilience.backup.format.archive import Compressor, Writer
from resilience.backup.plans.lifecycle import Keys, newest, run_due
from resilience.backup.store.memory import MemoryStore
from resilience.cluster.interface import PODS, Object
from resilience.model.place import Place
from resilience.model.scenario import Keep, Plan, PlanObjective
from resilience.model.values import Duration
from tests.backup.fakes import FakeClock, FakeCluster, shop

PLAN = Plan(
    id="shop",
    title="shop",
    namespaces=("shop",),
    store="memory:",
    schedule="0 2 * * *",
    keep=Keep(last=2),
    place=Place("shop.plan.yaml", 1, 1),
    objective=PlanObjective(rpo=Duration.parse("26h"), rto=Duration.parse("10m")),
)
KEYS = Keys()


def due_run(cluster: FakeCluster, store: MemoryStore, clock: FakeClock, holder: str = "a") -> Any:
    return run_due(PLAN, cluster, store, clock=clock, keys=KEYS, holder=holder)


def clocked() -> tuple[FakeClock, MemoryStore]:
    clock = FakeClock()
    return clock, MemoryStore(now=clock.now)


def running(obj: Object, cluster: FakeCluster, ready: int | None = None) -> None:
    """Workloads of this cluster are ready at once, its canary is kept in."""
    if obj["kind"] == "Deployment":
        metadata, want = obj["metadata"], obj["spec"]["replicas"]
        metadata.setdefault("uid", f"of {metadata['namespace']}/{metadata['name']}")
        obj["status"] = {"observedGeneration": metadata["generation"], "replicas": want,
                         "updatedReplicas": want, "availableReplicas": want,
                         "readyReplicas": want if ready is None else ready}  # fmt: skip
        for number in range(want):
            cluster.put(PODS, _of(metadata, number))
    if obj["metadata"]["name"].startswith("resilience-canary"):
        obj["status"] = {"containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}


def _of(owner: dict[str, Any], number: int) -> Object:
    reference = {"kind": "Deployment", "name": owner["name"], "uid": owner["uid"]}
    metadata = {"name": f"{owner['name']}-{number}", "namespace": owner["namespace"],
                "ownerReferences": [reference | {"controller": True}]}  # fmt: skip
    conditions = [{"type": "Ready", "status": "True"}]
    return {"metadata": metadata, "status": {"phase": "Running", "conditions": conditions}}


def drilled(cluster: FakeCluster, **changed: Any) -> DrillReport:
    clock, store = clocked()
    due_run(cluster, store, clock)
    clock.wait(60)
    return run(replace(PLAN, **changed), newest(store, PLAN), cluster, clock=clock, keys=KEYS)


def lived_in() -> FakeCluster:
    cluster = shop()
    cluster.on_create = partial(running, cluster=cluster)
    cluster.add(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "bill", "namespace": "shop"},
            "spec": {"schedule": "* * * * *"},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "www", "namespace": "shop"},
            "spec": {
                "type": "LoadBalancer",
                "ports": [{"port": 80, "nodePort": 30080}],
                "externalTrafficPolicy": "Cluster",
            },
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "www", "namespace": "shop"},
            "spec": {"rules": [{"host": "shop.example.com"}]},
        },
    )
    return cluster


def begun() -> bytes:
    """An archive whose making was cut short."""
    written = list[bytes]()
    compressor = Compressor(written.append)
    Writer(compressor.add).close()
    compressor.close()
    return b"".join(written)
