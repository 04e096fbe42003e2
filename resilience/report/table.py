"""The summary at the end of a terminal session: a line per scenario, its numbers below it."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resilience.model.finding import Reason
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from resilience.model.words import many
from resilience.report import wording
from resilience.report.cause import cause
from resilience.report.tones import tone

WIDTH = 100
"""Columns, if the terminal does not report any."""

NORMAL, REAL_TIME = "normal", "real time"
"""Priorities of a prober, as `resilience.probes.agent.privilege` calls them."""

LEAST = 40
"""With fewer columns than this nothing is wrapped: the terminal's own wrapping is as readable."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text. `tone` is good, bad, doubt, or "" for plain."""

    text: str
    tone: str = ""


def summary(records: Sequence[RunRecord], width: int = WIDTH) -> list[Line]:
    """Each scenario with its numbers, and a remedy if it is the same for several."""
    outcomes = max((len(_outcome(record)) for record in records), default=0)
    times = max((len(_time(record)) for record in records), default=0)
    return [
        *(line for record in records for line in _lines(record, outcomes, times, width)),
        *_clusters(records),
        *(Line(text) for text in _wrapped(_advice(records), 0, width)),
    ]


def _clusters(records: Sequence[RunRecord]) -> Iterator[Line]:
    """In a fleet, a line for each cluster: its outcomes and their numbers."""
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        if record.member and not record.again:
            outcomes[record.member][record.outcome.value] += 1
    width = max(map(len, outcomes), default=0)
    for member, found in sorted(outcomes.items()):
        text = ", ".join(f"{count} {outcome}" for outcome, count in sorted(found.items()))
        worst = next((each for each in sorted(found) if each != Outcome.PASSED.value), "passed")
        yield Line(f"{member:<{width}}  {text}", tone(worst))


def _lines(record: RunRecord, outcomes: int, times: int, width: int) -> Iterator[Line]:
    head = f"{_outcome(record):<{outcomes}}  {_time(record):>{times}}  "
    first, *more = _wrapped(wording.heading(record), len(head), width) or [""]
    yield Line(head + first.lstrip(), tone(record.outcome.value))
    yield from (Line(text) for text in [*more, *_wrapped(_numbers(record), len(head), width)])


def _outcome(record: RunRecord) -> str:
    return record.outcome.value


def _time(record: RunRecord) -> str:
    return f"{record.ended - record.started:.1f}s"


def _numbers(record: RunRecord) -> str:
    if record.again:
        return f"{cause(record)}; measured once more"
    if record.outcome is not Outcome.PASSED:
        return cause(record)
    return "; ".join(wording.kept(record.findings))


def _wrapped(text: str, indent: int, width: int) -> list[str]:
    """Lines that fit next to an indent."""
    room = width - indent
    if room < LEAST:
        return [" " * indent + text] if text else []
    parts = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return [" " * indent + part for part in parts]


def _advice(records: Sequence[RunRecord]) -> str:
    busy = [
        record
        for record in records
        if record.outcome is Outcome.NOT_MEASURED
        and not record.again
        and any(finding.reason in (Reason.LATE, Reason.WAITED) for finding in record.findings)
    ]
    if not busy:
        return ""
    where = sorted({
        finding.evidence.where if finding.evidence and finding.evidence.where else "this host"
        for record in busy
        for finding in record.findings
        if finding.reason in (Reason.LATE, Reason.WAITED)
    })  # fmt: skip
    were = "was" if len(where) == 1 else "were"
    text = f"{' and '.join(where)} {were} too busy to measure {many(len(busy), 'scenario')}. "
    return (
        f"{text[0].upper()}{text[1:]}This says nothing about the service: run again with fewer "
        f"other processes there (--lf), or lower `rate`{_real_time(busy)}."
    )


def _real_time(busy: Sequence[RunRecord]) -> str:
    """What the target can do, or could not, for the priority of a late prober in a Pod."""
    taken = {each for record in busy if _in_pod(record) for each in _priorities(record)}
    if NORMAL in taken:
        return ", or set `real_time_prober = true` in the target"
    if taken - {REAL_TIME}:
        return (
            ". `real_time_prober` was not granted: the kernel there gives Pods no real time "
            "(RT_GROUP_SCHED)"
        )
    return ""


def _in_pod(record: RunRecord) -> bool:
    return any(finding.evidence and finding.evidence.where for finding in record.findings)


def _priorities(record: RunRecord) -> Iterator[str]:
    """What the probers say, each of several agents for itself."""
    for probe in record.probes:
        prober = probe.facts.get("prober") or {}
        for each in (prober, *prober.get("agents", ())):
            if taken := each.get("priority"):
                yield taken
