"""A run in a process of its own, to be killed: `python -m tests.engine.runner KUBECONFIG JOURNAL
SCENARIO`. Prints `acting` when the first step begins, and the outcome if it gets that far."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from resilience.cluster import connect
from resilience.cluster.access.access import load as access
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import RealClock
from resilience.engine.base.run_options import Options
from resilience.engine.base.seeds import new_id
from resilience.engine.journal import journal_file
from resilience.engine.journal.journal import Journal
from resilience.engine.run.scenario import run
from resilience.language import load
from resilience.model.timeline import Entry, What
from resilience.verbs.catalogue import catalogue


def main(kubeconfig: str, journal: str, scenario: str) -> None:
    """Run the one scenario of the file."""
    [wanted] = load(Path(scenario), None, catalogue(), {}).scenarios
    identity = new_id(time.time())
    options = Options(run=identity, journal=Path(journal), undo_within=60.0)

    def emit(entry: Entry) -> None:
        if entry.what is What.STEP:
            print("acting", flush=True)

    record = run(
        wanted,
        cluster=connect(replace(access("sandbox", kubeconfig), sandbox=True)),
        options=options,
        clock=RealClock(),
        journal=Journal([journal_file.create(options.journal, identity)]),
        emit=emit,
        aborter=Aborter(),
    )
    print(record.outcome.value, record.message, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
