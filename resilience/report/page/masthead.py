"""The head of the page: all runs in one sentence, on which cluster, of which commit, by whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlsplit

from resilience.model.words import many
from resilience.report.shape import ReportJson, RunJson
from resilience.report.tones import tone

Counted = Sequence[tuple[str, int]]
"""Outcomes and the number of runs with each."""

Line = tuple[str, str, str]
"""Name, text, and link target ("" for none)."""

NAMES = {
    "context": "Cluster",
    "server": "Kubernetes",
    "resilience": "pytest-resilience",
    "python": "Python",
    "commit": "Commit",
    "branch": "Branch",
    "ci": "CI job",
    "who": "Run by",
}
"""Facts that come first, in this order; the others follow under their own names."""
SHORT = 12
"""Characters of a commit."""


def gist(counted: Counted) -> str:
    """All runs in one sentence."""
    total = sum(count for _, count in counted)
    outcomes = dict(counted)
    passed = outcomes.pop("passed", 0)
    if passed == total:
        return "The scenario passed." if total == 1 else f"All {total} scenarios passed."
    rest = ", ".join(
        f"{count} {_SAID.get(outcome, outcome)}" for outcome, count in outcomes.items()
    )
    return f"{passed} of {many(total, 'scenario')} passed; {rest}."


_SAID = {"service failed": "failed", "refused by guard": "refused", "undo incomplete": "not undone"}
"""Outcomes in a sentence."""


def heading(counted: Counted) -> str:
    """The title of the browser's tab."""
    bad = sum(count for outcome, count in counted if outcome != "passed")
    total = sum(count for _, count in counted)
    return f"{'✗ ' if bad else '✓ '}{total - bad} of {total} passed · Resilience report"


def share(counted: Counted) -> str:
    """A bar of all outcomes, as `<svg>`."""
    total, at, parts = sum(count for _, count in counted) or 1, 0.0, list[str]()
    for outcome, count in counted:
        width = count / total * 100
        parts.append(f'<rect class="{tone(outcome)}-tone" x="{at:.2f}" y="0" '
                     f'width="{width:.2f}" height="1"><title>{count} {escape(outcome)}</title>'
                     "</rect>")  # fmt: skip
        at += width
    return (f'<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
            f"{''.join(parts)}</svg>")  # fmt: skip


def about(report: ReportJson) -> list[Line]:
    """The facts that all runs share."""
    return list(_lines(shared(report)))


def differing(shared: Mapping[str, Any], run: RunJson) -> list[Line]:
    """The facts that this run does not share with all others."""
    own = {name: value for name, value in run["environment"].items() if name not in shared}
    return list(_lines(own))


def size(count: int) -> str:
    """`19.2 kB`."""
    value, units = float(count), ("B", "kB", "MB", "GB", "TB")
    for unit in units:
        if value < 1000 or unit == units[-1]:
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
        value /= 1000
    raise AssertionError("the last unit has no upper limit")


def shared(report: ReportJson) -> dict[str, Any]:
    """The facts that all runs share. This reads every run, so call it once for each page."""
    runs = [run["environment"] for run in report["runs"]]
    first = runs[0] if runs else {}
    return {
        name: value
        for name, value in first.items()
        if all(name in run and run[name] == value for run in runs)
    }


def _lines(values: dict[str, Any]) -> Iterator[Line]:
    ordered = [*NAMES, *(name for name in values if name not in NAMES and name != "sandbox")]
    for name in ordered:
        value = values.get(name)
        if not isinstance(value, str | int | float) or value == "":
            continue
        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        title = NAMES.get(name, name.replace("_", " ").capitalize())
        yield title, *_linked(name, text, values)


def _linked(name: str, text: str, values: dict[str, Any]) -> tuple[str, str]:
    if name == "commit":
        return text[:SHORT], ""
    if name == "ci" and _is_web(text):
        return urlsplit(text).hostname or text, text
    if name == "context" and values.get("sandbox") is True and text == "sandbox":
        return "embedded sandbox", ""
    return text, ""


def _is_web(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname)
