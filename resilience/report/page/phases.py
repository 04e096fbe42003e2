"""A duration as a bar of its phases, for instance of a restore."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from resilience.model.words import span
from resilience.report.shape import FindingJson, RunJson

WIDTH, HEIGHT = 960, 66
BAR = 22
KINDS = 6
"""Number of colours; a seventh phase gets the first one again."""


def phased(run: RunJson) -> list[FindingJson]:
    """The findings whose value consists of phases."""
    return [finding for finding in run["findings"] if finding["parts"]]


def phases(finding: FindingJson) -> str:
    """The `<svg>`: phases from left to right, and a line at the objective."""
    parts = finding["parts"]
    total = sum(parts.values())
    limit = finding["limit"] or 0.0
    # An objective far beyond the phases would squeeze them to nothing, so it is written at the
    # edge.
    whole = max(total, min(limit, total * 1.6), 1e-9)
    says = ", ".join(f"{name} {text}" for name, text in told(parts))
    label = escape(f"phases of {finding['name']}: {says}", quote=True)
    return "\n".join([
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">',
        *_bars(parts, whole),
        *_limit(limit, whole),
        "</svg>",
    ])  # fmt: skip


def told(parts: Mapping[str, float]) -> list[tuple[str, str]]:
    """(`create`, `1.2s`) for each."""
    return [(name, span(seconds)) for name, seconds in parts.items()]


def _bars(parts: Mapping[str, float], whole: float) -> Iterator[str]:
    at, free = 0.0, 0.0
    for number, (name, seconds) in enumerate(parts.items()):
        left, width = at / whole * WIDTH, seconds / whole * WIDTH
        text = f"{name} {span(seconds)}"
        yield (
            f'<rect class="phase p{number % KINDS}" x="{left:.1f}" y="14" '
            f'width="{max(1.0, width - 1):.1f}" height="{BAR}"><title>{escape(text)}</title></rect>'
        )
        # Seven pixels per character; text that does not fit is in the legend and the title.
        if width > 7 * len(text) and left >= free:
            yield f'<text class="part" x="{left + 2:.1f}" y="{14 + BAR + 15}">{escape(text)}</text>'
            free = left + 7 * len(text)
        at += seconds


def _limit(limit: float, whole: float) -> Iterator[str]:
    if not limit:
        return
    x = min(limit / whole, 1.0) * WIDTH
    beyond = " →" if limit > whole else ""
    yield f'<line class="limit" x1="{x - 1:.1f}" x2="{x - 1:.1f}" y1="8" y2="{14 + BAR + 6}"/>'
    anchor = "end" if x > WIDTH / 2 else "start"
    yield (f'<text class="objective {anchor}" x="{x - 6 if anchor == "end" else x + 6:.1f}" '
           f'y="{HEIGHT - 4}">objective {span(limit)}{beyond}</text>')  # fmt: skip
