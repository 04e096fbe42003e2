"""Draining: our engine beside `kubectl drain`, and beside what the budgets themselves dictate.

Pods are `pause`, which cost no process. On one node a replacement is ready within a tenth of a
second, so that what is measured is the drainer and not the cluster. Over a hundred nodes it takes
`READY_AFTER` seconds: a budget that lets a tenth of its Pods be away then dictates ten waves, of
which nine wait for replacements. What is dictated is nine times one replacement, measured on the
same sandbox before the drain, with nothing else to do. That the sandbox is slower when three
hundred are replaced at once, and the leaving of the last wave, are counted against the drainer.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks import Row, peak_mib
from resilience.cluster import connect
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import (
    BUDGETS,
    DEPLOYMENTS,
    NAMESPACES,
    NODES,
    PODS,
    Cluster,
    Object,
)
from resilience.drain import DrainOptions, DrainResult, drain

GRACE = 1
"""Seconds of grace, as in the measurement that the goal comes from."""


READY_AFTER = 3
"""Seconds that a replacement starts for, where budgets and not the drainer should be what binds."""

STARTS_FOR = 1
"""Seconds that a small Pod starts for on an idle real node."""

READY_WITHIN = 300.0
"""Seconds for the Pods to be made; alone on a machine they take a tenth of it."""


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
    )
    assert result.drained, result.lines()[:9]
    return result


def prepare_one(cluster: Cluster, namespace: str, port: int | None = None) -> None:
    """12 Pods of one Deployment on node-1, one may be away; node-2 and node-3 join afterwards. With
    a port a Pod starts for as long as on a real node."""
    cluster.create(NAMESPACES, {"metadata": {"name": namespace}})
    label(cluster, "node-1", namespace)
    body = deployment("web", 12, namespace)
    if port is not None:
        body = slowly_ready(body, port, STARTS_FOR)
    cluster.create(DEPLOYMENTS, body, namespace)
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
        theirs, refused = by_kubectl(str(embedded.kubeconfig))
    yield Row(
        what="drain 12 Pods, one may be away", measured=f"{mine.seconds:.2f} s", reach="1/8",
        beside=f"kubectl drain {theirs:.2f} s", ratio=mine.seconds / theirs,
    )  # fmt: skip
    yield Row(what="rejected evictions", measured=str(mine.rejected), reach="0",
              beside=f"kubectl {refused}")  # fmt: skip


def real_starts() -> Iterator[Row]:
    """The same where a Pod starts for `STARTS_FOR` seconds. The budget then dictates eleven starts,
    one behind the other: no drainer is faster than that, and kubectl looks every five seconds."""
    with (
        listening() as port,
        sandbox(nodes=3) as embedded,
        connect(embedded.access) as cluster,
    ):
        label(cluster, "node-2", "big")
        dictated = 11 * turnaround(cluster, port, STARTS_FOR)
        prepare_one(cluster, "ours", port)
        mine = ours(cluster, ["node-1"])
        prepare_one(cluster, "kubectl", port)
        theirs, refused = by_kubectl(str(embedded.kubeconfig))
    what = f"drain 12 Pods that start for {STARTS_FOR} s"
    yield Row(
        what=what, measured=f"{mine.seconds:.1f} s", reach="0.25",
        beside=f"kubectl drain {theirs:.1f} s", ratio=mine.seconds / theirs,
    )  # fmt: skip
    yield Row(
        what="the same", measured=f"{mine.seconds:.1f} s", reach="1.15",
        beside=f"the budget dictates {dictated:.1f} s", ratio=mine.seconds / dictated,
    )  # fmt: skip
    yield Row(what="rejected evictions", measured=str(mine.rejected), reach="0",
              beside=f"kubectl {refused}")  # fmt: skip


def by_kubectl(kubeconfig: str) -> tuple[float, int]:
    """Seconds, and evictions that were refused."""
    command = ["kubectl", "--kubeconfig", kubeconfig, "drain", "node-1"]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began, done.stderr.count("will retry after")


@contextmanager
def listening() -> Iterator[int]:
    """A port that takes connections, for readiness probes of Pods that have no process."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:

        def serve() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def slowly_ready(body: dict[str, Any], port: int, after: int = READY_AFTER) -> dict[str, Any]:
    """The same Deployment, whose Pods are ready after so many seconds and not at once."""
    body["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = {
        "tcpSocket": {"host": "127.0.0.1", "port": port},
        "initialDelaySeconds": after, "timeoutSeconds": 30, "periodSeconds": 30,
    }  # fmt: skip
    return body


