"""What must hold of every page: complete in itself, escaped, no loss too small to see."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from resilience.model.report import ProbeRecord, RunRecord
from resilience.model.samples import Answer
from resilience.model.values import RunId
from resilience.model.verdict import Outcome, Result
from resilience.report import wording
from resilience.report.document import document, run
from resilience.report.html import html
from resilience.report.markdown import markdown
from resilience.report.page.chart import chart
from tests.report.made import ENVIRONMENT, drill, record, samples

NASTY = '<script>alert("x")</script> & | `code` \u202e'


class Names(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.titles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [
            value or "" for name, value in attrs if name in ("href", "src", "xlink:href")
        ]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "h2":
            self.titles.append(data)


def page(*records: RunRecord) -> str:
    return html(document(records, 0.0))


def test_the_page_loads_nothing_and_runs_only_its_own_script() -> None:
    text = page(record())
    names = Names(text)
    assert not {"link", "img", "iframe", "object"} & set(names.tags)
    assert names.tags.count("script") == 1
    assert {link for link in names.links if not link.startswith("#")} == {ENVIRONMENT["ci"]}
    assert "style=" not in text
    assert "url(" not in text
    assert "@import" not in text


def test_text_of_the_cluster_is_escaped_everywhere() -> None:
    made = record()
    nasty = dataclasses.replace(
        made,
        scenario=dataclasses.replace(made.scenario, title=NASTY, description=NASTY),
        message=NASTY,
        leftovers=(NASTY,),
        steps=[dataclasses.replace(step, title=NASTY, message=NASTY) for step in made.steps],
        timeline=[dataclasses.replace(entry, text=NASTY, facts={**entry.facts, "name": NASTY})
                  for entry in made.timeline],
        environment=dict.fromkeys(("context", "commit", "branch", "ci", "who", NASTY), NASTY),
        findings=[dataclasses.replace(each, measured=NASTY, detail=(NASTY,), outages=())
                  for each in made.findings],
        probes=[dataclasses.replace(made.probes[0], name=NASTY, facts={"target": NASTY})],
    )  # fmt: skip
    restored = dataclasses.replace(
        drill(), findings=[dataclasses.replace(drill().findings[0], name=NASTY, parts={NASTY: 1})]
    )
    cased = [dataclasses.replace(nasty, scenario=dataclasses.replace(
        nasty.scenario, matrix={NASTY: str(each) + NASTY})) for each in range(2)]  # fmt: skip
    text = page(nasty, nasty, restored, *cased)
    assert Names(text).tags.count("script") == 1
    assert text.count("&lt;script&gt;") > 10
    assert "<script>" not in markdown(document([nasty], 0.0)).replace(f"\n{NASTY}\n", "")


@pytest.mark.parametrize(
    "text",
    [
        '"><img src=x onerror=alert(1)>',
        "'><svg onload=alert(1)>",
        '<span style="font-size: 2em">big</span>',
        "</title></style></script><script>alert(1)</script>",
        "{{ 7 * 7 }} ${7 * 7}",
        "<!-- ]]> --> &lt;b&gt;",
    ],
)
def test_what_broke_reports_of_others_is_shown_as_it_is_written(text: str) -> None:
    """Titles with markup, also in attributes: the search's words, labels of charts, tooltips."""
    made = record()
    nasty = dataclasses.replace(
        made,
        scenario=dataclasses.replace(made.scenario, title=text, id=text, tags=(text,)),
        probes=[dataclasses.replace(made.probes[0], name=text)],
    )
    found = page(nasty, made)
    names = Names(found)
    assert names.tags.count("script") == 1
    assert "img" not in names.tags
    assert names.titles.count(text) == 1
    assert not names.handlers


def test_the_chart_is_well_formed_xml() -> None:
    made = run(record())
    ElementTree.fromstring(chart(made["probes"][0], made))


def test_one_lost_request_in_many_is_still_three_pixels_deep() -> None:
    good = samples(broken=False)
    one = [
        dataclasses.replace(each, answer=Answer.REFUSED) if each.seq == 500 else each
        for each in good
    ]
    probe = ProbeRecord(name="checkout", title="", rate=1000.0, samples=one)
    made = run(dataclasses.replace(record(False), probes=[probe]))
    depths = re.findall(r'class="lost"[^>]* height="([\d.]+)"', chart(made["probes"][0], made))
    assert len(depths) == 1
    assert float(depths[0]) >= 3


def test_a_probe_without_samples_has_no_chart_and_breaks_no_page() -> None:
    probe = ProbeRecord(name="checkout", title="GET /", rate=50.0, samples=[])
    empty = dataclasses.replace(record(), probes=[probe], findings=[], window=None)
    assert "Probe checkout" in page(empty)
    assert chart(run(empty)["probes"][0], run(empty)) == ""


@pytest.mark.parametrize(("pods", "told"), [(1, "by 1 Pod<"), (2, "by 2 Pods<")])
def test_the_pods_that_answered_are_counted_in_words(pods: int, told: str) -> None:
    answers = [dataclasses.replace(each, by=f"checkout-{each.seq % pods}")
               for each in samples(broken=False)]  # fmt: skip
    probe = ProbeRecord(name="checkout", title="", rate=50.0, samples=answers)
    assert told in page(dataclasses.replace(record(), probes=[probe]))


