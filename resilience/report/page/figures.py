"""The numbers of a run, one for each column of the overview, each with a sparkline.

With several probes, windows or workloads the worst number is shown, and a missed objective before
any other, so that a good number never hides a bad one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from resilience.model.words import percent, span
from resilience.report.page import spark
from resilience.report.shape import FindingJson, ReportJson, RunJson

TITLES: Mapping[str, str] = {
    "availability": "Availability",
    "longest outage": "Longest outage",
    "recovery": "Recovery",
    "latency": "Latency",
    "error budget": "Error budget used",
    "rto": "RTO",
    "rpo": "RPO",
    "lost writes": "Lost writes",
}
"""Columns in their order."""

NONE = "\N{EN DASH}"
"""Shown if nothing was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One number. `text` is the measurement, `limit` what was expected ("" if nothing), `spark` an
    `<svg>`; `note` names the percentile and the probe if there are several."""

    key: str
    title: str
    text: str
    limit: str
    result: str
    spark: str
    note: str = ""


def columns(report: ReportJson) -> list[str]:
    """The keys of the figures that at least one run has."""
    there = {_column(each["figure"]) for run in report["runs"] for each in run["findings"]}
    return [key for key in TITLES if key in there]


def shown(run: RunJson) -> dict[str, Shown]:
    """By column."""
    groups: dict[str, list[FindingJson]] = {}
    for finding in run["findings"]:
        if column := _column(finding["figure"]):
            groups.setdefault(column, []).append(finding)
    return {key: _shown(key, groups[key], run) for key in TITLES if key in groups}


def _column(figure: str) -> str:
    """The column of a figure; latencies of all percentiles share one."""
    return "latency" if figure[:1] == "p" and figure[1:2].isdigit() else figure


def _shown(key: str, findings: Sequence[FindingJson], run: RunJson) -> Shown:
    worst = _worst(key, findings)
    several = len({each["probe"] for each in findings}) > 1 or any(
        each["during"] for each in findings
    )
    names = [worst["figure"]] if key == "latency" else []
    names += [part for part in (worst["probe"], worst["during"]) if part and several]
    limit = worst["limit"]
    return Shown(
        key=key,
        title=TITLES[key],
        text=text(worst["figure"], worst["value"]),
        limit="" if limit is None else _bound(key, text(worst["figure"], limit)),
        result=worst["result"],
        spark=spark.of(key, worst, run),
        note=" ".join(names),
    )


def _bound(key: str, text: str) -> str:
    return f"≥ {text}" if key == "availability" else f"≤ {text}"


def _worst(key: str, findings: Sequence[FindingJson]) -> FindingJson:
    """Sort key: missed first, then not measured, then by value."""
    order = {"failed": 0, "not measured": 1}
    sign = 1.0 if key == "availability" else -1.0

    def rank(finding: FindingJson) -> tuple[int, float]:
        value = finding["value"]
        return order.get(finding["result"], 2), sign * (0.0 if value is None else value)

    return min(findings, key=rank)


def text(figure: str, value: float | None) -> str:
    """A number with its unit; `NONE` if it was not measured."""
    if value is None:
        return NONE
    return _FORMS.get(figure, span)(value)


def _percent(value: float) -> str:
    """The percentage of a decimal as it is written: 0.99 is 99%, although no float equals 0.99
    exactly."""
    return percent(Fraction(str(value)))


def _outage(value: float) -> str:
    return span(value) if value else "none"


_FORMS: Mapping[str, Callable[[float], str]] = {
    "availability": _percent,
    "longest outage": _outage,
    "error budget": _percent,
    "lost writes": lambda value: f"{value:,.0f}",
    "missed runs": lambda value: f"{value:,.0f}",
    "rpo": lambda value: span(value) if value < 7200 else f"{value / 3600:.1f}h",
}
"""All other figures are times."""
