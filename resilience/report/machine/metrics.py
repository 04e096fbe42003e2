"""The last run of each scenario in the Prometheus text format, for the textfile collector or a
push.

One file holds all scenarios. Its lines for a scenario that did not run this time stay, and so does
the time of a scenario's last success: alerts depend on that time, since a run that never happens
writes no metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from resilience.model.report import RunRecord
from resilience.model.verdict import Finding, Outcome, Result

PREFIX = "resilience_"

HELP: Mapping[str, str] = {
    "run_passed": "1 if the scenario passed in its last run.",
    "run_outcome": "1 for the outcome of the last run.",
    "run_seconds": "How long the last run took.",
    "last_run_timestamp_seconds": "When the scenario was last run.",
    "last_success_timestamp_seconds": "When the scenario last passed.",
    "promise_kept": "1 if the objective was met in the last run; 0 if it was missed or not "
    "measured.",
    "promise_value": "The measured value: seconds, a ratio or a count.",
}
"""Every metric, in the order of the file. All are gauges."""

_LAST_SUCCESS = "last_success_timestamp_seconds"
_TEXT = r'"(?:[^"\\]|\\.)*"'
_NAMED = rf"scenario={_TEXT},file={_TEXT}(?:,cluster={_TEXT})?"
_LINE = re.compile(rf"{PREFIX}(\w+)\{{({_NAMED})(.*)\}} (\S+)")

Row = tuple[str, str, str, str]
"""Metric, the labels that name the scenario, the other labels, value; labels as written."""


def metrics(records: Sequence[RunRecord], before: str = "") -> str:
    """The file's text; `before` is its current content."""
    rows = [row for record in records if not record.again for row in _rows(record)]
    ran = {scenario for _, scenario, _, _ in rows}
    known = {(name, scenario) for name, scenario, _, _ in rows}
    kept = [
        row
        for row in _read(before)
        if row[1] not in ran or (row[0] == _LAST_SUCCESS and row[:2] not in known)
    ]
    return "".join(_family(name, [*rows, *kept]) for name in HELP)


def _family(name: str, rows: Sequence[Row]) -> str:
    lines = sorted(
        f"{PREFIX}{name}{{{scenario}{labels}}} {value}\n"
        for metric, scenario, labels, value in rows
        if metric == name
    )
    head = f"# HELP {PREFIX}{name} {HELP[name]}\n# TYPE {PREFIX}{name} gauge\n"
    return head + "".join(lines) if lines else ""


def _rows(record: RunRecord) -> Iterator[Row]:
    passed = record.outcome is Outcome.PASSED
    file = escaped(record.scenario.place.file)
    scenario = f'scenario="{escaped(record.scenario.id)}",file="{file}"'
    if record.member:
        scenario += f',cluster="{escaped(record.member)}"'
    ended = f"{record.started_wall + record.ended - record.started:.3f}"
    yield "run_passed", scenario, "", str(int(passed))
    yield "run_outcome", scenario, f',outcome="{record.outcome.value}"', "1"
    yield "run_seconds", scenario, "", f"{record.ended - record.started:.3f}"
    yield "last_run_timestamp_seconds", scenario, "", ended
    if passed:
        yield _LAST_SUCCESS, scenario, "", ended
    for finding in {each.name: each for each in record.findings}.values():
        yield from _promise(scenario, finding)


def _promise(scenario: str, finding: Finding) -> Iterator[Row]:
    label = f',promise="{escaped(finding.name)}"'
    yield "promise_kept", scenario, label, str(int(finding.result is Result.PASSED))
    if finding.value is not None:
        yield "promise_value", scenario, label, f"{finding.value:.9g}"


def _read(text: str) -> Iterator[Row]:
    """Lines of an earlier file; foreign lines are dropped. Only a line feed ends a line: other
    separators of Unicode may be in a label."""
    for line in text.split("\n"):
        if match := _LINE.fullmatch(line):
            yield match[1], match[2], match[3], match[4]


def escaped(text: str) -> str:
    """A label's value, escaped for the text format."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
