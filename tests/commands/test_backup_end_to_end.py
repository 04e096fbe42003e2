"""The commands on the sandbox, as a person types them. Real time: each waits for what it needs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resilience import cluster as room
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import CONFIGMAPS, NAMESPACES, Object
from resilience.cluster.transport import HttpCluster


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpCluster, Path]]:
    with sandbox(nodes=1) as embedded:
        with room.connect(embedded.access) as cluster:
            yield cluster, embedded.kubeconfig


def settle_deleted(cluster: HttpCluster, name: str) -> None:
    cluster.delete(NAMESPACES, name)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            cluster.get(NAMESPACES, name)
        except NotFound:
            return
    raise AssertionError(f"namespace {name} is still there")


def filled(cluster: HttpCluster, namespace: str, count: int) -> None:
    cluster.create(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    )
    for number in range(count):
        body: Object = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "data": {"n": str(number)},
            "metadata": {"name": f"cm-{number:04}", "namespace": namespace},
        }
        cluster.create(CONFIGMAPS, body, namespace)


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "resilience", *map(str, words)]


def typed(*words: object, code: int = 0) -> str:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return (code and done.stderr) or done.stdout


def test_a_namespace_is_backed_up_lost_and_brought_back(
    box: tuple[HttpCluster, Path], tmp_path: Path
) -> None:
    cluster, kubeconfig = box
    store, there = f"file:{tmp_path}/store", ("--kubeconfig", kubeconfig)
    filled(cluster, "lost", 30)
    typed("backup", "create", "-n", "lost", "--name", "one", "--store", store, *there)
    assert "33 objects" not in typed("backup", "list", "--store", store)
    assert "one is what was written" in typed("backup", "verify", "one", "--store", store)
    assert typed("backup", "diff", "one", "--store", store, *there) == "nothing differs\n"
    cluster.patch(CONFIGMAPS, "cm-0007", {"data": {"n": "changed"}}, "lost")
    assert '/data/n: "7" became "changed"' in typed(
        "backup", "diff", "one", "--store", store, *there, code=1
    )
    refused = typed("restore", "one", "--store", store, *there, code=1)
    assert "configmaps lost/cm-0007: would be refused (already exists; differs in data)" in refused
    typed("restore", "one", "--store", store, "--existing", "update", *there)
    assert typed("backup", "diff", "one", "--store", store, *there) == "nothing differs\n"
    settle_deleted(cluster, "lost")
    typed("restore", "one", "--store", store, *there)
    assert typed("backup", "diff", "one", "--store", store, *there) == "nothing differs\n"
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    told = typed("backup", "diff", "--since", tomorrow, "--until", tomorrow, "--store", store)
    assert told == "nothing differs\n"
    early = ("restore", "--before", "2020-01-01", "--store", store, *there)
    assert "no snapshot began at or before 2020-01-01T00:00" in typed(*early, code=1)
    cluster.patch(CONFIGMAPS, "cm-0007", {"data": {"n": "changed"}}, "lost")
    typed("restore", "--before", tomorrow, "--existing", "update", "--store", store, *there)
    assert cluster.get(CONFIGMAPS, "cm-0007", "lost")["data"] == {"n": "7"}


def test_a_restore_that_was_killed_is_finished_by_the_same_command(
    box: tuple[HttpCluster, Path], tmp_path: Path
) -> None:
    cluster, kubeconfig = box
    store, there = f"file:{tmp_path}/store", ("--kubeconfig", kubeconfig)
    filled(cluster, "cut", 1500)
    typed("backup", "create", "-n", "cut", "--name", "one", "--store", store, *there)
    settle_deleted(cluster, "cut")
    words = command("restore", "one", "--store", store, "--workers", "2", *there)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and len(cluster.list(CONFIGMAPS, "cut")) < 200:
            pass
        process.send_signal(signal.SIGKILL)
    assert len(cluster.list(CONFIGMAPS, "cut")) < 1500
    typed("restore", "one", "--store", store, *there)
    assert typed("backup", "diff", "one", "--store", store, *there) == "nothing differs\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("backup", "verify", "none", "--store", "file:nowhere"),
            "file:nowhere does not exist, so it holds no snapshot",
        ),
        (("backup", "verify", "none", "--store", "file:tests"), "snapshot none does not exist"),
        (("backup", "list", "--store", "file:nowhere"), "check the path and the directory"),
        (("backup", "list", "--store", "ftp://x"), "expected s3://BUCKET/PREFIX, gs://"),
        (("restore", "--store", "file:tests"), "name either a snapshot or a time with --before"),
        (
            ("restore", "x", "--before", "2026-03-01", "--store", "file:tests"),
            "name either a snapshot or a time with --before",
        ),
        (
            ("backup", "diff", "--until", "2026-03-01", "--store", "file:tests"),
            "give either a snapshot or a time with --since",
        ),
        (
            ("backup", "diff", "a", "b", "--until", "2026-03-01", "--store", "file:tests"),
            "give either a second snapshot or a time with --until",
        ),
        (("backup", "create"), "give either a plan file or --namespace"),
        (
            ("restore", "x", "--wait", "--dry-run", "--store", "file:tests"),
            "--wait waits for what is restored, and a dry run restores nothing",
        ),
        (
            ("restore", "x", "--timeout", "1m", "--store", "file:tests"),
            "--timeout is how long --wait waits: give both, or neither",
        ),
        (
            ("restore", "x", "--wait", "--timeout", "soon", "--store", "file:tests"),
            "--timeout 'soon': expected",
        ),
        (("restore", "Bad_Name", "--store", "file:tests"), "snapshot name 'Bad_Name'"),
    ],
)
def test_a_mistake_is_one_clear_line(words: tuple[str, ...], message: str) -> None:
    said = typed(*words, code=1)
    assert message in said
    assert len(said.splitlines()) == 1
