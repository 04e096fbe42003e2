"""Every match counts, however many came before; a bounded number is shown."""

from __future__ import annotations

from resilience.model.verdict import Window
from resilience.probes.kinds.logs.log_matches import MOST_KEPT, Matches

INSIDE = Window(since=100.0, until=200.0)


def filled(*moments: float) -> Matches:
    made = Matches()
    for at in moments:
        made.add(at, "web-1", f"ERROR at {at:g}")
    return made


def test_old_matches_do_not_take_the_place_of_those_in_the_window() -> None:
    made = filled(*[1.0] * MOST_KEPT, *range(110, 160))
    assert made.told(INSIDE) == "50 lines, the first of web-1: 'ERROR at 110'"
    assert filled(*[1.0] * MOST_KEPT, 300.0).told(INSIDE) == ""


def test_later_matches_take_only_the_words_of_those_in_the_window() -> None:
    assert filled(150.0, *[300.0] * MOST_KEPT).told(INSIDE) == "1 line"
    made = filled(110.0, 150.0, *[300.0] * (MOST_KEPT - 1))
    assert made.told(INSIDE) == "2 lines, one of web-1: 'ERROR at 150'"
    assert (len(made), len(made.kept())) == (MOST_KEPT + 1, MOST_KEPT)
