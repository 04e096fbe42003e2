"""A target's limits, end to end: the sandbox by its other name is treated as a real cluster is.

Each refused run says why in one message, ends with 23, and has touched nothing.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import DEPLOYMENTS, LEASES, NAMESPACES, SERVICES
from resilience.cluster.transport import HttpCluster
from tests.real_cluster import applied, scenarios
from tests.spaces import serving, space
from tests.wanted import wanted

JOURNAL = "resilience-journal"
SUBJECT = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: resilience-journal}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "registry.k8s.io/pause:3.10"}]}
"""

TARGET = """
[targets.staging]
context = "sandbox"
cluster = "%s"
namespaces = [%s]
"""


class Prometheus(ThreadingHTTPServer):
    """Answers queries with `series`, and remembers them."""

    def __init__(self) -> None:
        self.series: list[Any] = []
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Prometheus)
        server.asked.append(self.path)
        data = {"resultType": "vector", "result": server.series}
        body = json.dumps({"status": "success", "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nowhere."""


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    with Prometheus() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def real(folder: Path, embedded: Embedded) -> Path:
    """A kubeconfig by which the sandbox is not known to be one."""
    config = yaml.safe_load(embedded.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    cluster["server"] = cluster["server"].replace("127.0.0.1", "localhost")
    (folder / "real.kubeconfig").write_text(yaml.safe_dump(config))
    return folder / "real.kubeconfig"


@pytest.fixture
def shop(folder: Path, admin: HttpCluster) -> Path:
    (folder / "kill.scenario.yaml").unlink()
    applied(admin, SUBJECT)
    serving(admin, "shop", 3)
    return folder


def targeted(folder: Path, admin: HttpCluster, more: str, names: str = '"shop"') -> None:
    uid = admin.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    (folder / "resilience.toml").write_text(TARGET % (uid, names) + more + "\n")


def asked(folder: Path, action: str) -> None:
    (folder / "one.scenario.yaml").write_text(
        f"scenario: one\nnamespace: shop\nsettle: 10ms\nwhen:\n  - {action}\n"
        "then:\n  - restarts: {pods: app=web, at_most: 0}\n"
    )


def refused(folder: Path, real: Path, admin: HttpCluster, told: str, *more: str) -> None:
    before = wanted(admin, "shop")
    run = scenarios(folder, real, "-q", *more, ".")
    assert told in run.stdout, run.stdout
    assert run.returncode == 23, run.stdout
    assert wanted(admin, "shop") == before


KILL_TWO = "kill: {pods: app=web, count: 2}"


def test_a_gate_that_finds_something_refuses_and_an_empty_answer_lets_through(
    shop: Path, real: Path, admin: HttpCluster, prometheus: Prometheus
) -> None:
    asked(shop, KILL_TWO)
    targeted(shop, admin, f'gate = {{prometheus = "{prometheus.url}", unless = "ALERTS"}}')
    prometheus.series = [{"metric": {}, "value": [0, "1"]}]
    refused(shop, real, admin, "blocked by the gate: prometheus finds `ALERTS`: 1 series")
    prometheus.series = []
    run = scenarios(shop, real, "-q", ".")
    assert run.returncode == 0, run.stdout
    assert prometheus.asked[-1] == "/api/v1/query?query=ALERTS"


def test_a_gate_that_does_not_answer_is_shut(shop: Path, real: Path, admin: HttpCluster) -> None:
    asked(shop, KILL_TWO)
    targeted(shop, admin, 'gate = {prometheus = "http://127.0.0.1:9", unless = "ALERTS"}')
    refused(shop, real, admin, "gives no usable answer")


def test_more_pods_than_a_target_allows_are_not_harmed(
    shop: Path, real: Path, admin: HttpCluster
) -> None:
    asked(shop, KILL_TWO)
    targeted(shop, admin, "max_pods = 1")
    refused(shop, real, admin, "2 Pods would be harmed by this run, but target staging allows")


def test_on_a_blackout_day_nothing_is_touched(shop: Path, real: Path, admin: HttpCluster) -> None:
    asked(shop, KILL_TWO)
    today = datetime.now(UTC).date()
    targeted(shop, admin, f'blackout = ["{today}/{today.replace(year=today.year + 1, day=1)}"]')
    refused(shop, real, admin, "target staging is closed: ")


def test_nodes_take_a_targets_word_and_a_lock_of_their_own(
    shop: Path, real: Path, admin: HttpCluster
) -> None:
    asked(shop, "cordon: node-1")
    targeted(shop, admin, "")
    refused(shop, real, admin, "set `nodes = true` in [targets.staging] of resilience.toml")
    targeted(shop, admin, "nodes = true")
    with suppress(NotFound):  # a run that drained a node before left it, held by no one
        admin.delete(LEASES, "nodes", JOURNAL)
    spec = {"holderIdentity": "run r1 of ann@ci", "leaseDurationSeconds": 30}
    admin.create(LEASES, {"metadata": {"name": "nodes"}, "spec": spec}, JOURNAL)
    try:
        told = "the lock resilience-journal/nodes is held by run r1 of ann@ci"
        refused(shop, real, admin, told, "--resilience-lock-wait=0s")
    finally:
        admin.delete(LEASES, "nodes", JOURNAL)


SYSTEM = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: names, namespace: kube-system}
spec:
  selector: {matchLabels: {app: names}}
  template:
    metadata: {labels: {app: names}}
    spec:
      nodeSelector: {kubernetes.io/hostname: node-1}
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: "registry.k8s.io/pause:3.10"}]
"""


def test_a_drain_evicts_system_pods_where_the_target_names_their_namespace(
    shop: Path, real: Path, admin: HttpCluster
) -> None:
    applied(admin, SYSTEM)
    serving(admin, "kube-system", 1)
    asked(shop, "drain: {node: node-1, overflow: true}")
    targeted(shop, admin, "nodes = true")
    refused(shop, real, admin, "list it in `namespaces` of target staging")
    targeted(shop, admin, "nodes = true", names='"shop", "kube-system"')
    run = scenarios(shop, real, ".")
    admin.delete(DEPLOYMENTS, "names", "kube-system")
    assert run.returncode == 0, run.stdout
    assert re.search(r"kube-system/names-\S+: evicted", run.stdout), run.stdout


def test_actions_keep_to_the_pace_that_a_target_sets(
    shop: Path, real: Path, admin: HttpCluster
) -> None:
    asked(shop, "kill: {pods: app=web, count: 3}")  # three requests, of which one may go at once
    targeted(shop, admin, 'rate = "2/s"\nburst = 1')
    run = scenarios(shop, real, "-p", "no:randomly", ".")
    assert run.returncode == 0, run.stdout
    [done] = re.findall(r"\+(\d+\.\d+)s\s+done: kill", run.stdout)
    [began] = re.findall(r"\+(\d+\.\d+)s\s+`given` is done", run.stdout)
    assert float(done) - float(began) >= 1.0


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("host", ["web.bank", "address"])
def test_who_writes_to_a_service_of_another_namespace_needs_its_consent(
    host: str, method: str, shop: Path, real: Path, admin: HttpCluster
) -> None:
    """By any name that leads there: what reads may ask everybody."""
    with space(admin, "bank") as bank:
        service = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
        made = admin.create(SERVICES, service, bank)
        where = made["spec"]["clusterIP"] if host == "address" else f"web.{bank}"
        targeted(shop, admin, "")
        (shop / "one.scenario.yaml").write_text(
            "scenario: one\nnamespace: shop\nsettle: 10ms\nwhile:\n"
            f"  - http: {{url: 'http://{where}/', method: {method}, via: pod}}\n"
            "    rate: 1/s\n    objective: {availability: 1%}\n"
            "when:\n  - kill: {pods: app=web, count: 1}\n"
        )
        told = f"namespace {bank!r}"
        if method == "POST":
            refused(shop, real, admin, told, "--resilience-dry-run")
            refused(shop, real, admin, told)
        else:
            run = scenarios(shop, real, "-q", "--resilience-dry-run", ".")
            assert told not in run.stdout, run.stdout
