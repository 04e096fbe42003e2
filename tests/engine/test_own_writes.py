"""No check is answered by a view that is older than what the run itself wrote.

The watch is made late, as it is on a busy machine or behind a slow proxy. Each verb is followed by
each check; whatever passes has to be true of the API server at that moment.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from resilience.checks import recovered
from resilience.cluster import connect, watch
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import (
    DAEMONSETS,
    DEPLOYMENTS,
    NODES,
    PODS,
    STATEFULSETS,
    Cluster,
    Object,
)
from resilience.cluster.transport import HttpCluster
from resilience.engine.python.fixture import NotHeld, Resilience
from resilience.kube import objects, readiness
from tests.cluster.delays import late
from tests.engine.helpers import by_hand
from tests.spaces import space

changes = itertools.count()
LATE = 0.5
"""Seconds: a hundred times what the sandbox takes."""

VERY_LATE = 1.0
"""Seconds: longer than a view waits here for its watch before it lists again."""

TEMPLATE = """
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      GATE
      containers: [{name: c, image: "registry.k8s.io/pause:3.10"}]
"""
HEADS = {
    "deployment": "kind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 5",
    "statefulset": "kind: StatefulSet\nmetadata: {name: web}\nspec:\n  serviceName: web\n"
    "  podManagementPolicy: Parallel\n  replicas: 4",
    "daemonset": "kind: DaemonSet\nmetadata: {name: web}\nspec:\n"
    "  updateStrategy: {rollingUpdate: {maxUnavailable: 2}}",
}
KINDS = {"deployment": DEPLOYMENTS, "statefulset": STATEFULSETS, "daemonset": DAEMONSETS}
NEVER = "readinessGates: [{conditionType: example.com/never}]"


def manifest(kind: str, gate: str = "") -> str:
    """A workload of that kind."""
    return f"apiVersion: apps/v1\n{HEADS[kind]}{TEMPLATE.replace('GATE', gate)}"


Act = Callable[[Any], None]
ANY: dict[str, Act] = {
    "kill": lambda r: r.kill(pods="app=web", count=1),
    "kill at once": lambda r: r.kill(pods="app=web", count=2, grace="0s"),
    "evict": lambda r: r.evict(pods="app=web", count=1),
    "restart": lambda r: r.restart(f"{kind_of(r)}/web"),
    "apply": lambda r: r.apply(f"{next(changes) % 9}.yaml"),
    "crash": lambda r: r.crash(pods="app=web", count=1),
}
SCALED: dict[str, Act] = {
    "scale up": lambda r: r.scale(workload=f"{kind_of(r)}/web", replicas=want(r) + 1),
    "scale down": lambda r: r.scale(workload=f"{kind_of(r)}/web", replicas=want(r) - 1),
    "drain": lambda r: r.drain(node={"running": "app=web"}),
}
LOOSE: dict[str, Act] = {
    "quarantine": lambda r: r.quarantine(pods="app=web", count=1),
    "lose": lambda r: r.lose([f"replicaset/{replicaset(r)}"], lasting=True),
}
VERBS = {
    "deployment": ANY | SCALED | LOOSE,
    "statefulset": ANY | SCALED,
    "daemonset": ANY,
}
CASES = [(kind, verb) for kind, verbs in VERBS.items() for verb in verbs]


def kind_of(run: Resilience) -> str:
    """Of the workload that this run was given."""
    state = run._state
    return next(
        kind for kind, resource in KINDS.items() if state.cluster.list(resource, state.namespace)
    )


def want(run: Resilience) -> int:
    """How many Pods it wants now."""
    state = run._state
    return wanted(truth(state.cluster, state.namespace, kind_of(run))[0])


def wanted(workload: Object) -> int:
    """By the API server: replicas, or the nodes of a DaemonSet."""
    if workload["kind"] == "DaemonSet":
        return int(workload["status"]["desiredNumberScheduled"])
    return int(workload["spec"]["replicas"])


def replicaset(run: Resilience) -> str:
    """Name of the one that keeps the Pods now."""
    state = run._state
    [pod, *_] = truth(state.cluster, state.namespace, "deployment")[1]
    return str((objects.controller(pod) or {})["name"])


CHECKS: dict[str, Act] = {
    "ready": lambda r: r.ready(f"{kind_of(r)}/web", within="60s"),
    "ready all": lambda r: r.ready("all", within="60s"),
    "ready pods": lambda r: r.ready(pods="app=web", within="60s"),
    "recovered": lambda r: r.recovered(within="60s"),
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
    # Others prove how long a restarted container has to stay up.
    monkeypatch.setattr(recovered, "STEADY", 2 * LATE)


@contextmanager
def running(cluster: HttpCluster, folder: Path, kind: str) -> Iterator[Resilience]:
    (folder / "web.yaml").write_text(manifest(kind))
    for number in range(9):
        grace = f"terminationGracePeriodSeconds: {number + 1}"
        changed = manifest(kind).replace("terminationGracePeriodSeconds: 0", grace)
        (folder / f"{number}.yaml").write_text(changed)
    (folder / "hung.yaml").write_text(manifest(kind, NEVER))
    # Not the run's own: Pods in quarantine stay in it.
    with space(cluster, "own") as namespace, by_hand(cluster, namespace, folder) as opened:
        opened.apply("web.yaml")
        opened.ready("all", within="60s")
        yield opened


@pytest.fixture
def run(cluster: HttpCluster, tmp_path: Path) -> Iterator[Resilience]:
    with running(cluster, tmp_path, "deployment") as opened:
        yield opened


def truth(cluster: Cluster, namespace: str, kind: str) -> tuple[Object, list[Object]]:
    """The workload and its serving Pods as the API server has them now."""
    web = {"kind": KINDS[kind].kind, **cluster.get(KINDS[kind], "web", namespace)}
    pods = [
        pod
        for pod in cluster.list(PODS, namespace, labels="app=web")
        if readiness.serves(pod) and objects.controller(pod)
    ]
    return web, pods


def hold(cluster: HttpCluster, run: Resilience, kind: str, verb: str, checks: list[str]) -> None:
    """The verb, and behind it the check, once for each: what it says is so."""
    namespace = run._state.namespace
    for check in checks:
        before = {objects.uid(pod) for pod in truth(cluster, namespace, kind)[1]}
        VERBS[kind][verb](run)
        CHECKS[check](run)
        web, pods = truth(cluster, namespace, kind)
        assert len(pods) == wanted(web), (verb, check)
        if check in ("ready", "ready all"):
            assert web["status"]["observedGeneration"] == web["metadata"]["generation"]
            assert _up_to_date(web) == wanted(web), (verb, check)
            if verb in ("restart", "apply", "lose"):
                assert not before & {objects.uid(pod) for pod in pods}, (verb, check)
        for node in cluster.list(NODES):
            cluster.patch(NODES, objects.name(node), {"spec": {"unschedulable": None}})


def _up_to_date(web: Object) -> int:
    status = web["status"]
    if web["kind"] == "DaemonSet":
        return min(int(status.get(each, 0)) for each in ("numberReady", "updatedNumberScheduled"))
    return min(int(status.get(each, 0)) for each in ("readyReplicas", "updatedReplicas"))


@pytest.mark.parametrize(("kind", "verb"), CASES)
def test_what_a_check_says_after_a_verb_is_so(
    kind: str, verb: str, cluster: HttpCluster, tmp_path: Path
) -> None:
    checks = [each for each in CHECKS if each != "recovered" or verb not in HARMLESS]
    with running(cluster, tmp_path, kind) as run:
        hold(cluster, run, kind, verb, checks)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["kill at once", "restart"])
def test_a_watch_that_is_seconds_late_is_not_believed(
    kind: str, verb: str, cluster: HttpCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "Stream", late(VERY_LATE))
    monkeypatch.setattr(watch, "CATCHES_UP_WITHIN", VERY_LATE * 3 / 4)
    with running(cluster, tmp_path, kind) as run:
        hold(cluster, run, kind, verb, ["ready" if verb == "restart" else "recovered"])


@pytest.mark.parametrize("kind", KINDS)
def test_an_undo_is_answered_by_what_is_so(kind: str, cluster: HttpCluster, tmp_path: Path) -> None:
    """Each change is taken back at once behind the change, while the watch still shows neither."""
    with running(cluster, tmp_path, kind) as outer:
        namespace = outer._state.namespace
        before, _ = truth(cluster, namespace, kind)
        with by_hand(cluster, namespace, tmp_path) as inner:
            inner.apply("1.yaml")
            if kind != "daemonset":
                inner.scale(workload=f"{kind}/web", replicas=want(inner) + 1)
            inner.cordon(node="node-1")
            inner.apply("2.yaml")
        after, _ = truth(cluster, namespace, kind)
        assert after["spec"] == before["spec"]
        assert not any(node["spec"].get("unschedulable") for node in cluster.list(NODES))
        outer.ready(f"{kind}/web", within="60s")
        web, pods = truth(cluster, namespace, kind)
        assert len(pods) == wanted(web)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollout_that_hangs_is_not_ready(kind: str, cluster: HttpCluster, tmp_path: Path) -> None:
    with running(cluster, tmp_path, kind) as run:
        run.apply("hung.yaml")
        with pytest.raises(NotHeld, match=r"expected \d of \d Pods"):
            run.ready(f"{kind}/web", within=f"{6 * LATE}s")


def test_a_victim_is_not_chosen_twice(run: Resilience) -> None:
    struck: list[str] = []
    for _ in range(3):
        run.kill(pods="app=web", count=1, grace="30s")
        struck.append(run._state.victims[-1].uid)
    assert len(set(struck)) == 3
