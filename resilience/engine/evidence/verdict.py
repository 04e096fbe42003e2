"""Derives one outcome from steps, findings and leftovers. Pure.

A measured failure says more than a missing measurement, so it ranks above "not measured";
otherwise the worst outcome decides. Leftovers in the cluster rank above everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resilience.engine.base.abort import Why
from resilience.engine.evidence.victims import Struck
from resilience.model.finding import Reason
from resilience.model.timeline import Entry, What
from resilience.model.verb import Family
from resilience.model.verdict import Finding, Outcome, Result, StepRecord
from resilience.report import wording
from resilience.report.cause import of as cause_of

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
    Why.GONE: Outcome.HARNESS_ERROR,
    Why.SICK: Outcome.NOT_MEASURED,
    Why.BELOW: Outcome.SERVICE_FAILED,
}

BEFORE = 0.5
"""Seconds before an outage that are searched for its cause."""

MOST_LINES = 6
"""Pods or Events named in one message; the report has all of them."""


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome that decides."""
    return max(outcomes, key=_ORDER.index, default=Outcome.PASSED)


def decide(
    steps: Sequence[Outcome],
    findings: Sequence[Finding],
    aborted: Why | None,
    leftovers: Sequence[str],
) -> Outcome:
    """How the scenario ended. `steps` are the outcomes of failed steps that were not optional."""
    causes = [*steps, *(_OF_RESULT[finding.result] for finding in findings)]
    if aborted is Why.SICK:  # An apparent failure of the service may be a failure of the cluster.
        causes = [cause for cause in causes if cause is not Outcome.SERVICE_FAILED]
    if aborted is not None:
        causes.append(_OF_ABORT[aborted])
    if leftovers:
        causes.append(Outcome.UNDO_INCOMPLETE)
    return worst(causes)


def stopped(findings: Sequence[Finding], aborted: Why | None) -> list[Finding]:
    """The same findings. What a run that was stopped early did not measure is not measured for
    that reason: no advice on rates and times would have helped."""
    if aborted in (None, Why.BELOW, Why.SICK):
        return list(findings)
    return [
        replace(each, reason=Reason.STOPPED)
        if each.result is Result.NOT_MEASURED and each.kind.is_objective and each.evidence
        else each
        for each in findings
    ]


def explain(
    findings: Sequence[Finding],
    steps: Sequence[StepRecord],
    timeline: Sequence[Entry],
    started: float,
) -> list[Finding]:
    """The same findings. A missed one also says which step was running, what happened to Pods and
    which Warnings Kubernetes wrote. A finding does not repeat what an earlier one said."""
    told: list[tuple[float, float]] = []
    return [
        finding if finding.result is Result.PASSED
        else replace(finding, circumstances=(*finding.circumstances,
                                             *_outages(finding, steps, timeline, started, told)))
        for finding in findings
    ]  # fmt: skip


def _outages(
    finding: Finding,
    steps: Sequence[StepRecord],
    timeline: Sequence[Entry],
    started: float,
    told: list[tuple[float, float]],
) -> list[str]:
    lines: list[str] = []
    for outage in sorted(finding.outages, key=lambda each: each.length, reverse=True)[:3]:
        since, until = outage.since - outage.resolution, outage.until + outage.resolution
        span = f"from {clock(outage.since, started)} to {clock(outage.until, started)}"
        lines.append(f"{span}, {during(steps, since, until)}")
        if not any(a <= until and since <= b for a, b in told):
            told.append((since, until))
            lines += [f"  {line}" for line in _circumstances(since, until, timeline, started)]
    return lines


