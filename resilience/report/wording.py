"""All wording of findings, in one place; functions turn data into text.

Findings carry limits, bounds, reasons and evidence (`resilience.model.finding`). Every sentence
about them that a person reads, in the terminal, JUnit or a report, is made here; no code interprets
it. A check's own words are passed on unchanged. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

from resilience.model.finding import Evidence, Finding, Kind, Outage, Reason, Result
from resilience.model.report import RunRecord
from resilience.model.scenario import BASELINE, FAULT, RECOVERY, Scenario
from resilience.model.values import Availability, Duration
from resilience.model.words import counts, many, percent, span


def title(scenario: Scenario) -> str:
    """A scenario's title with the values of its matrix, which distinguish its cases."""
    return with_values(scenario.title, scenario.matrix)


def heading(record: RunRecord) -> str:
    """The same, with the cluster of the fleet."""
    return on(title(record.scenario), record.member)


def on(text: str, member: str) -> str:
    """`cart survives on eu`."""
    return f"{text} on {member}" if member else text


def with_values(text: str, matrix: Mapping[str, str]) -> str:
    """`cart survives [share=33%,grace=0s]`."""
    values = ",".join(f"{key}={value}" for key, value in matrix.items())
    return f"{text} [{values}]" if values else text


def promised(finding: Finding) -> str:
    """`99%`, `at most 2s`; for a check, what it expects."""
    if finding.limit is None or not finding.kind.is_objective:
        return finding.promised
    if finding.kind is Kind.AVAILABILITY:
        return str(Availability(Fraction(str(finding.limit))))
    if finding.kind is Kind.BUDGET:
        return f"at most {finding.promised}"
    if finding.kind is Kind.BASELINE:
        return f"p95 at most {percent(Fraction(str(finding.limit)))} above the baseline's"
    return f"at most {Duration.of(finding.limit)}"


def measured(finding: Finding) -> str:
    """The number and what it was computed from; for a check, what it observed."""
    if finding.evidence is None or not finding.kind.is_objective:
        return finding.measured
    if finding.reason is not None:
        return _REASONS[finding.reason](finding, finding.evidence)
    return _MEASURED[finding.kind](finding, finding.evidence)


def detail(finding: Finding) -> tuple[str, ...]:
    """Lines of evidence and, if there is one, the remedy."""
    if finding.evidence is None or not finding.kind.is_objective:
        return finding.detail
    evidence = finding.evidence
    return (*finding.detail, *_evidence(finding, evidence), *_doubt(finding, evidence))


def brief(finding: Finding) -> str:
    """`availability 99.6%`, `longest outage 280ms`, `p95 18.7ms`; a check's own sentence."""
    text = measured(finding)
    if not finding.kind.is_objective:
        # A plan's objectives have one-word names (rto, intact); others name their subject.
        return text if finding.subject else f"{finding.name}: {text}"
    if finding.reason is not None or finding.value is None:
        return f"{_metric(finding)}: {text}"
    return f"{_metric(finding)} {_number(finding)}"


def decisive(finding: Finding) -> str:
    """The finding to read first: `checkout.availability 92.1%, expected 99%`."""
    name = finding.name
    if finding.kind.is_objective and finding.reason is None and finding.value is not None:
        return f"{name} {_number(finding)}, expected {promised(finding)}"
    return f"{name}: {measured(finding)}, expected {promised(finding)}"


def lines(finding: Finding, said: set[str] | None = None) -> list[str]:
    """One finding as a block. Lines in `said` are left out and new ones added to it, so that what
    several findings share is printed once."""
    place = f" ({finding.place})" if finding.place else ""
    evidence = [line for line in detail(finding) if said is None or line not in said]
    if said is not None:
        said.update(evidence)
    return [
        f"{finding.name}: {finding.result.value}{place}",
        f"  expected  {promised(finding)}",
        f"  measured  {measured(finding)}",
        *(f"  {line}" for line in (*evidence, *finding.circumstances)),
    ]


