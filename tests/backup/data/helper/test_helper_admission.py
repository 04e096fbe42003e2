"""A helper runs where its application runs: tainted nodes, a quota, PodSecurity `restricted`."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.cluster.interface import NODES, PODS
from resilience.cluster.requests.command import Command
from resilience.cluster.transport import HttpCluster
from tests.commands.test_backup_commands import Desk, box, desk, until
from tests.commands.test_backup_end_to_end import settle_deleted

__all__ = ["box", "desk"]

SUBJECT = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: q}
spec:
  hard:
    {limits.cpu: "1", limits.memory: 512Mi, limits.ephemeral-storage: 1Gi,
     requests.cpu: "1", requests.memory: 512Mi, requests.ephemeral-storage: 1Gi}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: db}
spec:
  tolerations: [{key: dedicated, operator: Exists}]
  securityContext:
    {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: db
      image: registry.k8s.io/e2e-test-images/agnhost:2.53
      resources: {limits: {cpu: 100m, memory: 64Mi, ephemeral-storage: 64Mi}}
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
"""


def said(desk: Desk, words: str) -> str:
    out = bytearray()
    command = Command(namespace=desk.namespace, pod="db", words=("sh", "-c", words))
    assert desk.cluster.exec(command, stdout=out.extend, stderr=out.extend).code == 0, out
    return out.decode()


def running(desk: Desk) -> bool | None:
    status = desk.cluster.get(PODS, "db", desk.namespace).get("status") or {}
    return status.get("phase") == "Running" or None


@pytest.fixture
def tainted(box: tuple[HttpCluster, Path]) -> HttpCluster:
    cluster, _ = box
    (node,) = cluster.list(NODES)
    taints = [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]
    cluster.patch(NODES, node["metadata"]["name"], {"spec": {"taints": taints}})
    return cluster


def test_data_is_taken_and_brought_back_where_nothing_else_may_run(
    tainted: HttpCluster, desk: Desk
) -> None:
    enforce = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    namespaces = tainted.resource("v1", "Namespace")
    tainted.patch(namespaces, desk.namespace, enforce)
    desk.apply(SUBJECT)
    until(lambda: running(desk))
    said(desk, "echo kept > /data/x")
    store = ("--store", "file:store")
    desk.types("backup", "create", "-n", desk.namespace, "--name", "one", "--volumes", *store)
    settle_deleted(tainted, desk.namespace)
    assert "filled" in desk.types("restore", "one", *store)
    until(lambda: running(desk))
    assert said(desk, "cat /data/x") == "kept\n"
