"""Volumes that are folders of this machine: claims, and an exec that runs the agent in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.container_stream import Ended
from resilience.backup.data.volumes import TarVolumes
from resilience.backup.restore.outcome import RestoreReport
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeClock, FakeCluster, shop

SCOPE = Scope(namespaces=("shop",))


class LocalExec:
    """Runs the real program on this machine; a Pod's volume is a directory."""

    def __init__(self, directories: dict[str, Path]) -> None:
        self.directories = directories
        self.calls: list[tuple[str, ...]] = []
        self.after: Callable[[bytes, Ended], tuple[bytes, Ended]] = lambda out, ended: (out, ended)

    def run(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] = lambda data: None,
        timeout: float = 60.0,
    ) -> Ended:
        self.calls.append((namespace, pod, *command[3:]))
        directory = str(self.directories[f"{namespace}/{pod}"])
        words = [sys.executable, *command[1:-1], directory]
        done = subprocess.run(
            words, input=b"".join(stdin or ()), capture_output=True, timeout=timeout, check=False
        )
        out, ended = self.after(done.stdout, Ended(done.returncode, done.stderr.decode()))
        for at in range(0, len(out), 100_000):
            stdout(out[at : at + 100_000])
        return ended


def claimed() -> FakeCluster:
    cluster = shop()
    cluster.on_create = lambda obj: obj.setdefault("status", {"phase": "Running"})
    cluster.add(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"volumeName": "pv-1", "accessModes": ["ReadWriteOnce"]},
        },
        user("db-0"),
    )
    return cluster


def user(name: str) -> Object:
    """A Pod that mounts the claim."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "nodeName": "node-3",
            "containers": [{"name": "db"}],
            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }


def volumes(cluster: FakeCluster, exec_: LocalExec, name: str = "one", **more: Any) -> TarVolumes:
    return TarVolumes(cluster=cluster, exec=exec_, clock=FakeClock(), name=name, **more)


def taken(cluster: FakeCluster, exec_: LocalExec, **options: Any) -> MemoryStore:
    store = MemoryStore()
    request = Request(name="one", scope=SCOPE, volumes=volumes(cluster, exec_).take, **options)
    create(request, cluster, store, clock=FakeClock())
    return store


def contents(root: Path) -> dict[str, object]:
    return {
        str(path.relative_to(root)): (
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "",
            path.lstat().st_mode,
            int(path.lstat().st_mtime),
        )
        for path in root.rglob("*")
        if not path.is_socket()
    }


LOST = [
    (lambda out, ended: (out[:-10240], ended), "bytes arrived"),
    (lambda out, ended: (out[:500] + b"x" + out[501:], ended), "another sha256"),
    (lambda out, ended: (out, Ended(0, "")), "no end marker"),
    (lambda out, ended: (out, Ended(None, ended.stderr)), "without an exit status"),
    (lambda out, ended: (out, Ended(2, ended.stderr)), "ended with 2"),
]


def restored(
    name: str, snapshot: Snapshot, target: FakeCluster, exec_: LocalExec, **options: Any
) -> RestoreReport:
    mode = options.pop("mode", "fail")
    filling = volumes(target, exec_, name, mode=mode)
    request = RestoreRequest(name=name, volumes=filling, workers=1, **options)
    return restore(request, snapshot, target, clock=FakeClock())
