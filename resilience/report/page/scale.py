"""The horizontal scale of a run, from seconds since its start to pixels, the same in all its
charts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from resilience.report.shape import RunJson

WIDTH = 960
LEFT, RIGHT = 56, 14


@dataclass(frozen=True, slots=True)
class Scale:
    """Seconds to pixels."""

    since: float
    until: float

    def x(self, at: float) -> float:
        """Pixels from the left."""
        share = (min(max(at, self.since), self.until) - self.since) / (self.until - self.since)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def clock(run: RunJson) -> Scale:
    """From the first request of any probe to the last one; without probes, the whole run."""
    spans = [
        (series["since"], series["since"] + len(series["planned"]) * series["width"])
        for series in (probe["series"] for probe in run["probes"])
        if series["planned"]
    ] or [(0.0, run["seconds"])]
    since = min(first for first, _ in spans)
    return Scale(since, max(since + 0.1, *(last for _, last in spans)))


def axis(scale: Scale, bottom: int) -> Iterator[str]:
    """Ticks with their seconds, below `bottom`."""
    step = _round_step((scale.until - scale.since) / 10)
    at = math.ceil(scale.since / step) * step
    while at <= scale.until:
        x = scale.x(at)
        yield f'<line class="tick" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}"/>'
        yield f'<text class="time" x="{x}" y="{bottom + 17}">{at:+g}s</text>'
        at = round(at + step, 6)


def head(scale: Scale, height: float, label: str, more: str = "") -> str:
    """The opening `<svg>`; `label` and `more` must already be escaped. Its time range is in
    attributes, for the script that shows the values at a point in time."""
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{label}" '
        f'data-since="{scale.since:g}" data-until="{scale.until:g}"{more}>'
    )


def caption(y: float, text: str) -> str:
    """A line above a panel."""
    return f'<text class="caption" x="{LEFT}" y="{y:g}">{text}</text>'


def _round_step(least: float) -> float:
    base: float = 10.0 ** math.floor(math.log10(least))
    return next(base * factor for factor in (1, 2, 5, 10) if base * factor >= least)
