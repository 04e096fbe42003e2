"""One probe over time as inline SVG: availability, latency, and the actions on the cluster.

Two panels over one axis of seconds since the run's start. Losses hang from the top of the upper
panel, one column per span, so that a single lost request among hundreds is still visible. Latency
is drawn on a logarithmic axis, the median as a line, the range up to the slowest as an area. Bands
are the steps of `when`, triangles the victims; the span in which objectives are judged is framed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from resilience.model.finding import Kind
from resilience.model.words import many, percent, span
from resilience.report.page.acts import STRIP, bands, numbers
from resilience.report.page.scale import LEFT, RIGHT, WIDTH, Scale, axis, caption, clock, head
from resilience.report.shape import EntryJson, FindingJson, ProbeJson, RunJson

LANES = 34  # room above the panels: a caption, and the triangles
UPPER, GAP, LOWER, AXIS = 96, 34, 120, 26
LEAST_LOSS = 3.0  # pixels: a loss is always large enough to see


def chart(probe: ProbeJson, run: RunJson) -> str:
    """The whole `<svg>`; "" when nothing was measured."""
    series = probe["series"]
    if not series["planned"]:
        return ""
    scale = clock(run)
    top, floor = LANES, LANES + UPPER
    lower, bottom = floor + GAP, floor + GAP + LOWER
    height = bottom + STRIP + AXIS
    label = escape(f"availability and latency of {probe['name']} over time", quote=True)
    parts = [
        head(scale, height, label, _values(probe)),
        *_columns(probe, scale, top, lost=False),
        *bands(run, scale, LANES, bottom),
        *_columns(probe, scale, top, lost=True),
        *_beyond(run, scale, bottom),
        *_promise(run, probe, top),
        *_panel(top, floor, ("100%", "50%", "0%")),
        caption(11, "availability"),
        *_latency(probe, run, scale, lower, bottom),
        *_outages(run, probe, scale, floor),
        *_edges(run, scale, bottom),
        *_victims(run["victims"], scale),
        *numbers(run, scale, bottom),
        *axis(scale, bottom + STRIP),
        "</svg>",
    ]
    return "\n".join(parts)


def _values(probe: ProbeJson) -> str:
    """The values that the script shows at a point in time, as attributes."""
    import json

    series = probe["series"]
    values = {key: series[key] for key in ("since", "width", "planned", "good", "median", "worst")}
    text = escape(json.dumps({"name": probe["name"], **values}), quote=True)
    return f' data-values="{text}"'


def _columns(probe: ProbeJson, scale: Scale, top: int, *, lost: bool) -> Iterator[str]:
    """One column per span: losses hang from the top, good answers fill the rest."""
    series = probe["series"]
    for index, planned in enumerate(series["planned"]):
        good = series["good"][index]
        at = series["since"] + index * series["width"]
        left, right = scale.x(at), scale.x(at + series["width"])
        width = max(0.6, right - left - 0.6)
        depth = 0.0 if good == planned else max(LEAST_LOSS, UPPER * (1 - good / planned))
        if lost and depth:
            yield (
                f'<rect class="lost" x="{left}" y="{top}" width="{width:.1f}" '
                f'height="{depth:.1f}"><title>{at:+.1f}s: {planned - good} of {planned} failed, '
                f"{percent(good / planned)} good</title></rect>"
            )
        elif planned and not lost and depth < UPPER:
            yield (
                f'<rect class="good" x="{left}" y="{top + depth:.1f}" width="{width:.1f}" '
                f'height="{UPPER - depth:.1f}"/>'
            )


def _findings(run: RunJson, probe: ProbeJson) -> Sequence[FindingJson]:
    return [each for each in run["findings"] if each["probe"] == probe["name"]]


def _promise(run: RunJson, probe: ProbeJson, top: int) -> Iterator[str]:
    """A line at the required availability."""
    for finding in _findings(run, probe):
        if finding["kind"] == Kind.AVAILABILITY.value and finding["limit"] is not None:
            yield _line("limit", LEFT, WIDTH - RIGHT, top + UPPER * (1 - finding["limit"]))


def _panel(top: int, floor: int, marks: Sequence[str]) -> Iterator[str]:
    for index, mark in enumerate(marks):
        y = top + (floor - top) * index / (len(marks) - 1)
        yield f'<text class="mark" x="{LEFT - 6}" y="{y + 4:.1f}">{mark}</text>'
        yield _line("grid", LEFT, WIDTH - RIGHT, y)


def _latency(probe: ProbeJson, run: RunJson, scale: Scale, top: int, bottom: int) -> Iterator[str]:
    series = probe["series"]
    limits = list(_limits(run, probe))
    seen = [value for value in (*series["median"], *series["worst"]) if value is not None]
    if not seen:
        yield caption(top - 8, "latency: no answers")
        yield from _panel(top, bottom, ("", ""))
        return
    low = 10 ** math.floor(math.log10(max(1e-6, min(seen))))
    high = 10 ** math.ceil(math.log10(max([*seen, *limits, low * 10]) * 1.0001))
    decades = round(math.log10(high / low))

    def y(value: float) -> float:
        share = math.log10(max(value, low) / low) / decades
        return round(bottom - share * (bottom - top), 1)

    marks = [span(high / 10**index) for index in range(decades + 1)]
    yield caption(top - 8, "latency: median, and range up to the slowest")
    yield from _panel(top, bottom, marks)
    for stretch in _stretches(probe):
        points = [
            (scale.x(series["since"] + (index + 0.5) * series["width"]), median, worst)
            for index, median, worst in stretch
        ]
        upper = [f"{x},{y(worst)}" for x, _, worst in points]
        middle = [f"{x},{y(median)}" for x, median, _ in points]
        yield f'<polygon class="spread" points="{" ".join([*upper, *reversed(middle)])}"/>'
        yield f'<polyline class="worst" points="{" ".join(upper)}"/>'
        yield f'<polyline class="median" points="{" ".join(middle)}"/>'
    for limit in limits:
        yield _line("limit", LEFT, WIDTH - RIGHT, y(limit))


def _limits(run: RunJson, probe: ProbeJson) -> Iterator[float]:
    """Required percentiles in seconds."""
    for finding in _findings(run, probe):
        if finding["kind"] == Kind.LATENCY.value and finding["limit"] is not None:
            yield finding["limit"]


def _stretches(probe: ProbeJson) -> Iterator[list[tuple[int, float, float]]]:
    """Sequences of adjacent spans with a latency."""
    series, found = probe["series"], list[tuple[int, float, float]]()
    pairs = zip(series["median"], series["worst"], strict=True)
    for index, (median, worst) in enumerate(pairs):
        if median is not None and worst is not None:
            found.append((index, median, worst))
        elif found:
            yield found
            found = []
    if found:
        yield found


def _outages(run: RunJson, probe: ProbeJson, scale: Scale, floor: int) -> Iterator[str]:
    spans = {(outage["since"], outage["until"]): outage for finding in _findings(run, probe)
             for outage in finding["outages"]}  # fmt: skip
    for (since, until), outage in sorted(spans.items()):
        left, right = scale.x(since), scale.x(until)
        yield (
            f"<g><title>outage of {span(outage['seconds'])}, "
            f"{many(outage['lost'], 'request')} lost</title>"
            f'<rect class="outage" x="{left}" y="{floor + 4}" '
            f'width="{max(2.0, right - left):.1f}" height="5" rx="2"/></g>'
        )


def _beyond(run: RunJson, scale: Scale, bottom: int) -> Iterator[str]:
    """A shade over the spans that are not judged."""
    window = run["window"]
    left, right = (scale.x(window["since"]), scale.x(window["until"])) if window else (WIDTH, WIDTH)
    for x, width in ((LEFT, min(left, WIDTH - RIGHT) - LEFT), (right, WIDTH - RIGHT - right)):
        if width > 0.5:
            yield (f'<rect class="beyond" x="{x}" y="{LANES}" width="{width:.1f}" '
                   f'height="{bottom - LANES}"><title>not judged</title></rect>')  # fmt: skip


def _edges(run: RunJson, scale: Scale, bottom: int) -> Iterator[str]:
    window = run["window"]
    for at in (window["since"], window["until"]) if window else ():
        x = scale.x(at)
        yield f'<line class="edge" x1="{x}" x2="{x}" y1="{LANES}" y2="{bottom}"/>'


def _victims(victims: Sequence[EntryJson], scale: Scale) -> Iterator[str]:
    for victim in victims:
        x = scale.x(victim["at"])
        yield (
            f"<g><title>{victim['at']:+.2f}s: {escape(victim['text'])}</title>"
            f'<path class="victim" d="M{x - 5:.1f} {LANES - 11}h10l-5 9z"/></g>'
        )


def _line(kind: str, left: float, right: float, y: float) -> str:
    return f'<line class="{kind}" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
