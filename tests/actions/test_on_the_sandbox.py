"""Faults end to end: pytest with scenarios, on one sandbox whose clock is hurried where Kubernetes'
own rules take minutes. Each scenario asks from inside of Pods whether what it says is so.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from resilience.cluster import connect
from resilience.cluster.access.access import plain
from resilience.cluster.access.embedded import command, environment
from resilience.cluster.interface import NODES
from resilience.cluster.transport import HttpCluster
from tests.actions.network.chaosmesh import Controller, crd
from tests.real_cluster import applied, deleted, in_the_name_of, resilience, scenarios

SCALE = 20
"""Seconds of the sandbox's clock in a real one: a silent node is noticed after two, not forty."""

SUBJECT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: "python:3.12"
          command: [python, -c, "PROGRAM"]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: a, port: 8080}, {name: b, port: 8081}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: c
      image: "python:3.12"
      command: [python, -c, "import signal; signal.sigwait([signal.SIGTERM])"]
---
apiVersion: v1
kind: Pod
metadata: {name: other, labels: {app: other}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: c
      image: "python:3.12"
      command: [python, -c, "import signal; signal.sigwait([signal.SIGTERM])"]
""".replace(
    "PROGRAM",
    "import os,signal,socket,threading;"
    "signal.signal(signal.SIGTERM,lambda *_:os._exit(0));"
    "a,b=(socket.create_server(('',p)) for p in (8080,8081));"
    "threading.Thread(target=lambda:[b.accept()[0].close() for _ in iter(int,1)]).start();"
    "[a.accept()[0].close() for _ in iter(int,1)]",
)

HEAD = """\
scenario: TITLE
namespace: NAME
settle: 10ms
given:
  - apply: subject.yaml
  - ready: all
when:
"""

REACHES = "import socket; socket.create_connection(('web', {port}), 1)"
RESOLVES = "import socket; socket.getaddrinfo('web', 80)"
BY_ADDRESS = (
    "import os, socket;socket.create_connection((os.environ['KUBERNETES_SERVICE_HOST'], 443), 1)"
)


def ask(who: str, program: str, code: int) -> str:
    """A step: what becomes of that program in a Pod."""
    asked = json.dumps(["python", "-c", program])
    step = f"{{pods: app={who}, bare: true, count: 1, command: {asked}, code: {code}}}"
    return f"  - exec: {step}\n    lasting: true\n"


def reaches(who: str, port: int = 8080) -> str:
    return ask(who, REACHES.format(port=port), 0)


def cut(who: str, port: int = 8080) -> str:
    return ask(who, REACHES.format(port=port), 1)


PARTITIONS = {
    "egress": "{pods: app=client, direction: egress}",
    "both": "{pods: app=client, direction: both}",
    "from": "{pods: app=web, from: app=client, direction: ingress}",
    "ports": "{pods: app=web, direction: ingress, ports: [8081]}",
    "dns": "{pods: app=client, direction: egress, dns: true}",
    "port-53": "{pods: app=client, direction: egress, ports: [53]}",
}
PROVEN = {
    "egress": cut("client") + reaches("other") + ask("client", RESOLVES, 0),
    "both": cut("client") + reaches("other"),
    "from": cut("client") + reaches("other"),
    "ports": cut("client", 8081) + reaches("client", 8080),
    "dns": ask("client", RESOLVES, 1) + ask("client", BY_ADDRESS, 1) + reaches("other"),
    "port-53": ask("client", RESOLVES, 1) + ask("client", BY_ADDRESS, 0) + reaches("other"),
}


NOBODY = "restarts: {pods: app=web, at_most: 0}"
"""What may be said while a node is away."""

BACK = "ready: all\n    within: 30s"


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a sandbox in a hurry."""
    up = command("up", "--owner-stdin", "--nodes", "3", "--time-scale", str(SCALE))
    with subprocess.Popen(
        up, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdin is not None
        yield Path(json.loads(owner.stdout.readline())["kubeconfig"])
        owner.stdin.close()


@pytest.fixture(scope="module")
def cluster(kubeconfig: Path) -> Iterator[HttpCluster]:
    access = plain(kubeconfig)
    assert access is not None
    with connect(replace(access, sandbox=True)) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    (tmp_path / "subject.yaml").write_text(SUBJECT)
    return tmp_path


def written(folder: Path, name: str, steps: str, then: str = "ready: all") -> None:
    head = HEAD.replace("TITLE", name).replace("NAME", f"space-{name}")
    (folder / f"{name}.scenario.yaml").write_text(f"{head}{steps}then:\n  - {then}\n")


def passed(folder: Path, kubeconfig: Path, count: int) -> str:
    run = scenarios(folder, kubeconfig, "-p", "no:randomly", ".")
    assert f"{count} passed" in run.stdout, run.stdout
    return run.stdout


@contextmanager
def limited(folder: Path, kubeconfig: Path, cluster: HttpCluster) -> Iterator[Path]:
    """The kubeconfig of a ServiceAccount that has what `resilience rbac` prints, and no more."""
    roles = applied(cluster, resilience(folder, "rbac", ".", "--with-namespaces").stdout)
    try:
        yield in_the_name_of(cluster, kubeconfig, folder, "resilience", "resilience-journal")
    finally:
        deleted(cluster, roles)


def test_who_is_cut_off_is_and_nobody_else(folder: Path, kubeconfig: Path) -> None:
    for name, parameters in PARTITIONS.items():
        written(folder, name, f"  - partition: {parameters}\n{PROVEN[name]}")
    passed(folder, kubeconfig, len(PARTITIONS))


def test_with_the_rights_that_are_printed_machines_stop_and_processes_crash(
    folder: Path, kubeconfig: Path, cluster: HttpCluster
) -> None:
    written(folder, "down", "  - node_down: node-2\n", NOBODY)
    written(folder, "kubelet", "  - node_down: {node: node-3, only: kubelet}\n", NOBODY)
    written(folder, "reboot", "  - reboot: {node: {running: app=web}}\n", BACK)
    written(folder, "crash", "  - crash: {pods: app=web, count: 1}\n", BACK)
    with limited(folder, kubeconfig, cluster) as least:
        told = passed(folder, least, 4)
    assert "node-2 is no longer Ready" in told
    assert {_ready(node) for node in cluster.list(NODES)} == {"True"}


def _ready(node: dict[str, object]) -> object:
    from resilience.kube import objects

    return objects.condition(node, "Ready").get("status")


def test_a_resource_of_chaos_mesh_is_injected_and_has_recovered(
    folder: Path, kubeconfig: Path, cluster: HttpCluster
) -> None:
    made = crd(cluster)
    (folder / "slow.yaml").write_text(
        "apiVersion: chaos-mesh.org/v1alpha1\nkind: NetworkChaos\nmetadata: {name: slow}\n"
        "spec: {action: delay, mode: all, selector: {labelSelectors: {app: web}},"
        " delay: {latency: 100ms}}\n"
    )
    written(folder, "slow", "  - chaos_mesh: {file: slow.yaml, duration: 100ms}\n")
    written(folder, "slow-to-the-end", "  - chaos_mesh: slow.yaml\n")
    with Controller(cluster, made) as controller, limited(folder, kubeconfig, cluster) as least:
        told = passed(folder, least, 2)
    assert "is injected into 1 target" in told
    assert len(controller.recovered) == 2
    assert cluster.list(made) == []
