"""The summary at the end of a terminal session: one line per scenario, promises beside it."""

from __future__ import annotations

from collections.abc import Sequence

from resilience.model.finding import Reason
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from resilience.model.words import many
from resilience.report import wording
from resilience.report.cause import cause

MOST_TITLE = 56
MOST_TOLD = 120
"""Characters of kept promises on one line; the report has all of them."""


def summary(records: Sequence[RunRecord]) -> list[str]:
    """Aligned lines of plain text, and what to do where that is the same for several."""
    return [*_table(records), *_advice(records)]


def _table(records: Sequence[RunRecord]) -> list[str]:
    rows = [
        (
            record.outcome.value,
            _cut(wording.title(record.scenario)),
            f"{record.ended - record.started:.1f}s",
            _told(record),
        )
        for record in records
    ]
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
        and not record.again
        and any(finding.reason is Reason.LATE for finding in record.findings)
    ]
    if not busy:
        return []
    return [
        f"this machine was too busy to measure {many(len(busy), 'scenario')}: that is no verdict "
        "about the service; run again with less beside it (--lf), or lower `rate`"
    ]


def _told(record: RunRecord) -> str:
    if record.again:
        return f"{cause(record)}; measured once more"
    if record.outcome is not Outcome.PASSED:
        return cause(record)
    return _some(wording.kept(record.findings))


def _some(texts: Sequence[str]) -> str:
    """As many as fit on a line, at least one."""
    shown = [text for number, text in enumerate(texts)
             if not number or len("; ".join(texts[: number + 1])) <= MOST_TOLD]  # fmt: skip
    more = len(texts) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _cut(title: str) -> str:
    return title if len(title) <= MOST_TITLE else title[: MOST_TITLE - 1] + "…"
