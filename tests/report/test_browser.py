"""The page as a browser shows it: nothing loaded, nothing complained of, readable, usable by hand.

Chromium opens the page of `tests/report/made.py` from a file. Screenshots of these pages are looked
at when the page changes: RESILIENCE_SCREENSHOTS=FOLDER keeps them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from resilience.model.finding import Figure, Finding, Result, Unit
from resilience.report.document import document
from resilience.report.html import html
from tests.report.browser import Browser, Page, chromium
from tests.report.contrast import FAINT
from tests.report.made import WALL, cases, drill, record

pytestmark = pytest.mark.skipif(
    not chromium(), reason="chromium is not installed; `make test` does that on Debian"
)

RUNS = [record(True), record(False), drill(), *cases(), *[record(False)] * 4]


@pytest.fixture(name="browser", scope="module")
def fixture_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser.started(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(name="file", scope="module")
def fixture_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html(document(RUNS, WALL + 60)), encoding="utf-8")
    return path


@pytest.fixture(name="page")
def fixture_page(browser: Browser, file: Path) -> Page:
    return browser.open(file)


def kept(page: Page, name: str) -> None:
    """The picture, for people."""
    if folder := os.environ.get("RESILIENCE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.picture(Path(folder) / f"{name}.png")


def test_the_page_loads_nothing_and_the_console_is_silent(page: Page, file: Path) -> None:
    kept(page, "light")
    assert page.requests == [file.as_uri()]
    assert page.complaints == []
    assert page.value("document.documentElement.classList.contains('no-script')") is False


def test_the_policy_stops_a_script_that_is_not_the_pages_own(page: Page) -> None:
    page.value(
        "document.body.append(Object.assign(document.createElement('script'),"
        "{textContent: 'window.intruder = 1'}))"
    )
    assert page.value("window.intruder === undefined")
    assert any("Content Security Policy" in text for text in page.complaints)


def test_every_plot_is_there_and_drawn(page: Page) -> None:
    shapes = page.value(
        "[...document.querySelectorAll('svg.chart')].map(s => "
        "[s.querySelectorAll('rect,path,polyline').length, s.getBoundingClientRect().width])"
    )
    assert len(shapes) > 10
    assert min(count for count, _ in shapes) >= 3
    assert page.value("document.querySelectorAll('.overview svg.spark').length") > 10


def test_all_charts_of_a_run_share_one_time_scale(page: Page) -> None:
    """All charts of a run begin and end at the same second and the same pixel."""
    clocks = page.value(
        "[...document.querySelectorAll('.clock')].map(c => "
        "[...c.querySelectorAll('svg[data-since]')].map(s => "
        "[s.dataset.since, s.dataset.until, s.getBoundingClientRect().left]))"
    )
    assert any(len(clock) > 1 for clock in clocks)
    assert all(len({tuple(chart) for chart in clock}) == 1 for clock in clocks if clock)


def test_the_pointer_shows_the_values_of_a_moment(page: Page) -> None:
    page.value("document.querySelector('.clock svg').scrollIntoView({block: 'center', "
               "behavior: 'instant'})")  # fmt: skip
    x, y = page.value(
        "(() => {const b = document.querySelector('.clock svg').getBoundingClientRect();"
        "return [b.left + b.width * 0.26, b.top + b.height / 2]})()"
    )
    page.move(x, y)
    text = page.value("document.querySelector('.reading').textContent")
    kept(page, "hover")
    assert re.match(r"\+\d\.\d\ds\ncheckout: \d+ of \d+ good", text)
    page.move(2, 2)
    assert page.value("document.querySelector('.reading')") is None


def test_arrow_keys_move_through_the_readings_of_a_chart(page: Page) -> None:
    page.value("document.querySelector('.clock').focus()")
    page.key("ArrowRight")
    first = page.value("document.querySelector('.reading').textContent")
    page.key("ArrowRight", shift=True)
    second = page.value("document.querySelector('.reading').textContent")
    assert first.startswith("+0.5")
    assert float(second.split("s")[0]) == pytest.approx(float(first.split("s")[0]) + 1.0, abs=0.02)
    page.key("Escape")
    assert page.value("document.querySelectorAll('.reading, .cursor').length") == 0


SHOWN = "[...document.querySelectorAll('.overview tbody')].filter(e => e.checkVisibility()).length"


def test_search_and_filter_agree_in_rows_and_cards(page: Page) -> None:
    everything = page.value(SHOWN)
    page.key("/", "/")
    for letter in "shop-drill":
        page.key(letter, letter)
    assert page.value("document.activeElement.id") == "search"
    assert page.value(SHOWN) == 1
    assert page.value("[...document.querySelectorAll('.card[data-run]')].filter(e => "
                      "e.checkVisibility()).length") == 1  # fmt: skip
    assert page.value("document.getElementById('told').textContent") == f"1 of {everything} shown"
    page.key("Escape")
    assert page.value(SHOWN) == everything
    page.value("document.querySelector('[data-outcome=passed]').click()")
    assert page.value(SHOWN) == 2
    assert page.value("document.querySelector('[data-outcome=passed]').ariaPressed") == "false"


def test_a_link_opens_what_is_folded(page: Page) -> None:
    number = page.value("document.querySelector('details.folded').dataset.run")
    page.value(f"document.querySelector('.overview a[href=\"#run-{number}\"]').click()")
    assert page.value("new Promise(done => setTimeout(() => "
                      "done(document.querySelector('details.folded').open), 50))")  # fmt: skip


def test_everything_that_acts_is_reached_by_the_keyboard(page: Page) -> None:
    """Each Tab stop is seen, and every button, link and chart is one."""
    wanted = page.value(
        "[...document.querySelectorAll('a[href], button, input, summary, .clock')]"
        ".filter(e => e.checkVisibility()).length"
    )
    reached = set()
    for _ in range(wanted + 2):
        page.key("Tab")
        reached.add(page.value(
            "(() => {const e = document.activeElement; const b = e.getBoundingClientRect();"
            "return [e.tagName, b.left + scrollX, b.top + scrollY].map(String).join()})()"
        ))  # fmt: skip
    assert len(reached - {"BODY,0,0"}) >= wanted


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_for_aa(browser: Browser, file: Path, scheme: str) -> None:
    page = browser.open(file, scheme=scheme)
    page.value("document.querySelectorAll('details').forEach(e => e.open = true)")
    kept(page, f"{scheme}-open")
    assert page.value(FAINT) == []


def test_a_phone_needs_no_scrolling_sideways(browser: Browser, file: Path) -> None:
    page = browser.open(file, width=390, height=844)
    page.size(390, 844, mobile=True)
    kept(page, "phone")
    assert page.value("document.documentElement.scrollWidth") == 390
    assert (
        page.value("getComputedStyle(document.querySelector('.overview thead')).display") == "none"
    )


BROKEN = """
[...document.querySelectorAll('td.mono')].flatMap(cell => {
  const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode())
    for (const word of walker.currentNode.data.matchAll(/[a-z0-9]+/gi)) {
      const range = document.createRange();
      range.setStart(walker.currentNode, word.index);
      range.setEnd(walker.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(each => each.top)).size > 1) found.push(word[0]);
    }
  return found;
})
"""


@pytest.mark.parametrize(("width", "media"), [(390, ""), (1024, ""), (718, "print")])
def test_no_name_is_broken_within_a_word(
    browser: Browser, tmp_path: Path, width: int, media: str
) -> None:
    names = ["checkout-frontend.longest_outage", "recovered.when[0].statefulset/order-database",
             "checkout-frontend.no_worse_than_baseline.recovery"]  # fmt: skip
    told = "the last answer came from the database, " * 9
    made = [Finding(name=name, result=Result.FAILED, promised=told, measured=told)
            for name in names]  # fmt: skip
    file = tmp_path / "long.html"
    file.write_text(html(document([replace(record(), findings=made)], WALL)), encoding="utf-8")
    page = browser.open(file, width=width)
    page.media(media=media)
    assert page.value("document.querySelectorAll('td.mono').length") == len(names)
    assert page.value(BROKEN) == []
    assert page.value("document.documentElement.scrollWidth") <= width


def test_an_overview_with_every_number_fits_a_laptop(browser: Browser, tmp_path: Path) -> None:
    numbers = [
        Finding(name=f"{each.value} of a workload", figure=each, subject="deployment/a-long-name",
                value=7.0, limit=9.0, result=Result.PASSED, unit=Unit.SECONDS)
        for each in Figure for _ in range(2)
    ]  # fmt: skip
    made = record()
    other = [replace(each, subject="deployment/another", value=8.0) for each in numbers]
    file = tmp_path / "wide.html"
    runs = [replace(made, findings=[*made.findings, *numbers, *other]), record(False)]
    file.write_text(html(document(runs, WALL)), encoding="utf-8")
    page = browser.open(file, width=1280)
    kept(page, "wide")
    assert page.value("document.querySelectorAll('.overview th').length") == 10
    assert page.value("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.wide'))") == 0
    page.size(718, 1000)
    page.media(media="print")
    kept(page, "wide-print")
    assert page.value("document.documentElement.scrollWidth") <= 718
    assert page.value(CLIPPED) == []


CLIPPED = """
[...document.querySelectorAll('.overview td, .overview th, .stack td')].filter(cell =>
  cell.scrollWidth > cell.clientWidth + 1 || cell.getBoundingClientRect().right > innerWidth)
  .map(cell => cell.textContent)
