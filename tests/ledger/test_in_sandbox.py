"""A ledger as a user runs it: the shipped store on the sandbox, crashed, snapshotted, restored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.ledger.serve import durable_store
from tests.harness.conftest import Run, _alone, embedded, on_sandbox, run  # noqa: F401

STORE = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: orders}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      containers:
        - name: store
          image: python:3.12-slim
          command: [python, /program/durable_store.py, --data, /data, --host, 0.0.0.0]
          args: [ARGS]
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: program, mountPath: /program}
      volumes:
        - {name: data, persistentVolumeClaim: {claimName: orders}}
        - {name: program, configMap: {name: orders}}
---
apiVersion: v1
kind: Service
metadata: {name: orders}
spec:
  selector: {app: orders}
  ports: [{name: http, port: 80, targetPort: http}]
"""

SCENARIO = """\
scenario: orders keep what they acknowledge
namespace: NAMESPACE
settle: 2s
given:
  - apply: store.yaml
  - ready: deployment/orders
while:
  - ledger:
      http: {service: orders, put: "/kv/{key}", get: "/kv/{key}", list: "/kv?prefix={prefix}",
             delete: "/kv/{key}"}
      rate: 50/s
      final_read: {settle: 2s}
      MORE
    name: orders
when:
WHEN
then:
  - ready: deployment/orders
"""

CRASH = "  - crash: {pods: app=orders, count: 1}\n  - ready: deployment/orders"
BACKUP = """\
  - snapshot: {store: "file:./store", volumes: true}
  - sleep: 2s
  - restore: {store: "file:./store", into: orders-copy}
"""


def written(folder: Path, namespace: str, when: str, wrong: str = "", more: str = "") -> None:
    arguments = f"--port, '8080', --wrong, {wrong}" if wrong else "--port, '8080'"
    program = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "orders"},
               "data": {"durable_store.py": Path(durable_store.__file__).read_text()}}  # fmt: skip
    text = STORE.replace("ARGS", arguments)
    (folder / "store.yaml").write_text(f"{text}---\n{yaml.safe_dump(program)}")
    scenario = SCENARIO.replace("NAMESPACE", namespace).replace("WHEN", when)
    scenario = scenario.replace("      MORE\n", f"      {more}\n" if more else "")
    (folder / "orders.scenario.yaml").write_text(scenario)


def findings(folder: Path) -> dict[str, Any]:
    [told] = json.loads((folder / "report" / "report.json").read_text())["runs"]
    return {each["name"]: each for each in told["findings"]} | {"run": told}


@pytest.mark.usefixtures("on_sandbox")
def test_a_store_that_does_not_sync_loses_what_it_acknowledged_to_a_crash(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    written(pytester.path, "wrong", CRASH, wrong="no-fsync")
    run("--resilience-report=report").assert_outcomes(failed=1)
    found = findings(pytester.path)
    lost = found["orders.lost"]
    assert lost["result"] == "failed"
    assert lost["detail"][0].startswith("acknowledged by orders-")
    assert "around when[0] struck wrong/orders-" in lost["detail"][1]
    [probe] = found["run"]["probes"]
    assert len(probe["facts"]["ledger"]["lost"]) == lost["value"]
    assert (pytester.path / probe["facts"]["file"]).exists()
    assert "undone: delete the writes that begin with" in str(found["run"]["timeline"])
    assert found["run"]["leftovers"] == []


@pytest.mark.usefixtures("on_sandbox")
def test_the_right_store_keeps_everything_and_its_copy_holds_what_it_must(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    written(pytester.path, "right", f"{BACKUP}{CRASH}", more="restored: orders-copy")
    run("--resilience-report=report").assert_outcomes(passed=1)
    found = findings(pytester.path)
    assert found["orders.lost"]["result"] == "passed"
    assert "are in the copy; recovery point: " in found["orders.restored"]["measured"]
    assert found["orders.restored"]["result"] == "passed"
