"""Runs as a strip of outcomes, a number over all runs as a line. Functions turn data into SVG.

Runs are drawn at equal distances in the order of their start, since a pause of a month would
squeeze the rest. More runs than pixels are drawn as medians within the span of their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from statistics import median

from resilience.history.trends import ScenarioHistory, Trend
from resilience.report.digest import Past
from resilience.report.page.figures import text
from resilience.report.tones import tone

WIDTH, HEIGHT = 480, 132
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 22, 16
MOST = 240
"""Points of a line."""
FAR = 4.0
"""An objective this many times above the largest value is named, not drawn: it would flatten the
line."""
STRIP, CELL, TALL = 60, 8, 18


def strip(history: ScenarioHistory, pages: Mapping[str, str], most: int = STRIP) -> str:
    """The newest runs, the last one at the right; a run whose page is known is a link."""
    runs = history.runs[-most:]
    cells = []
    for index, run in enumerate(runs):
        cell = (
            f'<rect class="{tone(run.outcome)}-cell" x="{index * CELL}" y="0" '
            f'width="{CELL - 2}" height="{TALL}" rx="1.5"><title>{escape(told(run))}</title></rect>'
        )
        page = pages.get(run.run, "")
        cells.append(f'<a href="{escape(page, quote=True)}">{cell}</a>' if page else cell)
    width = max(1, len(runs) * CELL - 2)
    return (f'<svg class="strip" viewBox="0 0 {width} {TALL}" width="{width}" height="{TALL}" '
            f'role="img" aria-label="the last {len(runs)} runs">'
            f"{''.join(cells)}</svg>")  # fmt: skip


def told(run: Past) -> str:
    """`2026-11-03 08:15 UTC: passed, commit 4f1c0de`."""
    commit = f", commit {run.commit[:12]}" if run.commit else ""
    return f"{date(run.started)}: {run.outcome}{commit}"


def date(moment: float) -> str:
    """The time to the minute; "an unknown time" if it is outside of the calendar."""
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "an unknown time"


def plot(trend: Trend, history: ScenarioHistory) -> str:
    """The whole `<svg>`."""
    scale = _Scale(trend)
    label = escape(f"{trend.name} over {len(trend.values)} runs", quote=True)
    return "\n".join([
        f'<svg class="chart trend" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">',
        *_limit(trend, scale),
        *_line(trend, scale),
        *_failures(trend, history, scale),
        *_changes(trend, history, scale),
        *_ends(trend, history),
        "</svg>",
    ])  # fmt: skip


class _Scale:
    """Runs and values to pixels."""

    def __init__(self, trend: Trend) -> None:
        self.far = trend.limit is not None and trend.limit > FAR * max(trend.values)
        known = [*trend.values]
        if trend.limit is not None and not self.far:
            known.append(trend.limit)
        self.high = max(known)
        self.low = min(known) if trend.figure == "availability" else min(0.0, *known)
        if self.high == self.low and trend.figure == "availability":
            self.low -= 0.5
        elif self.high == self.low:
            self.high += 1.0  # all values are zero: draw them at the bottom
        self.count = len(trend.values)

    def x(self, index: float) -> float:
        room = WIDTH - LEFT - RIGHT
        return round(LEFT + room * (index / (self.count - 1) if self.count > 1 else 0.5), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - 4 - share * (HEIGHT - TOP - BOTTOM - 8), 1)


def _limit(trend: Trend, scale: _Scale) -> Iterator[str]:
    if trend.limit is None:
        return
    if scale.far:
        says = f"objective {text(trend.figure, trend.limit)}, far above"
        yield f'<text class="time" x="{WIDTH / 2:g}" y="{HEIGHT - 3}">{escape(says)}</text>'
        return
    y = scale.y(trend.limit)
    yield f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'


def _line(trend: Trend, scale: _Scale) -> Iterator[str]:
    values = trend.values
    size = -(-len(values) // MOST)
    groups = [(at, values[at : at + size]) for at in range(0, len(values), size)]
    places = [(scale.x(at + (len(group) - 1) / 2), group) for at, group in groups]
    if size > 1:
        upper = [f"{x},{scale.y(max(group))}" for x, group in places]
        lower = [f"{x},{scale.y(min(group))}" for x, group in places]
        yield f'<polygon class="spread" points="{" ".join([*upper, *reversed(lower)])}"/>'
    points = " ".join(f"{x},{scale.y(median(group))}" for x, group in places)
    yield f'<polyline class="median" points="{points}"/>'
    if len(values) == 1:
        yield f'<circle class="point" cx="{places[0][0]}" cy="{scale.y(values[0])}" r="3"/>'


def _failures(trend: Trend, history: ScenarioHistory, scale: _Scale) -> Iterator[str]:
    for index, (run, value, result) in enumerate(
        zip(trend.runs, trend.values, trend.results, strict=True)
    ):
        if result == "failed":
            says = escape(f"{told(history.runs[run])}: {text(trend.figure, value)}")
            yield (f'<circle class="miss" cx="{scale.x(index)}" cy="{scale.y(value)}" r="3">'
                   f"<title>{says}</title></circle>")  # fmt: skip


def _changes(trend: Trend, history: ScenarioHistory, scale: _Scale) -> Iterator[str]:
    free = 0.0
    for change in trend.changes:
        x = scale.x(change.at - 0.5)
        run = history.runs[trend.runs[change.at]]
        words = f"{text(trend.figure, change.before)} → {text(trend.figure, change.after)}"
        says = escape(f"{words} from {told(run)} on")
        yield (f'<g class="change"><title>{says}</title><line x1="{x}" x2="{x}" y1="{TOP - 6}" '
               f'y2="{HEIGHT - BOTTOM}"/>')  # fmt: skip
        room = 7 * len(words)
        left = min(max(x - room / 2, LEFT), WIDTH - RIGHT - room)
        if left >= free:
            yield f'<text x="{left:.1f}" y="12">{escape(words)}</text>'
            free = left + room
        yield "</g>"


def _ends(trend: Trend, history: ScenarioHistory) -> Iterator[str]:
    first, last = history.runs[trend.runs[0]], history.runs[trend.runs[-1]]
    y = HEIGHT - 3
    yield f'<text class="first" x="{LEFT}" y="{y}">{date(first.started)[:10]}</text>'
    if len(trend.runs) > 1:
        yield f'<text class="end" x="{WIDTH - RIGHT}" y="{y}">{date(last.started)[:10]}</text>'


def rows(histories: Sequence[ScenarioHistory]) -> list[tuple[int, ScenarioHistory]]:
    """The runs with their numbers on the page."""
    return list(enumerate(histories, 1))
