"""What the engine adds to a run: everything that is neither the cluster's own time nor the time in
which objectives are judged.

One graceful kill-and-recover scenario on the sandbox. Of its whole duration the window (from the
first action until it has settled), the waiting for Pods to become ready and the termination of
what is undone belong to the cluster; what is left is ours.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row
from resilience.cluster import connect
from resilience.cluster.access import embedded
from resilience.cluster.interface import Cluster
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import RealClock
from resilience.engine.base.run_options import Options
from resilience.engine.base.seeds import new_id
from resilience.engine.journal import journal_file
from resilience.engine.journal.journal import Journal
from resilience.engine.run.scenario import run
from resilience.language import load
from resilience.model.report import RunRecord
from resilience.model.scenario import Scenario
from resilience.model.timeline import What
from resilience.verbs.catalogue import catalogue

SCENARIO = Path("scenarios/lose-one-pod.scenario.yaml")
RUNS = 5


def measure() -> Iterator[Row]:
    """The median of several runs on one sandbox."""
    [scenario] = load(SCENARIO, None, catalogue(), {}).scenarios
    with embedded.sandbox(nodes=3) as sandbox, tempfile.TemporaryDirectory() as folder:
        cluster = connect(sandbox.access)
        records = [_run(scenario, cluster, Path(folder)) for _ in range(RUNS)]
    own = sorted(_own(record) for record in records)
    whole = sorted(record.ended - record.started for record in records)
    yield Row(
        what="graceful kill and recover, beyond the cluster's time and the window",
        measured=f"{own[RUNS // 2]:.2f} s of {whole[RUNS // 2]:.2f} s",
        reach="0.5 s",
        beside="the whole run",
        ratio=own[RUNS // 2] / whole[RUNS // 2],
    )


def _run(scenario: Scenario, cluster: Cluster, folder: Path) -> RunRecord:
    identity = new_id(time.time())
    return run(
        scenario,
        cluster=cluster,
        options=Options(run=identity, journal=folder),
        clock=RealClock(),
        journal=Journal([journal_file.create(folder, identity)]),
        emit=lambda entry: None,
        aborter=Aborter(),
    )


def _own(record: RunRecord) -> float:
    """Seconds that are the engine's."""
    assert record.window is not None, record.message
    ready = sum(
        (step.ended or step.started) - step.started
        for step in record.steps
        if step.phase == "given" and step.verb == "ready"
    )
    undo = [entry for entry in record.timeline if entry.monotonic > record.window.until
            and entry.what is What.WATCH]  # fmt: skip
    ending = undo[-1].monotonic - undo[0].monotonic if undo else 0.0
    return record.ended - record.started - record.window.length - ready - ending