def kept(findings: Sequence[Finding]) -> list[str]:
    """The measurements of a run that passed: numbers first, grouped by probe."""
    ordered = sorted(findings, key=lambda finding: finding.value is None)
    probes = {subject(each): list[str]() for each in ordered if each.kind.is_objective}
    for finding in ordered:
        if finding.kind.is_objective:
            probes[subject(finding)].append(brief(finding))
    own = [f"{probe}: {', '.join(texts)}" for probe, texts in probes.items()]
    return [*own, *(brief(each) for each in ordered if not each.kind.is_objective)]


def subject(finding: Finding) -> str:
    """`checkout`, `checkout (baseline)`: the probe, and its window if it has several."""
    return f"{finding.subject} ({finding.during})" if finding.during else finding.subject


def _metric(finding: Finding) -> str:
    if finding.kind is Kind.LATENCY and finding.percentile is not None:
        return f"p{finding.percentile:g}"
    return finding.kind.value


def _number(finding: Finding) -> str:
    value = finding.value or 0.0
    if finding.kind is Kind.AVAILABILITY:
        return percent(Fraction(str(value)))
    if finding.kind is Kind.BUDGET:
        return _used(value)
    if finding.kind is Kind.OUTAGE and not finding.outages:
        return "none"
    if finding.kind is Kind.BASELINE:
        return _increase(finding.value)
    return span(value)


def _range(low: str, high: str) -> str:
    return low if low == high else f"between {low} and {high}"


def _availability(finding: Finding, evidence: Evidence) -> str:
    share = _share(finding)
    if evidence.failed:
        how = counts(evidence.answers)
        return f"{share}: {evidence.failed:,} of {evidence.planned:,} failed ({how})"
    known = evidence.planned - evidence.unknown
    proven = percent(max(Fraction(0), 1 - Fraction(3, known))) if known else "nothing"
    return f"{share}: 0 of {known:,} failed, which proves at least {proven}"


def _share(finding: Finding) -> str:
    low, high = finding.low, finding.high
    if low is None or high is None:
        return "unknown"
    return _range(percent(Fraction(str(low))), percent(Fraction(str(high))))


def _outage(finding: Finding, evidence: Evidence) -> str:
    if not finding.outages and not finding.high:
        return f"none (resolution {span(evidence.resolution)})"
    if finding.low == finding.high:
        return f"{span(finding.low or 0.0)} ± {span(evidence.resolution)}"
    return f"{_outages(finding)} (resolution {span(evidence.resolution)})"


def _outages(finding: Finding) -> str:
    low = span(finding.low) if finding.low else "none"
    return _range(low, span(finding.high or 0.0))


def _latency(finding: Finding, evidence: Evidence) -> str:
    if finding.value is None:
        return f"{evidence.slow:,} of {evidence.answered:,} took longer"
    return f"{span(finding.value)} ({evidence.answered:,} answers)"


def _recovery(finding: Finding, evidence: Evidence) -> str:
    if not finding.high:
        return "immediately: nothing failed after the last action had ended"
    return f"{_range(span(finding.low or 0.0), span(finding.high))} after the last action had ended"


def _budget(finding: Finding, evidence: Evidence) -> str:
    low, high = finding.low or 0.0, finding.high or 0.0
    failed = (
        _range(span(low * evidence.budget), span(high * evidence.budget)) if high else "nothing"
    )
    used = _range(_used(low), _used(high))
    return f"{used} used: {failed} failed of the allowed {span(evidence.budget)}"


def _compared(finding: Finding, evidence: Evidence) -> str:
    now, before = (_p95(each) for each in (evidence.observed, evidence.baseline))
    bounds = _range(_increase(finding.low), _increase(finding.high))
    return f"p95 {now}, baseline {before}; with 95% confidence {bounds}"


def _p95(seconds: float | None) -> str:
    return "unlimited (5% failed)" if seconds is None else span(seconds)


def _increase(share: float | None) -> str:
    return "without bound" if share is None else f"{share:+.0%}"


def _used(ratio: float) -> str:
    """The share of the error budget, rounded up so that it is never understated."""
    return f"{math.ceil(round(ratio * 1e6, 3)) / 1e4:g}%"


_MEASURED: Mapping[Kind, Callable[[Finding, Evidence], str]] = {
    Kind.AVAILABILITY: _availability,
    Kind.OUTAGE: _outage,
    Kind.LATENCY: _latency,
    Kind.RECOVERY: _recovery,
    Kind.BUDGET: _budget,
    Kind.BASELINE: _compared,
}


