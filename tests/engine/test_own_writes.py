"""No check is answered by a view that is older than what the run itself wrote.

The watch is made late, as it is on a busy machine or behind a slow proxy. Each verb is followed by
each check; whatever passes has to be true of the API server at that moment.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster import connect, watch
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import DEPLOYMENTS, NAMESPACES, NODES, PODS, Cluster, Object
from resilience.cluster.transport import HttpCluster
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import RealClock
from resilience.engine.base.run_options import Options
from resilience.engine.journal.journal import Journal
from resilience.engine.python.fixture import NotHeld, Resilience
from resilience.engine.run.scenario import new_id
from resilience.kube import objects, readiness
from resilience.verbs.catalogue import catalogue
from tests.cluster.delays import late
from tests.engine.helpers import MemorySink

changes = itertools.count()
LATE = 0.5
"""Seconds: a hundred times what the sandbox takes."""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 5
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      GATE
      containers: [{name: c, image: "registry.k8s.io/pause:3.10"}]
"""
OPEN = WEB.replace("GATE", "")
HUNG = WEB.replace("GATE", "readinessGates: [{conditionType: example.com/never}]")

Act = Callable[[Any], None]
VERBS: dict[str, Act] = {
    "kill": lambda r: r.kill(pods="app=web", count=1),
    "kill at once": lambda r: r.kill(pods="app=web", count=2, grace="0s"),
    "evict": lambda r: r.evict(pods="app=web", count=1),
    "scale up": lambda r: r.scale(workload="deployment/web", replicas=want(r) + 1),
    "scale down": lambda r: r.scale(workload="deployment/web", replicas=want(r) - 1),
    "restart": lambda r: r.restart("deployment/web"),
    "quarantine": lambda r: r.quarantine(pods="app=web", count=1),
    "lose": lambda r: r.lose([f"replicaset/{replicaset(r)}"], lasting=True),
    "apply": lambda r: r.apply(f"{next(changes) % 9}.yaml"),
    "crash": lambda r: r.crash(pods="app=web", count=1),
    "drain": lambda r: r.drain(node={"running": "app=web"}),
}


def want(run: Resilience) -> int:
    """How many replicas it has now."""
    state = run._state
    return int(truth(state.cluster, state.namespace)[0]["spec"]["replicas"])


def replicaset(run: Resilience) -> str:
    """Name of the one that keeps the Pods now."""
    state = run._state
    [pod, *_] = truth(state.cluster, state.namespace)[1]
    return str((objects.controller(pod) or {})["name"])


CHECKS: dict[str, Act] = {
    "ready": lambda r: r.ready("deployment/web", within="30s"),
    "ready all": lambda r: r.ready("all", within="30s"),
    "ready pods": lambda r: r.ready(pods="app=web", within="30s"),
    "recovered": lambda r: r.recovered(within="30s"),
}
HARMLESS = {"scale up", "scale down", "restart", "apply", "lose"}
"""Verbs that strike no Pod by themselves: `recovered` has nothing to say of them."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[HttpCluster]:
    with sandbox(nodes=3) as embedded, connect(embedded.access) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "Stream", late(LATE))


numbers = itertools.count(1)


@pytest.fixture
def run(cluster: HttpCluster, tmp_path: Path) -> Iterator[Resilience]:
    (tmp_path / "web.yaml").write_text(OPEN)
    for number in range(9):
        grace = f"terminationGracePeriodSeconds: {number + 1}"
        changed = OPEN.replace("terminationGracePeriodSeconds: 0", grace)
        (tmp_path / f"{number}.yaml").write_text(changed)
    (tmp_path / "hung.yaml").write_text(HUNG)
    namespace = f"own-{next(numbers)}"  # not the run's: Pods in quarantine stay in it
    cluster.create(NAMESPACES, {"metadata": {"name": namespace}})
    with Resilience(
        cluster=cluster,
        catalogue=catalogue(),
        options=Options(run=new_id(0.0), namespace=namespace),
        clock=RealClock(),
        journal=Journal([MemorySink()]),
        emit=lambda entry: None,
        aborter=Aborter(),
        directory=tmp_path,
        title="own writes",
    ) as opened:
        opened.apply("web.yaml")
        opened.ready("all", within="60s")
        yield opened


def truth(cluster: Cluster, namespace: str) -> tuple[Object, list[Object]]:
    """The Deployment and its serving Pods as the API server has them now."""
    web = cluster.get(DEPLOYMENTS, "web", namespace)
    pods = [
        pod
        for pod in cluster.list(PODS, namespace, labels="app=web")
        if readiness.serves(pod) and objects.controller(pod)
    ]
    return web, pods


@pytest.mark.parametrize("verb", VERBS)
def test_what_a_check_says_after_a_verb_is_so(
    verb: str, run: Resilience, cluster: HttpCluster
) -> None:
    namespace = run._state.namespace
    for check, holds in CHECKS.items():
        if check == "recovered" and verb in HARMLESS:
            continue
        before = {objects.uid(pod) for pod in truth(cluster, namespace)[1]}
        VERBS[verb](run)
        holds(run)
        web, pods = truth(cluster, namespace)
        status, want = web["status"], web["spec"]["replicas"]
        assert len(pods) == want, (verb, check)
        if check in ("ready", "ready all"):
            assert status["observedGeneration"] == web["metadata"]["generation"], (verb, check)
            assert status["readyReplicas"] == status["updatedReplicas"] == want, (verb, check)
            if verb in ("restart", "apply", "lose"):
                assert not before & {objects.uid(pod) for pod in pods}, (verb, check)
        for node in cluster.list(NODES):
            cluster.patch(NODES, objects.name(node), {"spec": {"unschedulable": None}})


def test_a_rollout_that_hangs_is_not_ready(run: Resilience) -> None:
    run.apply("hung.yaml")
    with pytest.raises(NotHeld, match="expected 5 of 5 Pods"):
        run.ready("deployment/web", within="3s")


def test_a_victim_is_not_chosen_twice(run: Resilience) -> None:
    struck: list[str] = []
    for _ in range(3):
        run.kill(pods="app=web", count=1, grace="30s")
        struck.append(run._state.victims[-1].uid)
    assert len(set(struck)) == 3