def _circumstances(
    since: float, until: float, timeline: Sequence[Entry], started: float
) -> list[str]:
    """Pods that disappeared or appeared around that time, and the Warnings written then."""
    around = [entry for entry in timeline if since - BEFORE <= entry.monotonic <= until]
    pods = [entry for entry in around if _of_a_pod(entry)]
    first = [entry for entry in pods if entry.facts.get("deleted") or not entry.facts.get("ready")]
    rest = [entry for entry in pods if entry not in first]
    chosen = sorted((first + rest)[:MOST_LINES], key=lambda entry: entry.monotonic)
    lines = [f"{clock(entry.monotonic, started)} {entry.text}" for entry in chosen]
    if len(pods) > len(chosen):
        lines.append(f"and {len(pods) - len(chosen)} more changes of Pods, see the report")
    warnings: dict[str, list[Entry]] = {}
    for entry in around:
        if entry.what is What.EVENT and entry.facts.get("type") == "Warning":
            warnings.setdefault(str(entry.facts.get("reason")), []).append(entry)
    for entries in warnings.values():
        times = f" ({len(entries)} times)" if len(entries) > 1 else ""
        lines.append(f"{clock(entries[0].monotonic, started)} {entries[0].text}{times}")
    return lines


def _of_a_pod(entry: Entry) -> bool:
    """Whether the entry is a change; the state at the beginning of the run is not one."""
    kind, there = entry.facts.get("kind", "Pod"), entry.facts.get("there")
    return entry.what is What.WATCH and kind == "Pod" and not there


def during(steps: Sequence[StepRecord], since: float, until: float) -> str:
    """Which action was running in that span, or else which one had just ended, and what the run was
    waiting for."""
    acting = [step for step in steps if step.phase == "when" and step.started <= until]
    under_way = [step for step in acting if step.ended is None or step.ended >= since]
    actions = [step for step in under_way if step.facts.get("family") != "check"]
    checks = [step for step in under_way if step.facts.get("family") == "check"]
    before = [step for step in acting
              if step not in under_way and step.facts.get("family") != "check"]  # fmt: skip
    if actions:
        text = "during " + ", ".join(f"`{step.title}`" for step in actions)
    elif before:
        text = f"after `{before[-1].title}`"
    else:
        text = "before the first action"
    waiting = ", ".join(f"`{step.title}`" for step in checks)
    return f"{text}, while waiting for {waiting}" if waiting else text


def _unsaid(step: StepRecord, brief: str) -> list[str]:
    """The facts about an action that the first line of the message does not contain."""
    lines = step.message.splitlines()
    acted = step.facts.get("family") == Family.ACTION.value
    once = acted and bool(lines) and brief.endswith(lines[0])
    return lines[1:] if once else lines


def message(
    outcome: Outcome,
    failures: Sequence[StepRecord],
    findings: Sequence[Finding],
    victims: Sequence[Struck],
    abort: str,
    leftovers: Sequence[str],
    started: float,
    recovery: str = "resilience recover",
) -> str:
    """The summary of a finding: expected, measured, when, during which step, on which Pods."""
    if outcome is Outcome.PASSED:
        return ""
    brief = cause_of(outcome, abort, leftovers, failures, findings)
    head = [f"{outcome.value}: {brief}" if brief else f"{outcome.value}:"]
    more = abort.splitlines()
    lines = head + [f"  {line}" for line in (more[1:] if more[:1] == [brief] else more)]
    for step in failures:
        ended = started if step.ended is None else step.ended
        lines += [
            f"  {step.phase}: {step.title} ({step.place})",
            *(f"    {line}" for line in _unsaid(step, brief)),
            f"    at {clock(ended, started)}",
        ]
        if step.phase == "given":
            lines.append("    the starting state is wrong; nothing was broken yet")
    places = {
        step.place for step in failures
    }  # the finding of a check would repeat the message of its step
    said: set[str] = set()
    for finding in findings:
        if finding.result is not Result.PASSED and finding.place not in places:
            lines += [f"  {line}" for line in wording.lines(finding, said)]
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
            f"  left in the cluster; `{recovery}` tries again",
            *(f"    {text}" for text in leftovers),
        ]
    return "\n".join(lines)


def _few(lines: Sequence[str], indent: str = "") -> list[str]:
    shown = [f"{indent}{line}" for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"{indent}and {len(lines) - MOST_LINES} more, see the report")
    return shown


def clock(moment: float, started: float) -> str:
    """`+12.34s` since the run began."""
    return f"{moment - started:+.2f}s"
