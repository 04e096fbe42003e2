"""The steps of `when` in the charts over time: a band behind everything, and its number in a strip
of its own between the panels and the seconds.

Numbers that would overlap are drawn as one, such as `2-5`, so that each begins where its steps do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from resilience.report.page.scale import RIGHT, WIDTH, Scale
from resilience.report.shape import RunJson, StepJson

STRIP = 16
"""Height of the strip with the numbers."""

CHARACTER, SPACE, INSET = 8.4, 5.0, 3.0
"""Pixels: the width of a bold digit, the least distance between two labels, and how far a label
begins after its step."""


@dataclass(frozen=True, slots=True)
class Label:
    """The steps from `first` to `last`, counted from 1; `x` is where their text begins."""

    x: float
    first: int
    last: int

    @property
    def text(self) -> str:
        """Such as `3` or `3-5`."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def end(self) -> float:
        """Where its text ends."""
        return self.x + CHARACTER * len(self.text)


def steps_of(run: RunJson) -> list[StepJson]:
    """The steps that are drawn as bands, numbered from 1."""
    return [step for step in run["steps"] if step["phase"] == "when"]


def bands(run: RunJson, scale: Scale, top: float, bottom: float) -> Iterator[str]:
    """From `top` to the end of the strip below `bottom`."""
    for number, step in enumerate(steps_of(run), 1):
        left = scale.x(step["started"])
        right = scale.x(run["seconds"] if step["ended"] is None else step["ended"])
        kind = "odd" if number % 2 else "even"
        yield (
            f'<rect class="band {kind}" x="{left}" y="{top:g}" '
            f'width="{max(1.5, right - left):.1f}" height="{bottom + STRIP - top:g}">'
            f"<title>{number}. {escape(step['title'])}</title></rect>"
        )


def numbers(run: RunJson, scale: Scale, bottom: float) -> Iterator[str]:
    """In the strip below `bottom`."""
    steps = steps_of(run)
    for label in labels([scale.x(step["started"]) for step in steps]):
        told = "\n".join(f"{number}. {steps[number - 1]['title']}"
                         for number in range(label.first, label.last + 1))  # fmt: skip
        yield (f'<text class="number" x="{label.x:.1f}" y="{bottom + 12:g}">{label.text}'
               f"<title>{escape(told)}</title></text>")  # fmt: skip


def labels(starts: Sequence[float]) -> list[Label]:
    """One for each step, by the pixels at which the steps begin, in order; fewer where they are
    close together."""
    found: list[Label] = []
    for number, start in enumerate(starts, 1):
        label = _placed(start, number, number)
        while found and found[-1].end + SPACE > label.x:
            before = found.pop()
            label = _placed(min(before.x, label.x) - INSET, before.first, number)
        found.append(label)
    return found


def _placed(start: float, first: int, last: int) -> Label:
    """Within the chart: a label at its end begins before its step."""
    room = WIDTH - RIGHT - Label(0.0, first, last).end
    return Label(max(0.0, min(start + INSET, room)), first, last)
