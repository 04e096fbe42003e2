"""The part of a report that a history needs, about a hundredth of its size: `runs.json`.

A store keeps it next to `report.json`, so that a history of thousands of runs reads little data. It
is made from the document, so it can also be computed for an old report without it. Other files
raise `Unreadable`: the type of every value is checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from resilience.report.shape import ReportJson

VERSION = 1
MOST_TEXT = 500
"""Characters of a text; longer ones are cut."""


class Unreadable(ValueError):
    """Not a report, or a damaged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One objective: its number, or None where it was not measured. `figure` is "" for objectives
    that reports do not compare."""

    name: str
    figure: str
    result: str
    value: float | None
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One run. `started` is in epoch seconds, `again` marks one that was measured once more."""

    run: str
    scenario: str
    label: str
    file: str
    cluster: str
    outcome: str
    verdict: str
    started: float
    seconds: float
    commit: str = ""
    ci: str = ""
    again: bool = False
    numbers: tuple[Number, ...] = field(default=())


def digest(report: ReportJson) -> str:
    """The text of `runs.json`."""
    runs = [asdict(each) for each in pasts(report)]
    return json.dumps({"version": VERSION, "runs": runs}, ensure_ascii=False) + "\n"


def pasts(report: Mapping[str, Any]) -> list[Past]:
    """The runs of a `report.json`. Raises Unreadable for anything else."""
    return [_of_report(run) for run in _runs(report)]


def read(text: bytes) -> list[Past]:
    """The runs of a `report.json` or a `runs.json`. Raises Unreadable for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Unreadable(f"not JSON: {problem}") from None
    runs = _runs(document)
    if runs and "numbers" in runs[0]:
        return [_of_digest(run) for run in runs]
    return [_of_report(run) for run in runs]


def _runs(document: Any) -> list[dict[str, Any]]:
    if not isinstance(document, Mapping) or not isinstance(document.get("runs"), list):
        raise Unreadable("not a report: it has no list of runs")
    if document.get("version") != VERSION:
        raise Unreadable(f"its version is {document.get('version')!r}, expected {VERSION}")
    runs: list[dict[str, Any]] = document["runs"]
    if not all(isinstance(run, dict) for run in runs):
        raise Unreadable("not a report: a run is not a mapping")
    return runs


def _of_report(run: Mapping[str, Any]) -> Past:
    scenario, environment = run.get("scenario"), run.get("environment")
    if not isinstance(scenario, Mapping) or not isinstance(environment, Mapping):
        raise Unreadable("not a report: a run without a scenario")
    found = run.get("findings", [])
    if not isinstance(found, list):
        raise Unreadable("not a report: findings are not a list")
    return Past(
        run=_text(run.get("run")),
        scenario=_text(scenario.get("id")),
        label=_text(scenario.get("label")),
        file=_text(scenario.get("file")),
        cluster=_text(environment.get("member")) or _text(environment.get("context")),
        outcome=_text(run.get("outcome")),
        verdict=_text(run.get("verdict")),
        started=_moment(run.get("started")),
        seconds=_number(run.get("seconds")) or 0.0,
        commit=_text(environment.get("commit")),
        ci=_text(environment.get("ci")),
        again=bool(run.get("again")),
        numbers=_numbers(found),
    )


def _of_digest(run: Mapping[str, Any]) -> Past:
    names = ("run", "scenario", "label", "file", "cluster", "outcome", "verdict", "commit", "ci")
    texts = {name: _text(run.get(name)) for name in names}
    numbers = run.get("numbers")
    if not isinstance(numbers, list):
        raise Unreadable("not a report: numbers are not a list")
    started = _number(run.get("started"))
    if started is None:
        raise Unreadable("not a report: a run without a start")
    return Past(
        **texts,
        started=started,
        seconds=_number(run.get("seconds")) or 0.0,
        again=bool(run.get("again")),
        numbers=_numbers(numbers),
    )


def _numbers(found: list[Any]) -> tuple[Number, ...]:
    return tuple(
        Number(
            name=_text(each.get("name")),
            figure=_text(each.get("figure")),
            result=_text(each.get("result")),
            value=_number(each.get("value")),
            limit=_number(each.get("limit")),
        )
        for each in found
        if isinstance(each, Mapping)
    )


def _text(value: Any) -> str:
    return value[:MOST_TEXT] if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    """A finite number, or None: other numbers cannot be drawn."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer with hundreds of digits
        return None


def _moment(value: Any) -> float:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        raise Unreadable(f"not a report: {_text(value)!r} is not a date") from None
