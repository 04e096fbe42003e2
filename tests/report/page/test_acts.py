"""The numbers of steps in charts: none overlaps another or is left out, each is near its step."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as some

from resilience.report.document import run
from resilience.report.page.acts import STRIP, bands, labels, numbers
from resilience.report.page.scale import LEFT, RIGHT, WIDTH, clock
from tests.report.made import record

starts = some.lists(some.floats(LEFT, WIDTH - RIGHT), max_size=60).map(sorted)


@given(starts)
def test_every_step_is_named_once_and_no_number_overlaps_another(starts: list[float]) -> None:
    found = labels(starts)
    named = [number for label in found for number in range(label.first, label.last + 1)]
    assert named == list(range(1, len(starts) + 1))
    assert all(before.end < after.x for before, after in pairwise(found))
    assert all(label.x >= 0 and label.end <= WIDTH - RIGHT + 1e-9 for label in found)


@given(starts)
def test_a_number_begins_at_its_first_step_unless_the_chart_ends_there(
    starts: list[float],
) -> None:
    for label in labels(starts):
        at = starts[label.first - 1]
        assert label.x == at + 3 or (label.x < at + 3 and label.end > WIDTH - RIGHT - 1e-9)


def test_only_numbers_that_would_overlap_are_drawn_as_one() -> None:
    assert [label.text for label in labels([100, 200, 300])] == ["1", "2", "3"]
    assert [label.text for label in labels([100, 113, 126])] == ["1-3"]
    assert [label.text for label in labels([100, 114, 128])] == ["1", "2", "3"]
    assert [label.text for label in labels([100, 101, 200])] == ["1-2", "3"]
    assert labels([]) == []


def test_bands_reach_into_the_strip_with_the_numbers_and_say_what_they_are() -> None:
    made = run(record())
    text = f"<svg>{''.join([*bands(made, clock(made), 10, 100), *numbers(made, clock(made), 100)])}"
    drawn = ElementTree.fromstring(f"{text}</svg>")
    rects, texts = drawn.findall("rect"), drawn.findall("text")
    assert {(rect.get("y"), rect.get("height")) for rect in rects} == {("10", f"{90 + STRIP}")}
    assert [rect.findtext("title") for rect in rects] == [
        line for each in texts for line in (each.findtext("title") or "").split("\n")
    ]
    assert all(100 < float(each.get("y") or 0) <= 100 + STRIP for each in texts)
