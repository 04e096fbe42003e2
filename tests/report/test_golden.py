"""What the report says, held by golden files. RESILIENCE_GOLDEN=write rewrites them: read the diff.

HTML is held as it stands; a page that looks wrong is not found here, only one that changed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from resilience.report import properties, summary
from resilience.report.document import document
from resilience.report.html import html
from resilience.report.live import lines
from resilience.report.machine.schema import schema
from resilience.report.markdown import markdown
from resilience.report.shape import ReportJson
from tests.report.made import WALL, ZERO, record

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(name="made")
def fixture_made() -> ReportJson:
    return document([record(broken=True), record(broken=False)], WALL + 60)


def same(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("RESILIENCE_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_document_is_as_recorded(made: ReportJson) -> None:
    same("report.json", json.dumps(made, indent=1, ensure_ascii=False) + "\n")


def test_the_page_is_as_recorded(made: ReportJson) -> None:
    same("report.html", html(made))


def test_the_markdown_is_as_recorded(made: ReportJson) -> None:
    same("summary.md", markdown(made))


def test_the_properties_are_as_recorded() -> None:
    same("properties.txt", "".join(f"{k}={v}\n" for k, v in properties(record())))


def test_the_terminal_summary_is_as_recorded() -> None:
    same(
        "terminal.txt", "".join(f"{each.text}\n" for each in summary([record(True), record(False)]))
    )


def test_the_lines_of_progress_are_as_recorded() -> None:
    same("live.txt", "\n".join(lines(record().timeline, ZERO)) + "\n")


def test_the_schema_is_as_published() -> None:
    same("../../../docs/reference/report.schema.json", json.dumps(schema(), indent=1) + "\n")


def test_the_document_obeys_its_schema(made: ReportJson) -> None:
    jsonschema.validate(made, schema(), cls=jsonschema.Draft7Validator)


def test_the_schema_refuses_a_document_that_lacks_something(made: ReportJson) -> None:
    broken = json.loads(json.dumps(made))
    del broken["runs"][0]["findings"][0]["result"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())
