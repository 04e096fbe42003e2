"""End to end: no value of the environment lies in a journal, on disk or in the cluster, and what a
killed run wrote with one is still cleared away where the run was started."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import yaml

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import CONFIGMAPS, DEPLOYMENTS, LEASES, NAMESPACES, PODS
from resilience.cluster.requests.command import Command
from resilience.cluster.transport import HttpCluster
from tests.engine.journal.test_next_run import JOURNAL, UNRELATED, _created
from tests.harness.sandboxed import DEADLINE, Inner
from tests.real_cluster import resilience, scenarios

TOKEN = "s3cret/token+4711"
STORE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: kv, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: kv}}
  template:
    metadata: {labels: {app: kv}}
    spec:
      containers:
      - name: kv
        image: python:3.12
        command: [python, -c, "import time; time.sleep(3600)"]
"""
WRITE = "import sys; open('/tmp/' + sys.argv[1], 'w').write(sys.argv[2])"
LIST = "import pathlib; print([f.read_text() for f in pathlib.Path('/tmp').glob('*.orders.*')])"
DELETE = "import os, sys; os.unlink('/tmp/' + sys.argv[1])"
SCENARIO = f"""
scenario: orders with ${{TOKEN}}
namespace: shop
settle: 0s
given:
  - ready: deployment/kv
while:
  - ledger:
      rate: 4/s
      timeout: 5s
      exec:
        pods: app=kv
        put: [python, -c, "{WRITE}", "{{key}}", "{{value}}", "${{TOKEN}}"]
        list: [python, -c, "{LIST}", "${{TOKEN}}"]
        delete: [python, -c, "{DELETE}", "{{key}}", "Basic ${{TOKEN}}"]
    name: orders
when:
  - scale: {{workload: deployment/kv, replicas: 2}}
  - sleep: 60s
then:
  - ready: all
"""


@pytest.fixture
def project(folder: Path, admin: HttpCluster, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKEN", TOKEN)
    (folder / "kill.scenario.yaml").unlink()
    (folder / "orders.scenario.yaml").write_text(SCENARIO)
    for name in ("shop", JOURNAL):
        _created(admin, NAMESPACES, {"metadata": {"name": name}})
    _created(admin, DEPLOYMENTS, yaml.safe_load(STORE), "shop")
    return folder


def killed(project: Path, embedded: Embedded, admin: HttpCluster) -> str:
    """After the first change; what the journals hold."""
    with Inner(project, f"--resilience-kubeconfig={embedded.kubeconfig}", "-p", "no:cacheprovider",
               "orders.scenario.yaml") as inner:  # fmt: skip
        with admin.view(DEPLOYMENTS, "shop") as view:
            if not view.wait(lambda all_: all_[0]["spec"]["replicas"] == 2, DEADLINE / 2):
                inner.send(signal.SIGINT)
                pytest.fail(f"{inner.end()}: {inner.output}")  # fmt: skip
        inner.send(signal.SIGKILL)
        inner.end()
    for lease in admin.list(LEASES, JOURNAL):
        short = {"spec": {"leaseDurationSeconds": 1}}
        admin.patch(LEASES, lease["metadata"]["name"], short, JOURNAL)
    [file] = (project / ".resilience/journal").glob("*.jsonl")
    [there] = admin.list(CONFIGMAPS, JOURNAL, labels="resilience/run")
    return file.read_text() + json.dumps(there)


def written(admin: HttpCluster) -> str:
    said = ""
    # A Pod that the run had just asked for may not run yet: nothing was written there. What is in
    # one that is being deleted goes with it.
    running = admin.list(PODS, "shop", fields="status.phase=Running")
    for pod in running:
        if pod["metadata"].get("deletionTimestamp"):
            continue
        words = ("python", "-c", LIST)
        command = Command(namespace="shop", pod=pod["metadata"]["name"], words=words)
        said += admin.exec(command).stdout.decode()
    return said.replace("[]", "").strip()


def test_what_needs_a_value_of_the_environment_is_cleared_where_the_run_was_started(
    project: Path, tmp_path_factory: pytest.TempPathFactory, embedded: Embedded,
    admin: HttpCluster, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    journals = killed(project, embedded, admin)
    assert TOKEN not in journals
    assert "${TOKEN}" in journals
    assert written(admin)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "next.scenario.yaml").write_text(UNRELATED)
    run = scenarios(elsewhere, embedded.kubeconfig, "next.scenario.yaml")
    assert run.returncode == 20, run.stdout
    assert "scale deployment/kv back to 1: done" in run.stdout.replace("shop/", ""), run.stdout
    assert "the environment variable TOKEN, and only the journal in the cluster" in run.stdout
    monkeypatch.delenv("TOKEN")
    there = str(embedded.kubeconfig)
    done = resilience(project, "recover", "--kubeconfig", there)
    assert "the environment variable TOKEN is not set" in done.stdout, done.stdout
    assert written(admin)
    monkeypatch.setenv("TOKEN", TOKEN)
    done = resilience(project, "recover", "--kubeconfig", there)
    assert done.returncode == 0, done.stdout
    assert not written(admin)
    assert admin.list(CONFIGMAPS, JOURNAL, labels="resilience/run") == []
