"""End to end, in real time: a run that is killed at a random moment leaves nothing after recover.

`RESILIENCE_MOMENTS` says how many moments (6; `make zoo` takes 60). The cluster is compared with
what it was before: everything in the namespace and the nodes, but for what the server counts itself
(uids, versions, status) and for the residues that actions declare (Pods and ReplicaSets of other
names, revisions). Every other run meets an API server that fails now and then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from resilience.actions.undo.object_undo import content
from resilience.cluster import connect
from resilience.cluster.access import embedded
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import (
    CONFIGMAPS,
    CRONJOBS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    POLICIES,
    SERVICES,
    Cluster,
    Object,
    Resource,
)
from resilience.cluster.requests.request import Request
from resilience.engine.base.real_clock import RealClock
from resilience.engine.journal.recover import left_behind, replay
from resilience.kube import objects, readiness
from resilience.verbs.catalogue import catalogue

MOMENTS = int(os.environ.get("RESILIENCE_MOMENTS", "6"))
LONGEST = 6.0
"""Seconds after the first step in which the run is killed; undisturbed it takes less."""

FAULTS = "/sandbox/v1/faults/apiserver"

SUBJECT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "registry.k8s.io/pause:3.10"}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: a, image: "python:3.12", command: [python, -c, "print(1)"]}]
"""

MORE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: other}
"""

MACHINES = """
scenario: what happens to nodes and Pods
namespace: subject
settle: 0s
given:
  - apply: more.yaml
while:
  - tcp: {service: web, port: 80, via: pod}
    rate: 5/s
    objective: {availability: 0%}
  - http: {service: web, port: 80, agents: 2}
    name: fleet
    rate: 5/s
    objective: {availability: 0%}
when:
  - cordon: {node: node-3}
  - zone: {value: there, label: test/zone, act: cordon}
    optional: true
  - restart: deployment/web
  - evict: {pods: app=web, count: 1}
    optional: true
  - crash: {pods: app=web, count: 1}
    optional: true
  - reboot: {node: node-2}
  - node_down: {node: node-2, only: kubelet}
    within: 20s
    optional: true
then:
  - ready: deployment/web
    within: 30s
"""
"""The verbs of nodes, those that leave a residue, and probers in Pods: one, and several agents."""

BACKUPS = """
scenario: a copy is restored beside the original
namespace: subject
settle: 0s
given:
  - apply: more.yaml
when:
  - snapshot: {store: "file:./snapshots"}
  - restore: {store: "file:./snapshots", into: copy}
  - restore: {store: "file:./snapshots", existing: skip}
then:
  - ready: deployment/web
    within: 30s
"""

SCENARIO = """
scenario: everything that can be undone
namespace: subject
settle: 0s
given:
  - apply: more.yaml
when:
  - scale: {workload: deployment/web, replicas: 5}
  - drain: {node: node-1}
    optional: true
  - taint: {node: node-2, taint: "fire:NoSchedule"}
  - quarantine: {pods: app=web, count: 1}
  - kill: {pods: app=web, count: 1, grace: 0s}
  - set_image: {workload: deployment/web, image: "registry.k8s.io/pause:3.9"}
  - suspend: cronjob/report
  - run_job: report
  - partition: {pods: app=web, direction: ingress}
  - ready: deployment/web
then:
  - ready: deployment/web
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[embedded.Embedded]:
    with embedded.sandbox(nodes=3) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(sandbox: embedded.Embedded) -> Cluster:
    return connect(sandbox.access)


@pytest.fixture
def folder(tmp_path: Path, cluster: Cluster) -> Path:
    """The scenario's files; its subject lives in the cluster already."""
    for name, text in (("subject.yaml", SUBJECT), ("more.yaml", MORE),
                       ("all.scenario.yaml", SCENARIO)):  # fmt: skip
        (tmp_path / name).write_text(text, encoding="utf-8")
    cluster.send(Request("DELETE", FAULTS))
    try:
        cluster.get(NAMESPACES, "subject")
    except NotFound:
        _make_subject(cluster, tmp_path)
    _settled(cluster)
    return tmp_path


def _make_subject(cluster: Cluster, folder: Path) -> None:
    from resilience.actions.shared.manifests import read

    cluster.create(NAMESPACES, {"metadata": {"name": "subject"}})
    for each in read(folder / "subject.yaml"):
        resource = cluster.resource(each.body["apiVersion"], each.body["kind"])
        cluster.create(resource, each.body, "subject")


