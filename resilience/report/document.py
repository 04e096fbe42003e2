"""Records of finished runs as the JSON document from which every other form of the report is made.

Pure; the caller supplies `written`. Times become seconds since each run's start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import resilience
from resilience.model.report import ProbeRecord, RunRecord
from resilience.model.samples import Answer, Sample
from resilience.model.timeline import DRILLED, Entry, What
from resilience.model.verdict import Finding, Kind, Outage, StepRecord, Window
from resilience.report import wording
from resilience.report.plain import plain
from resilience.report.sentence import sentence
from resilience.report.series import series
from resilience.report.shape import (
    VERSION,
    EntryJson,
    FailedJson,
    FindingJson,
    OutageJson,
    ProbeJson,
    ReportJson,
    RunJson,
    ScenarioJson,
    SnapshotJson,
    StepJson,
    WindowJson,
)

MOST_FAILED = 1000
"""How many failed requests are listed one by one."""


def document(records: Sequence[RunRecord], written: float) -> ReportJson:
    """The whole report; `written` is seconds since the epoch."""
    return ReportJson(
        version=VERSION,
        generator=f"pytest-resilience {resilience.__version__}",
        written=date(written),
        runs=[run(record) for record in records],
    )


def run(record: RunRecord) -> RunJson:
    """One run."""
    zero = record.started
    entries = [_entry(entry, zero) for entry in record.timeline]
    return RunJson(
        run=record.run,
        scenario=_scenario(record),
        seed=record.seed,
        outcome=record.outcome.value,
        verdict=sentence(record),
        plain=plain(record),
        message=record.message,
        again=record.again,
        before=record.before,
        started=date(record.started_wall),
        seconds=_at(record.ended, zero),
        window=_window(record.window, zero),
        environment=_plain(record.environment),
        snapshot=_snapshot(record.timeline),
        steps=[_step(step, zero) for step in record.steps],
        findings=[_finding(finding, zero) for finding in record.findings],
        probes=[_probe(probe, zero) for probe in record.probes],
        victims=[entry for entry in entries if entry["what"] == What.VICTIM.value],
        proofs=[entry for entry in entries if entry["what"] == What.PROOF.value],
        timeline=entries,
        residues=list(record.residues),
        leftovers=list(record.leftovers),
    )


def _snapshot(timeline: Sequence[Entry]) -> SnapshotJson | None:
    """The snapshot of the first entry that names one."""
    for entry in timeline:
        if found := entry.facts.get(DRILLED):
            return SnapshotJson(
                name=str(found["name"]),
                started=str(found["started"]),
                store=str(found["store"]),
                cluster=str(found["cluster"]),
                objects=int(found["objects"]),
                bytes=int(found["bytes"]),
            )
    return None


def date(wall: float) -> str:
    """RFC 3339, UTC, milliseconds."""
    text = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _scenario(record: RunRecord) -> ScenarioJson:
    scenario = record.scenario
    return ScenarioJson(
        id=scenario.id,
        title=scenario.title,
        label=wording.title(scenario),
        description=scenario.description,
        file=scenario.place.file,
        line=scenario.place.line,
        namespace=scenario.namespace,
        tags=list(scenario.tags),
        matrix=dict(scenario.matrix),
    )


def _window(window: Window | None, zero: float) -> WindowJson | None:
    if window is None:
        return None
    return WindowJson(since=_at(window.since, zero), until=_at(window.until, zero))


def _step(step: StepRecord, zero: float) -> StepJson:
    return StepJson(
        path=step.path,
        phase=step.phase,
        verb=step.verb,
        title=step.title,
        place=str(step.place),
        started=_at(step.started, zero),
        ended=None if step.ended is None else _at(step.ended, zero),
        result=step.result.value,
        message=step.message,
        optional=step.optional,
        facts=_plain(step.facts),
    )


def _finding(finding: Finding, zero: float) -> FindingJson:
    return FindingJson(
        name=finding.name,
        result=finding.result.value,
        probe=finding.subject,
        during=finding.during,
        kind=finding.kind.value,
        figure=_figure(finding),
        percentile=finding.percentile,
        limit=finding.limit,
        unit=finding.unit.value if finding.unit else None,
        promised=wording.promised(finding),
        measured=wording.measured(finding),
        value=finding.value,
        low=finding.low,
        high=finding.high,
        reason=finding.reason.value if finding.reason else None,
        detail=[*wording.detail(finding), *finding.circumstances],
        outages=[_outage(outage, zero) for outage in finding.outages],
        parts={name: round(seconds, 6) for name, seconds in finding.parts.items()},
        place=str(finding.place or ""),
    )


def _figure(finding: Finding) -> str:
    """`p95` for a latency percentile; the kind for all others."""
    if finding.kind is Kind.LATENCY and finding.percentile is not None:
        return f"p{finding.percentile:g}"
    if finding.kind.is_objective:
        return finding.kind.value
    return finding.figure.value if finding.figure else ""


def _outage(outage: Outage, zero: float) -> OutageJson:
    return OutageJson(
        since=_at(outage.since, zero),
        until=_at(outage.until, zero),
        seconds=round(outage.length, 6),
        resolution=outage.resolution,
        lost=outage.lost,
        answers=dict(outage.answers),
    )


def _probe(probe: ProbeRecord, zero: float) -> ProbeJson:
    samples = list(probe.samples)
    answers = Counter(sample.answer for sample in samples)
    pods = Counter(s.by for s in samples if s.by and s.answer is Answer.GOOD)
    failed = [sample for sample in samples if sample.answer is not Answer.GOOD]
    return ProbeJson(
        name=probe.name,
        title=probe.title,
        rate=probe.rate,
        planned=len(samples),
        good=answers[Answer.GOOD],
        answers={answer.value: count for answer, count in answers.most_common()},
        pods=dict(sorted(pods.items())),
        series=series(samples, probe.rate, zero),
        failed=[_failed(sample, zero) for sample in failed[:MOST_FAILED]],
        facts=_plain(probe.facts),
    )


def _failed(sample: Sample, zero: float) -> FailedJson:
    return FailedJson(
        at=_at(sample.intended, zero),
        seconds=round(sample.latency, 6),
        answer=sample.answer.value,
        status=sample.status,
        by=sample.by,
    )


def _entry(entry: Entry, zero: float) -> EntryJson:
    return EntryJson(
        at=_at(entry.monotonic, zero),
        wall=date(entry.wall),
        what=entry.what.value,
        text=entry.text,
        facts=_plain(entry.facts),
    )


def _at(moment: float, zero: float) -> float:
    return round(moment - zero, 6)


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """The value as JSON; values that JSON does not have become text."""
    return {str(key): _json(each) for key, each in value.items()}


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, Sequence | set | frozenset):
        return [_json(each) for each in value]
    return str(value)
