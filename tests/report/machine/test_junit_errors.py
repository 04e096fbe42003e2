"""In JUnit only a service fails; what was not judged is an error."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from resilience.model.verdict import Outcome
from resilience.report.machine.junit_errors import corrected

CASE = (
    '<testcase name="{0}"><properties><property name="resilience.outcome" value="{0}"/>'
    '</properties><failure message="m">text</failure></testcase>'
)
OTHER = '<testcase name="unit"><failure message="m">text</failure></testcase>'


def written(folder: Path, *cases: str) -> Path:
    path = folder / "junit.xml"
    text = "".join(cases)
    path.write_text(
        f'<testsuites><testsuite errors="1" failures="{len(cases)}">{text}</testsuite></testsuites>'
    )
    return path


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.PASSED])
def test_only_a_broken_objective_is_a_failure(tmp_path: Path, outcome: Outcome) -> None:
    path = written(tmp_path, CASE.format(outcome.value), OTHER)
    corrected(path)
    suite = ElementTree.parse(path).find("testsuite")
    assert suite is not None
    unjudged = int(outcome is not Outcome.SERVICE_FAILED)
    assert (suite.get("errors"), suite.get("failures")) == (str(1 + unjudged), str(2 - unjudged))
    first, other = suite.findall("testcase")
    assert [each.text for each in first.iter("error" if unjudged else "failure")] == ["text"]
    assert other.find("failure") is not None


def test_a_file_without_one_is_not_written_again(tmp_path: Path) -> None:
    path = written(tmp_path, OTHER)
    before = path.read_bytes()
    corrected(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["junit.xml"]
