"""The record of a scenario that never began on a cluster of a fleet, or whose worker died, so that
each cell of the table has a reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from resilience.engine.base.seeds import new_id
from resilience.model.masks import shown
from resilience.model.report import RunRecord

if TYPE_CHECKING:
    from resilience.harness.session import Session
    from resilience.model.scenario import Scenario
    from resilience.model.verdict import Outcome


def keep(ours: Session, scenario: Scenario, outcome: Outcome, text: str) -> None:
    """Adds the record, for a cluster of a fleet; without a fleet, a run that never began has no
    record."""
    if ours.settings.member and not ours.settings.dry_run:
        ours.records.append(record(ours, scenario, outcome, text))


def record(ours: Session, scenario: Scenario, outcome: Outcome, text: str) -> RunRecord:
    """A record with nothing but an outcome and its reason."""
    settings, wall = ours.settings, time.time()
    member = {"member": settings.member} if settings.member else {}
    return RunRecord(
        run=new_id(wall),
        scenario=scenario,
        seed=ours.seed,
        started_wall=wall,
        started=0.0,
        ended=0.0,
        outcome=outcome,
        message=shown(f"{outcome.value}: {text}"),
        reason=shown(text),
        window=None,
        steps=(),
        findings=(),
        probes=(),
        timeline=(),
        environment={"context": settings.context, **member},
    )