def turnaround(cluster: Cluster, port: int, after: int = READY_AFTER) -> float:
    """Seconds from one accepted eviction until the budget allows the next, with nothing else to
    do: what a wave cannot take less than."""
    cluster.create(NAMESPACES, {"metadata": {"name": "alone"}})
    cluster.create(DEPLOYMENTS, slowly_ready(deployment("alone", 1, "big"), port, after), "alone")
    cluster.create(BUDGETS, budget("alone", 1), "alone")
    wait_ready(cluster, "alone", 1)
    with cluster.view(BUDGETS, "alone") as view:
        began = time.monotonic()
        cluster.evict(cluster.list(PODS, "alone")[0]["metadata"]["name"], "alone")
        for healthy in (0, 1):
            assert view.wait(partial(_healthy, healthy), READY_WITHIN)
        return time.monotonic() - began


def _healthy(count: int, found: Sequence[Object]) -> bool:
    return bool(found[0]["status"]["currentHealthy"] == count)


def many_nodes(nodes: int = 100, apps: int = 50, replicas: int = 60) -> Iterator[Row]:
    """Half of 200 nodes drained at once; each of the budgets lets a tenth of its Pods be away."""
    waves, pods, sent = 10, apps * replicas, [0]

    def count(*_: object) -> None:
        sent[0] += 1

    with listening() as port, sandbox(nodes=2 * nodes) as embedded:
        with connect(embedded.access) as cluster:
            names = prepare_many(cluster, nodes, apps, replicas, waves, port)
            dictated = (waves - 1) * turnaround(cluster, port)
        before = peak_mib(resource.RUSAGE_SELF)
        with connect(embedded.access, gate=count) as cluster:
            result = ours(cluster, names)
    yield Row(
        what=f"drain {nodes} nodes, {pods} Pods, {apps} budgets", reach="1.5",
        measured=f"{result.seconds:.1f} s", ratio=result.seconds / dictated,
        beside=f"the budgets dictate {dictated:.1f} s",
    )  # fmt: skip
    yield Row(what="rejected evictions", measured=str(result.rejected), reach="0")
    yield Row(what="requests sent per Pod", reach="3", measured=f"{sent[0] / pods:.2f}")
    yield Row(what="memory of the drainer", measured=f"{peak_mib():.0f} MiB", reach="150 MiB",
              beside=f"{before:.0f} MiB before")  # fmt: skip


def prepare_many(
    cluster: Cluster, nodes: int, apps: int, replicas: int, waves: int, port: int
) -> list[str]:
    """All Pods on the first `nodes`, ready; their names. As many others join afterwards."""
    names = [f"node-{i}" for i in range(1, 2 * nodes + 1)]
    for name in names[:nodes]:
        label(cluster, name, "big")
    cluster.create(NAMESPACES, {"metadata": {"name": "big"}})
    for i in range(apps):
        body = slowly_ready(deployment(f"app-{i}", replicas, "big"), port)
        cluster.create(DEPLOYMENTS, body, "big")
        cluster.create(BUDGETS, budget(f"app-{i}", replicas // waves), "big")
    wait_ready(cluster, "big", apps * replicas)
    for name in names[nodes:]:
        label(cluster, name, "big")
    return names[:nodes]


def measure() -> Iterator[Row]:
    """All three."""
    yield from one_node()
    yield from real_starts()
    yield from many_nodes()
