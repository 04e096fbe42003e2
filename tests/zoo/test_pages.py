"""docs/zoo says what the files say, and the matrix counts what it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo.conftest import Matrix
from tests.zoo.expected import services, wrong
from tests.zoo.pages import pages, title

DOCS = Path(__file__).parents[2] / "docs" / "zoo"


def test_every_page_is_as_its_files_say() -> None:
    """`make docs` writes them."""
    assert {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")} == pages()


@pytest.mark.parametrize("name", services())
def test_each_service_has_all_that_its_page_needs(name: str) -> None:
    service = services()[name]
    for text in (service.symptom, service.why, service.fix):
        assert text.endswith("."), text
    assert all(path.exists() for path in service.manifests)
    assert title(service).lower() not in (name, name.replace("-", " ")), "say what is wrong"
    assert service.outcome == "passed" or service.says, "a red verdict names its symptom"


def test_a_verdict_for_another_reason_is_wrong() -> None:
    service = services()["single"]
    run = {
        "outcome": "service failed", "message": "", "steps": [],
        "findings": [
            {"name": "web.availability", "result": "failed", "measured": "", "detail": []}
        ],
        "probes": [{"answers": {"good": 900, "wrong status": 40, "connection refused": 60}}],
    }  # fmt: skip
    assert wrong(service, run) == [
        "nothing says 'web.longest_outage'", "bad answers of another kind: wrong status",
    ]  # fmt: skip


def test_the_matrix_shows_what_was_wanted_and_given() -> None:
    matrix = Matrix()
    matrix.add("a", "passed", "passed", "")
    matrix.add("b", "service failed", "service failed", "")
    matrix.add("c", "service failed", "passed", "nothing says it")
    *rows, total, line = matrix.lines()
    assert [row.split()[-2:] for row in rows[1:]] == [["1", "0"], ["1", "1"]]
    assert total == "3 verdicts, 1 wrong"
    assert line == "c: passed, wanted service failed: nothing says it"