"""


def test_paper_has_tables_and_a_phone_has_none(browser: Browser, file: Path) -> None:
    page = browser.open(file, width=718)
    rows = "getComputedStyle(document.querySelector('.stack:not(.many) tbody tr')).display"
    assert page.value(rows) == "block"
    page.media(media="print")
    assert page.value(rows) == "table-row"
    assert page.value(CLIPPED) == []


def test_a_printed_report_is_whole_and_fits_the_paper(page: Page) -> None:
    """Whatever is folded or filtered, and no wider than the paper."""
    page.value("document.querySelector('[data-outcome=passed]').click()")
    page.size(794, 1123)
    page.media(media="print")
    kept(page, "print")
    hidden = page.value(
        "[...document.querySelectorAll('.card, tbody tr, svg, h2')].filter(e => "
        "!e.checkVisibility({contentVisibilityAuto: true})).length"
    )
    assert hidden == 0
    assert page.value("document.documentElement.scrollWidth") <= 794
    data = page.pdf()
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) >= len(RUNS) / 2


def test_without_scripts_nothing_is_missing(browser: Browser, file: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.html"
    text = file.read_text(encoding="utf-8")
    bare.write_text(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL), encoding="utf-8")
    page = browser.open(bare)
    assert page.value(SHOWN) == len(RUNS)
    assert page.value("document.querySelector('.tools').checkVisibility()") is False
