"""End to end, in real time: pytest is killed at random moments while the API server fails now and
then; after `resilience recover` the cluster is what it was.

`RESILIENCE_MOMENTS` says how many moments (4; 60 for a release). Locks and the journal in the
cluster are part of it. What is compared, and the residues that are not, are those of
`tests.engine.journal.test_kill_nine`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.errors import Conflict
from resilience.cluster.interface import CONFIGMAPS, NAMESPACES
from resilience.cluster.transport import HttpCluster
from tests.engine.journal import test_kill_nine as subject
from tests.harness.sandboxed import Inner
from tests.real_cluster import resilience

MOMENTS = int(os.environ.get("RESILIENCE_MOMENTS", "4"))
LONGEST = 3.0
"""Seconds after the journal's first line; undisturbed the run takes less."""

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
    """The scenario of all undoable actions; what it acts on lives already."""
    (folder / "kill.scenario.yaml").unlink()
    for name, text in (("subject.yaml", subject.SUBJECT), ("more.yaml", subject.MORE),
                       ("all.scenario.yaml", subject.SCENARIO)):  # fmt: skip
        (folder / name).write_text(text, encoding="utf-8")
    try:
        admin.create(NAMESPACES, {"metadata": {"name": JOURNAL}})
        subject._make_subject(admin, folder)
    except Conflict:
        pass
    subject._settled(admin)
    yield folder
    admin.request("DELETE", FAULTS)


def _disturb(admin: HttpCluster, random: Random) -> dict[str, Any]:
    fault = random.choice(TROUBLE)
    admin.request("POST", FAULTS, body=fault)
    return fault


def _killed(project: Path, embedded: Embedded, admin: HttpCluster, random: Random) -> str:
    with admin.view(CONFIGMAPS, JOURNAL, labels="resilience/run") as journals:
        with Inner(project, f"--resilience-kubeconfig={embedded.kubeconfig}",
                   "-p", "no:cacheprovider", "all.scenario.yaml") as inner:  # fmt: skip
            assert journals.wait(bool, 60.0), "no journal was begun"
            _disturb(admin, random)
            timer = threading.Timer(random.uniform(0, LONGEST), inner.send, [signal.SIGKILL])
            timer.start()
            inner.end()
            timer.cancel()
            return inner.output


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_run_killed_at_any_moment_is_undone_though_the_api_server_fails(
    project: Path, embedded: Embedded, admin: HttpCluster, moment: int
) -> None:
    random = Random(f"undone {moment}")
    before = subject.dump(admin)
    output = _killed(project, embedded, admin, random)
    admin.request("DELETE", FAULTS)
    fault = _disturb(admin, random)
    done = resilience(project, "recover", "--kubeconfig", str(embedded.kubeconfig))
    admin.request("DELETE", FAULTS)
    if done.returncode:  # the API server failed before recover had looked: it says so, and is asked
        assert "error: " in done.stdout, done.stdout
        done = resilience(project, "recover", "--kubeconfig", str(embedded.kubeconfig))
    assert done.returncode == 0, (fault, output, done.stdout)
    subject._settled(admin)
    assert subject.dump(admin) == before, (fault, output, done.stdout)
    assert admin.list(CONFIGMAPS, JOURNAL, labels="resilience/run") == []
    assert not list((project / ".resilience/journal").glob("*.jsonl"))
