"""`ready` of workloads that keep Pods of an older template on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import NODES, PODS, Object
from resilience.cluster.transport import HttpCluster
from resilience.engine.python.fixture import NotHeld, Resilience
from resilience.kube import objects
from resilience.model.verdict import Outcome
from tests.engine.helpers import by_hand
from tests.spaces import space

WORKLOAD = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: db}}
spec:
  {more}
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: {grace}
      containers: [{{name: c, image: "registry.k8s.io/pause:3.10"}}]
"""
ON_DELETE = "updateStrategy: {type: OnDelete}"
KEPT = {
    "StatefulSet": f"serviceName: db\n  replicas: 3\n  {ON_DELETE}",
    "DaemonSet": ON_DELETE,
    "ReplicaSet": "replicas: 2",
    "partition": "serviceName: db\n  replicas: 3\n"
    "  updateStrategy: {rollingUpdate: {partition: 3}}",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[HttpCluster]:
    with sandbox(nodes=3) as embedded, connect(embedded.access) as opened:
        yield opened


@contextmanager
def running(cluster: HttpCluster, folder: Path, case: str) -> Iterator[Resilience]:
    kind = "StatefulSet" if case == "partition" else case
    for name, grace in (("before", 0), ("after", 1)):
        text = WORKLOAD.format(kind=kind, more=KEPT[case], grace=grace)
        (folder / f"{name}.yaml").write_text(text)
    with space(cluster, "kept") as namespace, by_hand(cluster, namespace, folder) as opened:
        opened.apply("before.yaml")
        opened.ready("all", within="60s")
        yield opened


def name_of(case: str) -> str:
    return "statefulset/db" if case == "partition" else f"{case.lower()}/db"


@pytest.mark.parametrize("case", KEPT)
@pytest.mark.parametrize("how", ["one", "all", "pods"])
def test_a_change_that_no_pod_has_is_not_measured(
    case: str, how: str, cluster: HttpCluster, tmp_path: Path
) -> None:
    with running(cluster, tmp_path, case) as run:
        run.apply("after.yaml")
        asked = {"one": [name_of(case)], "all": ["all"], "pods": []}[how]
        named = {"pods": "app=db"} if how == "pods" else {}
        with pytest.raises(NotHeld, match="no Pod has the new one, because of") as said:
            run.ready(*asked, within="60s", **named)
        assert said.value.outcome is Outcome.NOT_MEASURED


@pytest.mark.parametrize("case", ["StatefulSet", "DaemonSet"])
def test_a_change_that_one_pod_has_is_judged(
    case: str, cluster: HttpCluster, tmp_path: Path
) -> None:
    with running(cluster, tmp_path, case) as run:
        run.apply("after.yaml")
        run.kill(pods="app=db", count=1)
        run.ready(name_of(case), within="60s")
        told = [entry.text for entry in run._state.timeline.entries()]
        assert any("2 of them with an older template (updateStrategy" in text for text in told)


def test_a_replicaset_uses_the_change_for_the_next_pod(
    cluster: HttpCluster, tmp_path: Path
) -> None:
    with running(cluster, tmp_path, "ReplicaSet") as run:
        run.apply("after.yaml")
        run.kill(pods="app=db", count=1)
        run.ready("all", within="60s")


def test_what_is_not_changed_is_ready_whatever_its_strategy(
    cluster: HttpCluster, tmp_path: Path
) -> None:
    with running(cluster, tmp_path, "StatefulSet") as run:
        run.scale(workload="statefulset/db", replicas=4)
        run.cordon(node=objects.name(cluster.list(NODES)[0]))
        run.ready("statefulset/db", within="60s")


def test_pods_of_another_namespace_are_not_waited_for(cluster: HttpCluster, tmp_path: Path) -> None:
    """A drain strikes Pods of every namespace, with the same labels too."""
    with space(cluster, "beside") as beside, running(cluster, tmp_path, "ReplicaSet") as run:
        for node in cluster.list(NODES):
            cluster.create(PODS, bare(objects.name(node)), beside)
        run.ready(pods="app=db")
        run.drain(node={"running": "app=db"}, bare=True)
        run.ready("all", within="60s")
        run.ready(pods="app=db", within="60s")
        with pytest.raises(NotHeld, match=r"bare Pod beside-.*/db-.* has 0 of 1 serving Pods back"):
            run.recovered(within="1s")


@pytest.mark.parametrize("code", [0, 1])
def test_a_bare_pod_that_fails_in_the_run_is_missed_by_all(
    code: int, cluster: HttpCluster, tmp_path: Path
) -> None:
    """Nothing recreates it; one that completes has done its work."""
    with running(cluster, tmp_path, "ReplicaSet") as run:
        namespace = run._state.namespace
        cluster.create(PODS, once("before", "exit 1"), namespace)
        waits = "touch /tmp/on; while [ -e /tmp/on ]; do sleep 0.1; done"
        cluster.create(PODS, once("late", f"{waits}; exit {code}"), namespace)
        with cluster.view(PODS, namespace) as pods:
            assert pods.wait(lambda found: phases(found)["before"] == "Failed", 60.0)
        run.ready("all", within="60s")
        run.exec(pods="job=late", command=["rm", "/tmp/on"], bare=True, lasting=True)
        with cluster.view(PODS, namespace) as pods:
            assert pods.wait(lambda found: phases(found)["late"] in ("Succeeded", "Failed"), 60.0)
        if code == 0:
            run.ready("all", within="60s")
            return
        with pytest.raises(NotHeld, match="served in this run and will not come back") as said:
            run.ready("all", within="60s")
        assert "late served" in str(said.value)
        assert "before" not in str(said.value)


def phases(pods: Sequence[Object]) -> dict[str, str]:
    return {objects.name(pod): objects.phase(pod) for pod in pods}


def once(name: str, script: str) -> Object:
    """A Pod that nothing starts again."""
    probe = {"exec": {"command": ["ls", "/tmp/on"]}, "periodSeconds": 1}
    command = ["sh", "-c", script]
    container = {"name": "c", "image": "busybox:1.36", "command": command, "readinessProbe": probe}
    spec = {"restartPolicy": "Never", "containers": [container]}
    return {"metadata": {"name": name, "labels": {"job": name}}, "spec": spec}


def bare(node: str) -> dict[str, object]:
    containers = [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]
    spec = {"terminationGracePeriodSeconds": 0, "nodeName": node, "containers": containers}
    return {"metadata": {"name": f"db-{node}", "labels": {"app": "db"}}, "spec": spec}
