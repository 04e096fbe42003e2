"""A backup or a restore that is killed with -9 leaves nothing that stops the next one, and one that
is told to end takes back what it began. On the sandbox, as a person types them; each waits for what
it needs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resilience import cluster as room
from resilience.backup.objects.rules import FILLING
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import CLAIMS, NAMESPACES, PODS, Object
from resilience.cluster.transport import HttpCluster
from resilience.kube import objects
from resilience.kube.readiness import is_ready

HELPER = "resilience-volume-data"
WRITE = """
import os, time
for number in range(400):
    with open(f"/data/{number:03}", "wb") as file:
        file.write(os.urandom(100_000))
open("/data/done", "w").close()
time.sleep(3600)
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpCluster, Path]]:
    with sandbox(nodes=1) as embedded:
        with room.connect(embedded.access) as cluster:
            yield cluster, embedded.kubeconfig


def until(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.01)


def pod(cluster: HttpCluster, namespace: str, name: str) -> Object | None:
    try:
        return cluster.get(PODS, name, namespace)
    except NotFound:
        return None


def held(cluster: HttpCluster, namespace: str) -> None:
    """A namespace with a claim that holds 400 files."""
    metadata = {"name": namespace}
    cluster.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
             "spec": {"accessModes": ["ReadWriteOnce"],
                      "resources": {"requests": {"storage": "1Gi"}}}}  # fmt: skip
    cluster.create(CLAIMS, claim, namespace)
    container = {"name": "app", "image": "python:3.13-slim", "command": ["python", "-c", WRITE],
                 "readinessProbe": {"exec": {"command": ["cat", "/data/done"]}},
                 "volumeMounts": [{"name": "d", "mountPath": "/data"}]}  # fmt: skip
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0,
            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}  # fmt: skip
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": spec}
    cluster.create(PODS, body, namespace)
    until(lambda: is_ready(pod(cluster, namespace, "app") or {}), "the Pod is ready")


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "resilience", *map(str, words)]


def typed(*words: object) -> str:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


def killed(when: Callable[[], object], *words: object) -> None:
    with subprocess.Popen(command(*words), stderr=subprocess.DEVNULL) as running:
        until(lambda: when() or running.poll() is not None, "the moment to kill")
        assert running.poll() is None, "it had ended before it was killed"
        running.send_signal(signal.SIGKILL)


def _helps(cluster: HttpCluster, namespace: str) -> bool:
    return objects.phase(pod(cluster, namespace, HELPER) or {}) == "Running"


def test_after_a_killed_backup_the_next_one_works_and_recover_finds_the_helper(
    box: tuple[HttpCluster, Path], tmp_path: Path
) -> None:
    cluster, kubeconfig = box
    held(cluster, "one")
    there = ("--store", f"file:{tmp_path}/store", "--kubeconfig", kubeconfig)
    backup = ("backup", "create", "-n", "one", "--volumes", *there)

    def helps() -> bool:
        return _helps(cluster, "one")

    killed(helps, *backup, "--name", "a")
    assert pod(cluster, "one", HELPER)
    said = typed(*backup, "--name", "b")
    assert "warning: snapshot a is unfinished" in said
    assert "b started from the beginning" in said
    assert pod(cluster, "one", HELPER) is None
    killed(helps, *backup, "--name", "c")
    said = typed("recover", "--kubeconfig", kubeconfig)
    assert f"helper Pod one/{HELPER} of c: removed" in said
    assert pod(cluster, "one", HELPER) is None
    assert "nothing is left" in typed("recover", "--kubeconfig", kubeconfig)


def test_a_backup_whose_pod_is_evicted_takes_back_what_it_began(
    box: tuple[HttpCluster, Path], tmp_path: Path
) -> None:
    """An evicted Pod gets SIGTERM, and has its grace period to end."""
    cluster, kubeconfig = box
    held(cluster, "three")
    there = ("--store", f"file:{tmp_path}/store", "--kubeconfig", kubeconfig)
    backup = command("backup", "create", "-n", "three", "--volumes", "--name", "a", *there)
    with subprocess.Popen(backup, stderr=subprocess.PIPE, text=True) as running:
        until(lambda: _helps(cluster, "three") or running.poll() is not None, "the helper runs")
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=180)
    assert (running.returncode, "error: ended by SIGTERM" in said) == (143, True), said
    assert pod(cluster, "three", HELPER) is None
    assert not list((tmp_path / "store").glob("backups/**/*.gz"))
    assert "unfinished" not in typed("backup", "create", "-n", "three", "--name", "a", *there)


def test_a_restore_that_is_killed_while_it_fills_a_volume_is_resumed(
    box: tuple[HttpCluster, Path], tmp_path: Path
) -> None:
    cluster, kubeconfig = box
    held(cluster, "two")
    there = ("--store", f"file:{tmp_path}/store", "--kubeconfig", kubeconfig)
    typed("backup", "create", "-n", "two", "--volumes", "--name", "a", *there)
    cluster.delete(NAMESPACES, "two")

    def gone() -> bool:
        try:
            cluster.get(NAMESPACES, "two")
        except NotFound:
            return True
        return False

    until(gone, "the namespace is gone")

    def fills() -> str:
        try:
            return objects.annotation(cluster.get(CLAIMS, "data", "two"), FILLING)
        except NotFound:
            return ""

    def writes() -> bool:
        """The helper runs, and so is or soon will be writing."""
        return bool(fills()) and objects.phase(pod(cluster, "two", HELPER) or {}) == "Running"

    killed(writes, "restore", "a", *there)
    name = fills()
    said = typed("restore", "a", "--resume", name, *there)
    assert "volume two/data: emptied and filled again: this restore began to fill it" in said
    assert pod(cluster, "two", HELPER) is None
    assert pod(cluster, "two", "app") is not None
