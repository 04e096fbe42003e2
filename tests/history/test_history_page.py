"""The page over many reports: what it says, that it is escaped, and how a browser shows it."""

from __future__ import annotations

import random
from pathlib import Path
from xml.etree import ElementTree

import pytest

from resilience.history.history_page import fleet, page
from resilience.history.plots import plot, strip
from resilience.history.reading import Archive
from resilience.history.trends import histories
from resilience.report.digest import Past
from tests.history.made import outcomes, past, series
from tests.report.browser import Browser, chromium
from tests.report.contrast import FAINT

NASTY = '<script>alert("x")</script>'


def shown(runs: list[Past]) -> str:
    made = Archive(runs=runs, pages={runs[0].run: "a/report.html"}, reports=len(runs))
    return page(made, histories(runs), place="reports", now=1_800_000_000.0)


def test_it_says_since_when_and_since_which_commit() -> None:
    text = shown(outcomes("ppff"))
    assert "(run 000002-000000, commit 000000000000)" in text
    assert "it last passed" in text
    assert "1 scenario, 1 failing now." in text
    assert "2 of 4 (50%)" in text


@pytest.mark.parametrize(
    ("runs", "told"),
    [("ppff", "2 of 4 runs passed (50%)</p>"), ("p", "1 of 1 run passed (100%)</p>"),
     ("pn", "1 of 1 run passed (100%), 1 more is inconclusive</p>"),
     ("nnn", "0 of 0 runs passed, 3 more are inconclusive</p>")],
)  # fmt: skip
def test_how_often_it_passed_is_a_sentence(runs: str, told: str) -> None:
    assert told in shown(outcomes(runs))


def test_change_points_are_marked_with_both_levels() -> None:
    text = shown(series([1.0] * 30 + [2.0] * 30))
    assert "1s → 2s" in text
    assert 'class="change"' in text


def test_text_of_reports_is_escaped_on_the_page() -> None:
    runs = [past(0, scenario=NASTY, label=NASTY, file=NASTY, cluster=NASTY, verdict=NASTY,
                 commit=NASTY, run=NASTY, outcome=NASTY)]  # fmt: skip
    text = shown(runs)
    assert text.count("<script>") == 1
    assert text.count("&lt;script&gt;") > 5


@pytest.mark.parametrize("count", [1, 2, 5, 300, 5000])
def test_plots_of_any_length_are_well_formed_and_small(count: int) -> None:
    chance = random.Random(1)
    [found] = histories(series([chance.random() for _ in range(count)]))
    text = plot(found.trends[0], found)
    ElementTree.fromstring(text)
    ElementTree.fromstring(strip(found, {}))
    assert len(text) < 40_000


def test_values_that_are_all_the_same_are_drawn() -> None:
    for value in (0.0, 1.0, -1.0):
        [found] = histories(series([value] * 5, figure="availability"))
        ElementTree.fromstring(plot(found.trends[0], found))


@pytest.mark.skipif(
    not chromium(), reason="chromium is not installed; `make test` does that on Debian"
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_history_without_overflow(tmp_path: Path, scheme: str) -> None:
    file = tmp_path / "history.html"
    runs = series([1.0] * 30 + [2.0] * 30)
    runs += outcomes("ppfpfpff", scenario="b", label="b" * 60)
    runs += outcomes("pn", scenario="c", label="c")
    file.write_text(shown(runs), encoding="utf-8")
    with Browser.started(tmp_path / "profile") as browser:
        seen = browser.open(file, width=390, height=844, scheme=scheme)
        seen.size(390, 844, mobile=True)
        assert seen.complaints == []
        assert seen.requests == [file.as_uri()]
        assert seen.value(FAINT) == []
        assert seen.value("document.documentElement.scrollWidth") == 390
        seen.value("document.querySelector('[data-outcome=passed]').click()")
        assert seen.value("document.getElementById('told').textContent") == "2 of 3 shown"
        seen.size(718, 1000)
        seen.media(media="print")
        assert seen.value("document.documentElement.scrollWidth") <= 718
        first = "document.querySelector('.overview tbody td').getBoundingClientRect().width"
        assert seen.value(first) >= 180


def test_scenarios_of_a_fleet_have_one_table() -> None:
    """A scenario that ran on one cluster only is not in it."""
    found = histories([*outcomes("pf", cluster="eu"), *outcomes("pp", cluster="us"),
                       *outcomes("p", cluster="eu", scenario="other", label="lonely")])  # fmt: skip
    made = fleet(found)
    assert made is not None
    assert made.columns == ["eu", "us"]
    assert [cell.outcome for cell in made.cells.values()] == ["service failed", "passed"]
    assert fleet(histories(outcomes("pf"))) is None