def test_a_tile_separates_what_was_expected_from_not_measured() -> None:
    made = record()
    unknown = [dataclasses.replace(each, result=Result.NOT_MEASURED) for each in made.findings]
    text = page(dataclasses.replace(made, findings=unknown))
    assert re.search(r"expected [^<]*, not measured</small>", text)
    assert not re.search(r"expected [^<,]* not measured</small>", text)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_samples_make_a_chart(count: int) -> None:
    probe = ProbeRecord(name="checkout", title="", rate=50.0, samples=samples(True)[:count])
    made = run(dataclasses.replace(record(), probes=[probe]))
    ElementTree.fromstring(chart(made["probes"][0], made))


def test_nothing_but_refusals_make_a_chart_without_latency() -> None:
    refused = [dataclasses.replace(each, answer=Answer.REFUSED) for each in samples(False)]
    probe = ProbeRecord(name="checkout", title="", rate=50.0, samples=refused)
    made = run(dataclasses.replace(record(), probes=[probe]))
    assert "no answers" in chart(made["probes"][0], made)


def test_a_report_without_runs_says_so() -> None:
    assert "No scenario ran." in page()


def many(count: int) -> str:
    """A page of so many runs, each seventh of which failed."""
    runs: list[RunRecord] = []
    for number in range(count):
        made = record(broken=number % 7 == 3)
        runs.append(
            dataclasses.replace(
                made, scenario=dataclasses.replace(made.scenario, title=f"run {number}")
            )
        )
    return page(*runs)


def test_what_did_not_pass_stands_first_in_the_overview_and_every_link_leads_somewhere() -> None:
    text = many(50)
    links = re.findall(r'href="#(run-\d+)">run (\d+)</a>', text)
    assert [int(title) for _, title in links[:7]] == [3, 10, 17, 24, 31, 38, 45]
    assert len(links) == 50
    for anchor, title in links:
        assert text.count(f'id="{anchor}"') == 1
        assert int(anchor.removeprefix("run-")) == int(title) + 1


def test_among_many_runs_only_those_that_passed_are_folded() -> None:
    text = many(50)
    folded = re.findall(
        r'<details class="card folded"[^>]*>\n<summary>\n.*?<h2>run (\d+)</h2>', text, re.DOTALL
    )
    assert len(folded) == 43
    assert all(int(number) % 7 != 3 for number in folded)
    assert '<details class="card folded"' not in many(8)


def test_every_opened_element_of_the_page_is_closed() -> None:
    for text in (many(3), many(20)):
        for tag in ("section", "details", "summary", "table", "div"):
            assert text.count(f"<{tag}") == text.count(f"</{tag}>"), tag


def test_the_overview_shows_the_numbers_of_what_passed() -> None:
    made = record(broken=False)
    numbers = "availability 100%, longest outage none, p95 5ms"
    assert page(made, record()).count(f"All 4 objectives were met: checkout: {numbers}") == 2
    assert "no objective was set" in page(dataclasses.replace(made, findings=[]), made)


def test_cases_of_a_matrix_are_told_apart_everywhere() -> None:
    made = record(broken=False)
    case = dataclasses.replace(made, scenario=dataclasses.replace(
        made.scenario, matrix={"share": "33%", "grace": "0s"}))  # fmt: skip
    text = page(case, record())
    found = text.count(f">{made.scenario.title} [share=33%,grace=0s]<")
    assert found == 2, "in the overview and above the run"
    assert "share=33%,grace=0s" in markdown(document([case], 0.0))


def test_the_summary_of_a_run_that_judged_nothing_counts_no_objectives() -> None:
    made = dataclasses.replace(record(), findings=[], outcome=Outcome.NOT_MEASURED)
    text = markdown(document([made, record()], 0.0))
    assert "of 0 met" not in text
    assert "1 of 4 met" in text


def test_another_entry_that_speaks_of_a_snapshot_is_not_the_drills() -> None:
    taken = dataclasses.replace(record().timeline[0], facts={"snapshot": "shop-1"})
    made = dataclasses.replace(drill(), timeline=[taken, *drill().timeline])
    found = run(made)["snapshot"]
    assert found is not None
    assert found["name"] == "shop-20260921141200"


def test_evidence_is_on_the_page_once() -> None:
    made = record()
    line = wording.detail(made.findings[0])[0]
    message = f"{made.message}\n    {line}"
    text = page(dataclasses.replace(made, message=message, findings=[*made.findings] * 2))
    assert text.count(line) == 1


def test_a_run_that_was_stopped_shows_its_message() -> None:
    made = dataclasses.replace(
        record(broken=False), outcome=Outcome.INTERRUPTED, message="interrupted: Ctrl-C, by hand"
    )
    assert "interrupted: Ctrl-C, by hand" in page(made)


def test_both_measurements_are_shown_and_the_second_one_counts() -> None:
    second = record(broken=False)
    first = dataclasses.replace(
        second, run=RunId("one"), outcome=Outcome.NOT_MEASURED, again=second.run
    )
    text = page(first, dataclasses.replace(second, before="one"))
    assert "1 passed</button>" in text
    assert "1 not measured</button>" not in text
    assert f"measured once more, as run {second.run}" in text
    assert "run one was not measured because the machine was too busy" in text
