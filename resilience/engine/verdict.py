"""From steps, findings and leftovers to one outcome. Pure.

A measured failure says more than something else not having been measured, so it goes first of the
two; otherwise the worst decides. Something left in the cluster outranks everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resilience.cluster import objects
from resilience.cluster.interface import Object
from resilience.engine.abort import Why
from resilience.engine.victims import Struck
from resilience.model.timeline import Entry, What
from resilience.model.verdict import Finding, Outage, Outcome, Result, StepRecord

_ORDER = (
    Outcome.PASSED,
    Outcome.NOT_MEASURED,
    Outcome.SERVICE_FAILED,
    Outcome.HARNESS_ERROR,
    Outcome.REFUSED,
    Outcome.BLOCKED,
    Outcome.INTERRUPTED,
    Outcome.UNDO_INCOMPLETE,
)

_OF_RESULT = {
    Result.PASSED: Outcome.PASSED,
    Result.FAILED: Outcome.SERVICE_FAILED,
    Result.NOT_MEASURED: Outcome.NOT_MEASURED,
}

_OF_ABORT = {
    Why.INTERRUPTED: Outcome.INTERRUPTED,
    Why.LOCK: Outcome.INTERRUPTED,
    Why.BELOW: Outcome.SERVICE_FAILED,
}

MOST_LINES = 6
"""Pods or Events named in one message; the report has all of them."""


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The one that decides."""
    return max(outcomes, key=_ORDER.index, default=Outcome.PASSED)


def decide(
    steps: Sequence[Outcome],
    findings: Sequence[Finding],
    aborted: Why | None,
    leftovers: Sequence[str],
) -> Outcome:
    """How the scenario ended. `steps` are the outcomes of failed steps that were not optional."""
    causes = [*steps, *(_OF_RESULT[finding.result] for finding in findings)]
    if aborted is not None:
        causes.append(_OF_ABORT[aborted])
    if leftovers:
        causes.append(Outcome.UNDO_INCOMPLETE)
    return worst(causes)


def explain(
    finding: Finding, steps: Sequence[StepRecord], timeline: Sequence[Entry], started: float
) -> Finding:
    """The same finding; where it was broken, its detail also says which step was running, which
    Pods were hit and what Kubernetes had to say about it then."""
    if finding.result is Result.PASSED:
        return finding
    lines: list[str] = []
    for outage in sorted(finding.outages, key=lambda each: each.length, reverse=True)[:3]:
        lines += _of_outage(outage, steps, timeline, started)
    return replace(finding, detail=(*finding.detail, *lines))


def _of_outage(
    outage: Outage, steps: Sequence[StepRecord], timeline: Sequence[Entry], started: float
) -> list[str]:
    since, until = outage.since - outage.resolution, outage.until + outage.resolution
    lines = [
        f"from {clock(outage.since, started)} to {clock(outage.until, started)}, "
        f"{during(steps, since, until)}"
    ]
    pods = [
        entry.text
        for entry in timeline
        if entry.what is What.WATCH and since - 1 <= entry.monotonic <= until
    ]
    events = [
        entry.text
        for entry in timeline
        if entry.what is What.EVENT
        and entry.facts.get("type") == "Warning"
        and since - 1 <= entry.monotonic <= until
    ]
    return lines + _few(pods) + _few([f"Event {text}" for text in events])


def during(steps: Sequence[StepRecord], since: float, until: float) -> str:
    """Which steps of `when` were under way in that span, else which had just ended."""
    acting = [step for step in steps if step.phase == "when"]
    under_way = [
        step
        for step in acting
        if step.started <= until and (step.ended is None or step.ended >= since)
    ]
    if under_way:
        return "during " + ", ".join(f"`{step.title}`" for step in under_way)
    before = [step for step in acting if step.ended is not None and step.ended < since]
    return f"after `{before[-1].title}`" if before else "before the first action"


def message(
    outcome: Outcome,
    failures: Sequence[StepRecord],
    findings: Sequence[Finding],
    victims: Sequence[Struck],
    abort: str,
    leftovers: Sequence[str],
    started: float,
) -> str:
    """What a person reads first: promised, measured, when, during what, on which Pods."""
    if outcome is Outcome.PASSED:
        return ""
    lines = [f"{outcome.value}: {abort}" if abort else f"{outcome.value}:"]
    for step in failures:
        ended = started if step.ended is None else step.ended
        lines += [
            f"  {step.phase}: {step.title} ({step.place})",
            *(f"    {line}" for line in step.message.splitlines()),
            f"    at {clock(ended, started)}",
        ]
        if step.phase == "given":
            lines.append("    the starting state is wrong; nothing was broken yet")
    told = {step.place for step in failures}  # a check's finding says what its step just said
    for finding in findings:
        if finding.result is not Result.PASSED and finding.place not in told:
            lines += _told(finding)
    if victims and (failures or any(f.result is not Result.PASSED for f in findings)):
        lines += [
            "  harmed",
            *_few(
                [
                    f"{victim.title} ({victim.workload_title}) at {clock(victim.struck, started)} "
                    f"by {victim.step}"
                    for victim in victims
                ],
                "    ",
            ),
        ]
    if leftovers:
        lines += [
            "  left in the cluster; `resilience recover` tries again",
            *(f"    {text}" for text in leftovers),
        ]
    return "\n".join(lines)


def _told(finding: Finding) -> list[str]:
    place = f" ({finding.place})" if finding.place else ""
    return [
        f"  {finding.name}: {finding.result.value}{place}",
        f"    promised  {finding.promised}",
        f"    measured  {finding.measured}",
        *(f"    {line}" for line in finding.detail),
    ]


def _few(lines: Sequence[str], indent: str = "") -> list[str]:
    shown = [f"{indent}{line}" for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"{indent}and {len(lines) - MOST_LINES} more, see the report")
    return shown


def clock(moment: float, started: float) -> str:
    """`+12.3s` since the run began."""
    return f"{moment - started:+.1f}s"


def last_event(pod: Object, timeline: Sequence[Entry]) -> str:
    """The latest Event about a Pod, "" when there is none."""
    about = [
        entry.text
        for entry in timeline
        if entry.what is What.EVENT and entry.facts.get("uid") == objects.uid(pod)
    ]
    return about[-1] if about else ""