def _settled(cluster: Cluster) -> None:
    """Three living, ready Pods of the one template, and none that is going."""
    deadline = time.monotonic() + 60
    with cluster.view(PODS, "subject") as pods:
        assert pods.wait(_three, deadline - time.monotonic()), [
            (objects.name(pod), readiness.is_ready(pod), objects.is_terminating(pod))
            for pod in pods.objects()]  # fmt: skip


def _three(pods: object) -> bool:
    assert isinstance(pods, list | tuple)
    images = {pod["spec"]["containers"][0]["image"] for pod in pods}
    return (len(pods) == 3 and all(readiness.serves(pod) for pod in pods)
            and images == {"registry.k8s.io/pause:3.10"})  # fmt: skip


def dump(cluster: Cluster) -> list[str]:
    """Everything that is someone's wish, as text that can be compared."""
    kinds = (DEPLOYMENTS, SERVICES, CONFIGMAPS, CRONJOBS, JOBS, POLICIES)
    found = [_text(kind, obj) for kind in kinds for obj in cluster.list(kind, "subject")]
    found += [_text(NODES, node) for node in cluster.list(NODES)]
    found += [f"Namespace {objects.name(each)}" for each in cluster.list(NAMESPACES)]
    found += [f"Pod {dict(objects.labels(pod))}" for pod in cluster.list(PODS, "subject")
              if "pod-template-hash" not in objects.labels(pod)]  # fmt: skip
    return sorted(found)


def _text(resource: Resource, obj: Object) -> str:
    kept = content(obj)
    template = ((kept.get("spec") or {}).get("template") or {}).get("metadata") or {}
    template.pop("annotations", None)  # a restart's residue
    notes = kept["metadata"].get("annotations") or {}
    notes.pop("deployment.kubernetes.io/revision", None)
    if not notes:
        kept["metadata"].pop("annotations", None)
    if resource == NODES:  # taints that controllers put on and off by themselves
        kept["spec"]["taints"] = [taint for taint in kept["spec"].get("taints") or ()
                                  if "kubernetes.io/" not in taint["key"]]  # fmt: skip
    return json.dumps({"kind": resource.kind} | kept, sort_keys=True)


def _killed_after(seconds: float, kubeconfig: Path, folder: Path) -> str:
    """Run the scenario and kill its process so long after its first step; what it printed."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "tests.engine.runner", str(kubeconfig),
               str(folder / "journal"), str(folder / "all.scenario.yaml")]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=root, env=environment
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first == "acting\n", first
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        rest = process.stdout.read()
        timer.cancel()
    return rest.replace("acting\n", "")


def test_undisturbed_the_scenario_passes_and_leaves_nothing(
    sandbox: embedded.Embedded, cluster: Cluster, folder: Path
) -> None:
    before = dump(cluster)
    assert _killed_after(120, sandbox.kubeconfig, folder) == "passed \n"
    _settled(cluster)
    assert dump(cluster) == before
    assert left_behind(folder / "journal") == []


def _fail_at_times(cluster: Cluster) -> None:
    """The next writes of everybody but the sandbox's own parts meet trouble, a few of each kind."""
    for trouble in ({"kind": "error", "code": 503}, {"kind": "error", "code": 429, "retryAfter": 1},
                    {"kind": "reset"}):  # fmt: skip
        body = trouble | {"times": 2, "methods": ["POST", "PATCH", "DELETE"], "lasts": LONGEST + 5}
        cluster.send(Request("POST", FAULTS, body=body))


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_run_killed_at_any_moment_is_undone_by_recover(
    sandbox: embedded.Embedded, cluster: Cluster, folder: Path, moment: int
) -> None:
    before = dump(cluster)
    seconds = Random(moment).uniform(0, LONGEST)
    trouble = threading.Timer(seconds / 2, _fail_at_times, [cluster])
    if moment % 2:
        trouble.start()
    _killed_after(seconds, sandbox.kubeconfig, folder)
    if moment % 2:
        trouble.join()
    for result in replay(cluster, folder / "journal", catalogue(), clock=RealClock()):
        assert result.complete, (seconds, result.lines)
    _settled(cluster)
    assert dump(cluster) == before, f"killed after {seconds:.3f}s"
    assert left_behind(folder / "journal") == []
