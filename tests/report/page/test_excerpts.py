"""Long lists on the page: bounded, in order, and what matters most is left out last."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as some

from resilience.model.timeline import Entry, What
from resilience.report.document import document, run
from resilience.report.html import html
from resilience.report.page.excerpts import MOST, MOST_NAMED, selection, steps, timeline
from tests.report.made import WALL, ZERO, record


@given(some.lists(some.integers(0, 3)), some.integers(1, 12))
def test_the_weightiest_stay_in_their_order(weights: list[int], most: int) -> None:
    items = list(enumerate(weights))
    shown = selection(items, lambda item: item[1], most)
    assert len(shown) == min(most, len(items))
    assert shown == sorted(shown)
    left_out = [weight for item in items if item not in shown for _, weight in [item]]
    assert not left_out or max(left_out) <= min(weight for _, weight in shown)


def test_of_equal_ones_the_first_and_the_last_stay() -> None:
    assert selection(range(100), most=5) == [0, 1, 2, 98, 99]
    assert selection(range(100), most=1) == [0]
    assert selection(range(3), most=5) == [0, 1, 2]


def event(number: int, kind: str = "Normal") -> Entry:
    return Entry(monotonic=ZERO + number / 1000, wall=WALL, what=What.EVENT,
                 text=f"event {number}", facts={"type": kind})  # fmt: skip


def test_events_are_left_out_before_all_else_and_warnings_last() -> None:
    own = record()
    many = [event(number, "Warning" if number % 400 == 0 else "Normal") for number in range(4000)]
    shown = timeline(run(replace(own, timeline=[*own.timeline, *many])))
    assert len(shown) == MOST
    before = timeline(run(own))
    assert [each for each in before if each["what"] != "event" and each not in shown] == []
    assert sum(each["facts"].get("type") == "Warning" for each in shown) >= 10


def test_a_step_that_failed_is_always_shown() -> None:
    own = run(record())
    failed = dict(own["steps"][0], result="failed")
    good = dict(own["steps"][0], result="passed")
    own["steps"] = [*[good] * 900, failed, *[good] * 900]  # type: ignore[list-item]
    shown = steps(own)
    assert (len(shown), failed in shown) == (MOST, True)


def test_a_page_stays_small_however_much_happened() -> None:
    own = record()
    victims = [replace(entry, text=f"pod {number}") for entry in own.timeline
               if entry.what is What.VICTIM for number in range(3000)]  # fmt: skip
    acting = next(step for step in own.steps if step.phase == "when")
    steps_ = [replace(acting, path=f"when[{number}]") for number in range(MOST_NAMED + 5)]
    crowded = replace(
        own, timeline=[*own.timeline, *victims, *map(event, range(20_000))],
        steps=[*own.steps, *steps_],
    )  # fmt: skip
    page = html(document([crowded], WALL))
    assert len(page) < 2_500_000
    assert f"{MOST} of " in page
    assert "victims are shown; report.json has all" in page
    assert "more</li>" in page