def _open(finding: Finding, evidence: Evidence) -> str:
    if finding.kind is Kind.AVAILABILITY:
        return _share(finding)
    if finding.kind in (Kind.OUTAGE, Kind.RECOVERY):
        return _outages(finding)
    if finding.kind is Kind.BUDGET:
        return _budget(finding, evidence)
    if finding.kind is Kind.BASELINE:
        return _compared(finding, evidence)
    if finding.low is None or finding.high is None:
        return f"unknown for {evidence.unknown:,} of {evidence.planned:,} requests"
    return _range(span(finding.low), span(finding.high))


def _ended(finding: Finding, evidence: Evidence) -> str:
    return evidence.trouble or "the prober ended"


def _uncovered(finding: Finding, evidence: Evidence) -> str:
    probed = (evidence.planned - evidence.missing) * evidence.interval
    return f"only {span(probed)} of {span(evidence.window)} were probed"


def _too_few(finding: Finding, evidence: Evidence) -> str:
    name = promised(finding) if finding.kind is Kind.AVAILABILITY else _metric(finding)
    there = many(evidence.planned, "request")
    few = f"{there} in {span(evidence.window)} {'is' if evidence.planned == 1 else 'are'} too few"
    return f"{few}, {name} needs {evidence.needed:,}: {_more_requests(finding, evidence)}"


def _unanswered(finding: Finding, evidence: Evidence) -> str:
    answers = f"{evidence.answered:,} of {many(evidence.planned, 'request')} answered"
    return f"{answers}, {_metric(finding)} needs {evidence.needed:,} answers"


def _resolution(finding: Finding, evidence: Evidence) -> str:
    return f"an outage of {Duration.of(finding.limit or 0)} fits between two requests"


def _still_out(finding: Finding, evidence: Evidence) -> str:
    if finding.kind is Kind.RECOVERY:
        return f"fewer than {evidence.needed} good answers after the last failure"
    length = finding.outages[-1].length if finding.outages else finding.high or 0.0
    return f"an outage of {span(length)} had not ended when measuring ended"


def _timeout(finding: Finding, evidence: Evidence) -> str:
    return f"{span(evidence.timeout)} or more: requests are given up after that time"


_REASONS: Mapping[Reason, Callable[[Finding, Evidence], str]] = {
    Reason.LATE: _open,
    Reason.UNSENT: _open,
    Reason.WAITED: _open,
    Reason.ENDED: _ended,
    Reason.UNCOVERED: _uncovered,
    Reason.UNPLANNED: lambda finding, evidence: "no request was planned in this window",
    Reason.TOO_FEW: _too_few,
    Reason.UNANSWERED: _unanswered,
    Reason.RESOLUTION: _resolution,
    Reason.STILL_OUT: _still_out,
    Reason.TIMEOUT: _timeout,
    Reason.CLOSE: _compared,
    Reason.NO_BASELINE: lambda finding, evidence: (
        "5% of the requests failed before anything was broken"
    ),
    Reason.UNOBSERVED: lambda finding, evidence: "the measured object could not be observed",
    Reason.DELETED: lambda finding, evidence: "its namespace was deleted by someone else",
    Reason.STOPPED: lambda finding, evidence: "the run was stopped early",
}


def _evidence(finding: Finding, evidence: Evidence) -> Iterable[str]:
    broken = finding.result is Result.FAILED
    if finding.kind is Kind.AVAILABILITY and broken:
        if evidence.statuses:
            codes = {f"with status {code}": n for code, n in evidence.statuses.items()}
            yield f"wrong status: {counts(codes)}"
        yield from (f"for instance: {note}" for note in evidence.notes)
    if finding.kind is Kind.AVAILABILITY and evidence.by and finding.reason is None:
        yield f"good answers: {counts({f'by {pod}': n for pod, n in evidence.by.items()})}"
    if finding.kind is Kind.AVAILABILITY and evidence.remarks:
        yield f"in the whole run: {'; '.join(evidence.remarks)}"
    if finding.kind is Kind.OUTAGE and finding.reason is None:
        longest = sorted(finding.outages, key=lambda outage: -outage.length)[:3]
        yield from (_one(outage) for outage in longest)
    if finding.kind is Kind.LATENCY and broken:
        yield (
            f"{evidence.slow:,} of {evidence.answered:,} took longer, {evidence.allowed:,} are "
            "allowed to; "
            f"the slowest took {span(evidence.slowest)}"
        )
        if evidence.timeouts:
            yield f"{evidence.timeouts:,} of them timed out"


