"""The summary at the end of a terminal session: one line per scenario, promises beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from resilience.model.report import RunRecord
from resilience.model.verdict import Finding, Outcome
from resilience.report.cause import cause

MOST_TITLE = 56


def summary(records: Sequence[RunRecord]) -> list[str]:
    """Aligned lines of plain text."""
    rows = [(r.outcome.value, _cut(r.scenario.title), f"{r.ended - r.started:.1f}s", _told(r))
            for r in records]  # fmt: skip
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return [
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    ]


def _told(record: RunRecord) -> str:
    if record.outcome is not Outcome.PASSED:
        why = cause(record)
        return why if isinstance(why, str) else f"{_short(why)}, promised {why.promised}"
    return "; ".join(_short(finding) for finding in record.findings)


def _short(finding: Finding) -> str:
    measured = finding.measured
    kind = finding.name.rpartition(".")[2]
    if not re.fullmatch(r"availability|longest_outage|p\d+(\.\d+)?", kind):
        # A plan's promises are called by one word (rto, intact); a check's say themselves.
        return measured if "." in finding.name else f"{finding.name}: {measured}"
    if not measured.startswith("not measured"):
        measured = measured.partition(": ")[0].partition(" (")[0]
    return f"{finding.name.replace('_', ' ')} {measured}"


def _cut(title: str) -> str:
    return title if len(title) <= MOST_TITLE else title[: MOST_TITLE - 1] + "…"
