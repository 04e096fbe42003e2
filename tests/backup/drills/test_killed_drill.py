"""A drill that was killed with kill -9 is cleared away by the next one and by `resilience recover`.

It takes as long as the dead drill's Lease lasts, which is watched and never guessed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from resilience import cluster as room
from resilience.backup.drills.scratch import OWNER
from resilience.cluster.access.embedded import Embedded, sandbox
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import NAMESPACES, PODS
from tests.commands.test_backup_commands import until

ROOT = Path(__file__).parents[3]


@pytest.fixture
def box() -> Iterator[Embedded]:
    with sandbox(nodes=1) as embedded:
        yield embedded


@pytest.mark.parametrize("by", ["the next", "recover"])
def test_a_drill_killed_with_kill_nine_is_cleared_away(
    box: Embedded, tmp_path: Path, by: str
) -> None:
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "backups",
        "-m",
        "drill",
    ]
    environment = {
        **os.environ,
        "NOTES_STORE": f"file:{tmp_path}/store",
        "KUBECONFIG": str(box.kubeconfig),
    }
    with room.connect(box.access) as cluster:
        context = cluster.context
        words += ["--resilience-context", context]

        def scratch() -> str | None:
            try:
                found = cluster.get(NAMESPACES, "notes-drill")["metadata"]
            except NotFound:
                return None
            return str(found["uid"]) if cluster.list(PODS, "notes-drill") else None

        with subprocess.Popen(
            words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as first:
            killed = until(scratch)
            first.send_signal(signal.SIGKILL)
        assert cluster.get(NAMESPACES, "notes-drill")["metadata"]["uid"] == killed
        if by == "recover":
            words = [sys.executable, "-m", "resilience", "recover", "--context", context]
        second = subprocess.run(
            words,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert second.returncode == 0, second.stdout
        until(lambda: not cluster.list(NAMESPACES, labels=OWNER) or None)