def _one(outage: Outage) -> str:
    return f"{span(outage.length)}, {many(outage.lost, 'request')} lost ({counts(outage.answers)})"


def _doubt(finding: Finding, evidence: Evidence) -> Iterable[str]:
    """The unknown part and its cause; for an unmeasured objective also what would reduce it."""
    if finding.reason is None:
        if evidence.trouble or evidence.missing:
            what = evidence.trouble or _uncovered(finding, evidence)
            yield f"{what}; the result does not depend on it"
        elif evidence.unknown:
            yield unknown(evidence)
        return
    if finding.reason in (Reason.LATE, Reason.UNSENT):
        yield unknown(evidence)
    if finding.reason is Reason.WAITED:
        yield waited(evidence)
    if finding.reason is Reason.UNSENT:
        yield from (f"for instance: {note}" for note in evidence.notes)
    if remedy := _REMEDIES.get(finding.reason):
        yield remedy(finding, evidence)


def unknown(evidence: Evidence) -> str:
    """`14 of 500 requests could not be sent in time (up to 84ms late)`."""
    late, unsent = evidence.late, evidence.unsent
    parts = [f"{late:,} left late, by up to {span(evidence.worst_lag)}"] if late else []
    parts += [f"{unsent:,} could not be sent"] if unsent else []
    return (
        f"of {many(evidence.planned, 'request')}, {' and '.join(parts)}: what the service would "
        f"have answered at {evidence.unknown:,} of these moments is unknown"
    )


def waited(evidence: Evidence) -> str:
    """`in this window of 9s the Pods waited up to 2.1s for a CPU that other programs used`."""
    return (
        f"in this window of {span(evidence.window)} the Pods waited up to {span(evidence.waited)} "
        "for a CPU that other programs used: what they would have answered without that is unknown"
    )


_LONGER = {
    BASELINE: "a longer `baseline`",
    FAULT: "`sleep` under `when`, before the fault ends",
    RECOVERY: "a longer `settle`",
}


def _more_requests(finding: Finding, evidence: Evidence) -> str:
    needed, length = evidence.needed, evidence.window
    rate = math.ceil(needed / length) if length else needed
    return (
        f"raise `rate` to {rate}/s, or measure for {span(needed * evidence.interval)} "
        f"({_LONGER.get(finding.during, 'a longer `settle`, or `sleep` under `when`')})"
    )


def _finer(finding: Finding, evidence: Evidence) -> str:
    rate = math.ceil(1 / (finding.limit or 1))
    return f"requests left every {span(evidence.interval)}; raise `rate` to {rate}/s"


HERE = "the host that runs pytest"
"""Where probers run that are no Pods."""

_REMEDIES: Mapping[Reason, Callable[[Finding, Evidence], str]] = {
    Reason.LATE: lambda finding, evidence: (
        f"{evidence.where or HERE} is overloaded; use fewer probes, a lower `rate` or a "
        f"{'node' if evidence.where else 'host'} with more CPU"
    ),
    Reason.UNSENT: lambda finding, evidence: (
        f"{evidence.where or HERE} lacks ports or file descriptors, or the API server did not "
        "answer; use a lower `rate`"
    ),
    Reason.WAITED: lambda finding, evidence: (
        f"{HERE} is overloaded; end other programs there, or use a host with more CPU"
    ),
    Reason.UNANSWERED: lambda finding, evidence: (
        "a refused request has no latency; set `availability` as well"
    ),
    Reason.CLOSE: lambda finding, evidence: (
        "the two are too close to tell apart with so few requests; raise `rate`, or measure longer "
        "(`baseline`, `settle`)"
    ),
    Reason.RESOLUTION: _finer,
    Reason.STILL_OUT: lambda finding, evidence: (
        "let `when` or `settle` last longer, to see the service come back"
    ),
    Reason.TIMEOUT: lambda finding, evidence: (
        f"raise `timeout` above {Duration.of(finding.limit or 0)}"
    ),
}
