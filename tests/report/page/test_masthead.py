"""The head says where, of what and by whom; a link leads to the web or is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience.report.document import document
from resilience.report.page.masthead import about, differing, gist, heading, shared, size
from tests.report.made import ENVIRONMENT, WALL, record


def test_what_all_runs_share_is_said_once() -> None:
    other = replace(record(False), environment={**ENVIRONMENT, "context": "prod"})
    report = document([record(), other], WALL)
    assert ("Commit", "4f1c0de5a1b2", "") in about(report)
    assert ("CI job", "ci.example.com", ENVIRONMENT["ci"]) in about(report)
    assert ("Run by", "mary", "") in about(report)
    assert "Cluster" not in [name for name, _, _ in about(report)]
    assert differing(shared(report), report["runs"][1]) == [("Cluster", "prod", "")]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https://", "ftp://a/b"],
)
def test_only_the_web_is_linked(url: str) -> None:
    made = replace(record(), environment={"ci": url})
    assert about(document([made], WALL)) == [("CI job", url, "")]


@pytest.mark.parametrize(
    ("counted", "text"),
    [
        ([("passed", 1)], "The scenario passed."),
        ([("passed", 3)], "All 3 scenarios passed."),
        ([("passed", 2), ("service failed", 1)], "2 of 3 scenarios passed; 1 failed."),
        ([("not measured", 1)], "0 of 1 scenario passed; 1 not measured."),
    ],
)
def test_the_masthead_sums_up_the_outcomes_in_one_sentence(
    counted: list[tuple[str, int]], text: str
) -> None:
    assert gist(counted) == text


def test_the_tab_says_whether_to_look() -> None:
    assert heading([("passed", 3)]) == "✓ 3 of 3 passed · Resilience report"
    assert heading([("passed", 2), ("not measured", 1)]).startswith("✗ 2 of 3")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (5_312_000, "5.31 MB"), (2_000_000_000_000_000, "2,000 TB")],
)
def test_sizes_are_written_with_binary_units(count: int, text: str) -> None:
    assert size(count) == text
