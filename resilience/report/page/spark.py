"""Sparklines: the course of a number in the space of a word.

Availability is drawn over time, losses from the top; outages as a strip; latency as a line with its
objective; a single number as a bar against its limit, and an RTO by its phases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from resilience.report.page.phases import KINDS
from resilience.report.shape import FindingJson, ProbeJson, RunJson, SeriesJson

WIDTH, HEIGHT = 84, 18
LEAST = 1.6
"""Minimum size in pixels, so that every loss is visible."""
MOST = 60
"""Maximum number of columns; more would be thinner than a pixel."""


def of(key: str, finding: FindingJson, run: RunJson) -> str:
    """The `<svg>`; "" where there is nothing to draw."""
    probe = next((each for each in run["probes"] if each["name"] == finding["probe"]), None)
    if probe and probe["series"]["planned"] and key in _DRAWN:
        parts = list(_DRAWN[key](finding, probe))
    else:
        parts = list(_bar(finding))
    if not parts:
        return ""
    inner = "".join(parts)
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg class="spark" {box} preserveAspectRatio="none" aria-hidden="true">{inner}</svg>'


def line(
    values: Sequence[float], *, low: float, height: float = HEIGHT, width: float = WIDTH
) -> str:
    """The points of a polyline through values; `low` is at the bottom, the greatest at the top."""
    high = max(values)
    step = width / max(1, len(values) - 1)
    room = (high - low) or 1.0
    return " ".join(
        f"{index * step:.1f},{height - 2 - (value - low) / room * (height - 4):.1f}"
        for index, value in enumerate(values)
    )


def _merged(series: SeriesJson) -> list[tuple[int, int]]:
    """(planned, good) in at most `MOST` columns."""
    pairs = list(zip(series["planned"], series["good"], strict=True))
    size = -(-len(pairs) // MOST)
    groups = [pairs[at : at + size] for at in range(0, len(pairs), size)]
    return [(sum(p for p, _ in group), sum(g for _, g in group)) for group in groups]


def _availability(finding: FindingJson, probe: ProbeJson) -> Iterator[str]:
    spans = _merged(probe["series"])
    width = WIDTH / len(spans)
    for index, (planned, good) in enumerate(spans):
        depth = HEIGHT * (1 - good / planned) if planned else 0.0
        depth = max(LEAST + 1.4, depth) if planned and good < planned else depth
        x, wide = index * width, max(0.5, width - 0.3)
        if planned and depth < HEIGHT:
            yield _rect("good", x, depth, wide, HEIGHT - depth)
        if depth:
            yield _rect("lost", x, 0, wide, depth)


def _outages(finding: FindingJson, probe: ProbeJson) -> Iterator[str]:
    series = probe["series"]
    since, length = series["since"], len(series["planned"]) * series["width"]
    yield _rect("rail", 0, HEIGHT / 2 - 2, WIDTH, 4)
    for outage in finding["outages"]:
        left = (outage["since"] - since) / length * WIDTH
        yield _rect("lost", left, 2, max(LEAST, outage["seconds"] / length * WIDTH), HEIGHT - 4)


def _latency(finding: FindingJson, probe: ProbeJson) -> Iterator[str]:
    values = [value for value in probe["series"]["median"] if value is not None]
    if len(values) > 1:
        yield f'<polyline class="median" points="{line(values, low=0.0)}"/>'


def _bar(finding: FindingJson) -> Iterator[str]:
    value, limit = finding["value"], finding["limit"]
    if value is None:
        return
    whole = max(value, limit or 0.0) or 1.0
    yield _rect("rail", 0, HEIGHT / 2 - 4, WIDTH, 8)
    if finding["parts"]:
        yield from _phases(finding["parts"], max(whole, sum(finding["parts"].values())))
    elif value:
        kind = "lost" if finding["result"] == "failed" else "done"
        yield _rect(kind, 0, HEIGHT / 2 - 4, max(LEAST, value / whole * WIDTH), 8)
    if limit:
        yield _rect("goal", min(limit / whole * WIDTH, WIDTH) - 1.5, 1, 1.5, HEIGHT - 2)


def _phases(parts: Mapping[str, float], whole: float) -> Iterator[str]:
    at = 0.0
    for number, seconds in enumerate(parts.values()):
        width = max(0.6, seconds / whole * WIDTH)
        yield _rect(f"phase p{number % KINDS}", at, HEIGHT / 2 - 4, width, 8)
        at += width


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}"/>')  # fmt: skip


_DRAWN: Mapping[str, Callable[[FindingJson, ProbeJson], Iterator[str]]] = {
    "availability": _availability,
    "longest outage": _outages,
    "latency": _latency,
}
