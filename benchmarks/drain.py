"""Draining: our engine beside `kubectl drain`, and beside what the budgets themselves dictate.

Pods are `pause`, which cost no process; a replacement is ready within a tenth of a second, so that
what is measured is the drainer and not the cluster.
"""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import Row, peak_mib
from resilience.cluster import connect
from resilience.cluster.embedded import sandbox
from resilience.cluster.interface import BUDGETS, DEPLOYMENTS, NAMESPACES, NODES, Cluster
from resilience.drain import DrainOptions, DrainResult, drain

GRACE = 1
"""Seconds of grace, as in the measurement that the goal comes from."""


READY_WITHIN = 120.0
"""Seconds for the Pods to be made; they take a tenth of it."""


def deployment(name: str, replicas: int, node_label: str) -> dict[str, Any]:
    """A Deployment of pause Pods on the nodes with that label."""
    labels = {"app": name}
    spec = {
        "terminationGracePeriodSeconds": GRACE,
        "nodeSelector": {"pool": node_label},
        "containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}],
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }  # fmt: skip


def budget(name: str, unavailable: int) -> dict[str, Any]:
    """A PodDisruptionBudget for the Deployment of that name."""
    spec = {"maxUnavailable": unavailable, "selector": {"matchLabels": {"app": name}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": name}, "spec": spec}  # fmt: skip


def label(cluster: Cluster, node: str, pool: str) -> None:
    """Put a node into a pool, and let it take Pods."""
    change = {"metadata": {"labels": {"pool": pool}}, "spec": {"unschedulable": None}}
    cluster.patch(NODES, node, change)


def cordon(cluster: Cluster, nodes: list[str]) -> None:
    """No new Pods there."""
    for node in nodes:
        cluster.patch(NODES, node, {"spec": {"unschedulable": True}})


def wait_ready(cluster: Cluster, namespace: str, pods: int) -> None:
    """Until so many Pods are ready and the budgets have been computed for them."""
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end:
        ready = sum(
            d["status"].get("readyReplicas", 0) for d in cluster.list(DEPLOYMENTS, namespace)
        )
        computed = sum(
            b["status"].get("currentHealthy", 0) for b in cluster.list(BUDGETS, namespace)
        )
        if ready == pods and computed == pods:
            return
        time.sleep(0.1)
    raise TimeoutError(f"{pods} Pods in {namespace} were not ready within {READY_WITHIN:g} s")


def ours(cluster: Cluster, nodes: list[str]) -> DrainResult:
    """One drain by our engine."""
    cordon(cluster, nodes)
    result = drain(
        cluster,
        nodes,
        DrainOptions(),
        clock=time,
        deadline=time.monotonic() + 300,
    )  # type: ignore[arg-type]
    assert result.drained, result.lines()
    return result


def prepare_one(cluster: Cluster, namespace: str) -> None:
    """12 Pods of one Deployment on node-1, one may be away; node-2 and node-3 join afterwards."""
    cluster.create(NAMESPACES, {"metadata": {"name": namespace}})
    label(cluster, "node-1", namespace)
    cluster.create(DEPLOYMENTS, deployment("web", 12, namespace), namespace)
    cluster.create(BUDGETS, budget("web", 1), namespace)
    wait_ready(cluster, namespace, 12)
    for node in ("node-2", "node-3"):
        label(cluster, node, namespace)


def one_node() -> Iterator[Row]:
    """12 Pods of one Deployment on one node, `maxUnavailable: 1`."""
    with sandbox(nodes=3) as embedded, connect(embedded.access) as cluster:
        prepare_one(cluster, "ours")
        mine = ours(cluster, ["node-1"])
        prepare_one(cluster, "kubectl")
        command = ["kubectl", "--kubeconfig", str(embedded.kubeconfig), "drain", "node-1"]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        theirs = time.monotonic() - began
        assert done.returncode == 0, done.stderr
    yield Row(
        what="drain 12 Pods, one may be away", measured=f"{mine.seconds:.2f} s", reach="1/8",
        beside=f"kubectl drain {theirs:.2f} s", ratio=mine.seconds / theirs,
    )  # fmt: skip
    yield Row(what="rejected evictions", measured=str(mine.rejected), reach="0",
              beside=f"kubectl {done.stderr.count('will retry after')}")  # fmt: skip


def many_nodes(nodes: int = 100, apps: int = 50, replicas: int = 60) -> Iterator[Row]:
    """Half of 200 nodes drained at once; each of the budgets lets a tenth of its Pods be away, so
    that they dictate ten rounds. Pods here go and come in milliseconds: what a round takes is the
    API server's own time for its evictions."""
    with sandbox(nodes=2 * nodes) as embedded, connect(embedded.access) as cluster:
        names = [f"node-{i}" for i in range(1, 2 * nodes + 1)]
        for name in names[:nodes]:
            label(cluster, name, "big")
        cluster.create(NAMESPACES, {"metadata": {"name": "big"}})
        for i in range(apps):
            cluster.create(DEPLOYMENTS, deployment(f"app-{i}", replicas, "big"), "big")
            cluster.create(BUDGETS, budget(f"app-{i}", replicas // 10), "big")
        wait_ready(cluster, "big", apps * replicas)
        for name in names[nodes:]:
            label(cluster, name, "big")
        before = peak_mib(resource.RUSAGE_SELF)
        result = ours(cluster, names[:nodes])
    pods = apps * replicas
    yield Row(
        what=f"drain {nodes} nodes, {pods} Pods, {apps} budgets",
        measured=f"{result.seconds:.1f} s", beside=f"{pods / result.seconds:.0f} Pods/s",
    )  # fmt: skip
    yield Row(what="rejected evictions", measured=str(result.rejected), reach="0")
    yield Row(what="evictions sent per Pod", reach="3",
              measured=f"{(pods + result.rejected) / pods:.2f}")  # fmt: skip
    yield Row(what="memory of the drainer", measured=f"{peak_mib():.0f} MiB", reach="150 MiB",
              beside=f"{before:.0f} MiB before")  # fmt: skip


def measure() -> Iterator[Row]:
    """Both."""
    yield from one_node()
    yield from many_nodes()
