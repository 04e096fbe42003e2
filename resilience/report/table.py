"""The summary at the end of a terminal session: one line per scenario, promises beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from resilience.model.report import RunRecord
from resilience.model.verdict import Finding, Outcome
from resilience.model.words import many
from resilience.report.cause import cause

MOST_TITLE = 56
MOST_TOLD = 120
"""Characters of kept promises on one line; the report has all of them."""

BUSY = "the prober itself was late"
"""How `resilience.probes.judge` begins to tell that this machine could not keep the schedule."""


def summary(records: Sequence[RunRecord]) -> list[str]:
    """Aligned lines of plain text, and what to do where that is the same for several."""
    return [*_table(records), *_advice(records)]


def _table(records: Sequence[RunRecord]) -> list[str]:
    rows = [(r.outcome.value, _cut(r.scenario.title), f"{r.ended - r.started:.1f}s", _told(r))
            for r in records]  # fmt: skip
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return [
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    ]


def _advice(records: Sequence[RunRecord]) -> list[str]:
    busy = [
        record
        for record in records
        if record.outcome is Outcome.NOT_MEASURED
        and any(BUSY in finding.measured for finding in record.findings)
    ]
    if not busy:
        return []
    return [
        f"this machine was too busy to measure {many(len(busy), 'scenario')}: that is no verdict "
        "about the service; run again with less beside it (--lf), or lower `rate`"
    ]


def _told(record: RunRecord) -> str:
    if record.outcome is not Outcome.PASSED:
        why = cause(record)
        return why if isinstance(why, str) else f"{_short(why)}, promised {why.promised}"
    return _some([_short(each) for each in sorted(record.findings, key=_without_number)])


def _without_number(finding: Finding) -> bool:
    return finding.value is None


def _some(texts: Sequence[str]) -> str:
    """As many as fit on a line, at least one."""
    shown = [text for number, text in enumerate(texts)
             if not number or len("; ".join(texts[: number + 1])) <= MOST_TOLD]  # fmt: skip
    more = len(texts) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _short(finding: Finding) -> str:
    measured = finding.measured
    kind = finding.name.rpartition(".")[2]
    if not re.fullmatch(r"availability|longest_outage|p\d+(\.\d+)?", kind):
        # A plan's promises are called by one word (rto, intact); a check's say themselves.
        return measured if "." in finding.name else f"{finding.name}: {measured}"
    name = finding.name.replace("_", " ")
    if measured.startswith("not measured: "):  # which the outcome says already
        return f"{name}: {measured.removeprefix('not measured: ')}"
    return f"{name} {measured.partition(': ')[0].partition(' (')[0]}"


def _cut(title: str) -> str:
    return title if len(title) <= MOST_TITLE else title[: MOST_TITLE - 1] + "…"
