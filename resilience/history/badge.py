"""`badge.svg`: how many scenarios pass now, for a README. It loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from resilience.history.trends import PASSED, ScenarioHistory

LABEL = "resilience"
GOOD, BAD, DOUBT = "#17713f", "#b92620", "#7d5300"
CHARACTER = 6.6
"""Average width of a character at 11 px."""


def badge(histories: Sequence[ScenarioHistory]) -> str:
    """The `<svg>`."""
    text, colour = _told(histories)
    left, right = (round(len(each) * CHARACTER + 12) for each in (LABEL, text))
    width = left + right
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" '
        f'aria-label="{LABEL}: {escape(text, quote=True)}">'
        f"<title>{LABEL}: {escape(text)}</title>"
        f'<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>'
        '<g clip-path="url(#r)">'
        f'<rect width="{left}" height="20" fill="#3d4752"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" '
        'text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14">{LABEL}</text>'
        f'<text x="{left + right / 2:g}" y="14">{escape(text)}</text></g></svg>\n'
    )


def _told(histories: Sequence[ScenarioHistory]) -> tuple[str, str]:
    """Failures are red; a flaky scenario, or one without a verdict, is neither green nor red."""
    total = len(histories)
    if not total:
        return "no runs", DOUBT
    passed = sum(history.outcome == PASSED for history in histories)
    failing = sum(history.first_failing is not None for history in histories)
    flaky = sum(bool(history.flaky) for history in histories)
    text = f"{passed} of {total} passed" + (f", {flaky} flaky" if flaky else "")
    if failing:
        return text, BAD
    return text, GOOD if passed == total and not flaky else DOUBT
