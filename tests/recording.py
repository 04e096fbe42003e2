"""A run whose requests are written down, as the API server's authorizer would read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.attributes import Attributes, attributes
from resilience.cluster.transport import HttpCluster
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import RealClock
from resilience.engine.base.run_options import Options
from resilience.engine.journal.journal import Journal
from resilience.engine.run.scenario import run
from resilience.model.report import RunRecord
from resilience.model.scenario import Scenario
from resilience.model.verb import Right
from resilience.model.verdict import Outcome


def recorded(embedded: Embedded, seen: set[Attributes]) -> HttpCluster:
    """The sandbox, through a wire that adds whatever is sent to `seen`."""

    def gate(method: str, path: str, query: Mapping[str, str], body: Any) -> None:
        streams = "GET" if method == "CONNECT" else method  # a WebSocket begins as a GET
        asked = attributes(streams, path, query)
        if asked is not None:
            seen.add(asked)

    return HttpCluster(embedded.access, gate=gate)


def carried_out(scenario: Scenario, cluster: HttpCluster, folder: Path) -> RunRecord:
    """The scenario's run, which must pass and leave nothing."""
    record = run(
        scenario,
        cluster=cluster,
        options=Options(seed=1, journal=folder / "journal"),
        clock=RealClock(),
        journal=Journal([]),
        emit=lambda entry: None,
        aborter=Aborter(),
    )
    assert record.outcome is Outcome.PASSED, record.message
    return record


def allows(right: Right, each: Attributes) -> bool:
    """Whether a rule made of `right` lets that request through."""
    return (
        right.verb in ("*", each.verb)
        and right.group in ("*", each.group)
        and right.resource in ("*", each.resource)
        and right.namespace in ("", each.namespace)
        and right.name in ("", each.name)
    )
