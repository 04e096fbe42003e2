"""End to end, in real time: pytest is killed at random moments while the API server fails now and
then; after `resilience recover` the cluster is what it was.

`RESILIENCE_MOMENTS` says how many moments (4; 60 for a release). Locks and the journal in the
cluster are part of it. What is compared, and the residues that are not, are those of
`tests.engine.journal.test_kill_nine`.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.errors import Conflict
from resilience.cluster.interface import CONFIGMAPS, NAMESPACES, NODES
from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from tests.engine.journal import test_kill_nine as subject
from tests.harness.sandboxed import Inner
from tests.real_cluster import resilience

MOMENTS = int(os.environ.get("RESILIENCE_MOMENTS", "4"))
SCENARIOS: Mapping[str, tuple[str, float]] = {
    "all": (subject.SCENARIO, 4.0),
    "machines": (subject.MACHINES, 12.0),
    "backups": (subject.BACKUPS, 4.0),
    "full": (subject.SCENARIO, 4.0),
}
"""Every verb with an undo that the sandbox can carry out, and the seconds after the journal's first
line within which the run is killed; `full` on a full disk."""

JOURNAL = "resilience-journal"
FAULTS = "/sandbox/v1/faults/apiserver"
WRITES = ["POST", "PUT", "PATCH", "DELETE"]

TROUBLE: tuple[dict[str, Any], ...] = (
    {"kind": "error", "code": 503, "times": 2, "methods": WRITES},
    {"kind": "error", "code": 429, "times": 3, "retryAfter": 1},
    {"kind": "error", "code": 500, "times": 1, "methods": ["GET"]},
    {"kind": "delay", "seconds": 0.3, "times": 5},
    {"kind": "reset", "times": 2},
)
"""One of these is on while the run is killed, and again while it is undone."""


@pytest.fixture
def project(folder: Path, admin: HttpCluster) -> Iterator[Path]:
    """The scenarios of all undoable actions; what they act on lives already."""
    (folder / "kill.scenario.yaml").unlink()
    texts = {"subject.yaml": subject.SUBJECT, "more.yaml": subject.MORE}
    texts |= {f"{name}.scenario.yaml": text for name, (text, _) in SCENARIOS.items()}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    try:
        admin.create(NAMESPACES, {"metadata": {"name": JOURNAL}})
        subject._make_subject(admin, folder)
        for node in ("node-1", "node-2"):
            admin.patch(NODES, node, {"metadata": {"labels": {"test/zone": "there"}}})
    except Conflict:
        pass
    subject._settled(admin)
    yield folder
    admin.send(Request("DELETE", FAULTS))


def _disturb(admin: HttpCluster, random: Random) -> dict[str, Any]:
    fault = random.choice(TROUBLE)
    admin.send(Request("POST", FAULTS, body=fault))
    return fault


def _fill(process: subprocess.Popen[str], project: Path) -> None:
    """The local journal cannot grow any more, as on a full disk."""
    for file in (project / ".resilience/journal").glob("*.jsonl"):
        size = file.stat().st_size
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))


def _killed(
    project: Path, embedded: Embedded, admin: HttpCluster, random: Random, moment: int
) -> str:
    name = list(SCENARIOS)[moment % len(SCENARIOS)]
    after = random.uniform(0, SCENARIOS[name][1])
    with admin.view(CONFIGMAPS, JOURNAL, labels="resilience/run") as journals:
        with Inner(project, f"--resilience-kubeconfig={embedded.kubeconfig}",
                   "-p", "no:cacheprovider", f"{name}.scenario.yaml") as inner:  # fmt: skip
            assert journals.wait(bool, 60.0), "no journal was begun"
            _disturb(admin, random)
            full = threading.Timer(after / 2, _fill, [inner.process, project])
            if name == "full":
                full.start()
            timer = threading.Timer(after, inner.send, [signal.SIGKILL])
            timer.start()
            inner.end()
            timer.cancel()
            full.cancel()
            return f"{name}, killed after {after:.2f} s\n{inner.output}"


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_run_killed_at_any_moment_is_undone_though_the_api_server_fails(
    project: Path, embedded: Embedded, admin: HttpCluster, moment: int
) -> None:
    random = Random(f"undone {moment}")
    before = subject.dump(admin)
    output = _killed(project, embedded, admin, random, moment)
    admin.send(Request("DELETE", FAULTS))
    fault = _disturb(admin, random)
    done = resilience(project, "recover", "--kubeconfig", str(embedded.kubeconfig))
    admin.send(Request("DELETE", FAULTS))
    assert done.returncode == 0, (fault, output, done.stdout)
    subject._settled(admin)
    assert subject.dump(admin) == before, (fault, output, done.stdout)
    assert admin.list(CONFIGMAPS, JOURNAL, labels="resilience/run") == []
    assert not list((project / ".resilience/journal").glob("*.jsonl"))
