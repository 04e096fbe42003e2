"""A scenario takes values from pytest fixtures: read again with them, masked, refused if unfit."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.language import load
from tests.harness.conftest import Run, plain
from tests.language.real import REAL

CONFTEST = """
import pytest

@pytest.fixture
def pause():
    return {value}

@pytest.fixture
def tenant_url():
    yield "http://tenant-4711.example"
    print("TORN DOWN")
"""

ASKS = """\
scenario: it answers
namespace: default
fixtures: [tenant_url]
while:
  - http: {url: "${fixture.tenant_url}/healthz"}
    objective: {availability: 99%}
when: [{sleep: 1s}]
"""


def written(folder: Path, value: str, text: str) -> None:
    (folder / "conftest.py").write_text(CONFTEST.replace("{value}", value))
    (folder / "a.scenario.yaml").write_text(text)


SLEEPS = "fixtures: [pause]\n" + plain(sleep="${fixture.pause}")


@pytest.mark.usefixtures("on_sandbox")
def test_a_scenario_is_run_with_what_its_fixture_returned(
    pytester: pytest.Pytester, run: Run
) -> None:
    written(pytester.path, "'30ms'", SLEEPS)
    result = run("-vv")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*sleep 30ms*"])


@pytest.mark.usefixtures("on_sandbox")
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("['a']", "the fixture pause returned a list, expected a string, a number or a path"),
        ("'soon'", "a.scenario.yaml:6:12: `sleep` is 'soon'"),
        ("True", "the fixture pause returned a bool"),
    ],
)
def test_a_value_that_does_not_fit_ends_the_scenario_before_anything_is_touched(
    pytester: pytest.Pytester, run: Run, value: str, says: str
) -> None:
    written(pytester.path, value, SLEEPS)
    result = run()
    result.assert_outcomes(failed=1)
    assert says.partition(" is ")[0] in result.stdout.str()
    assert "soon" not in says or "soon" in result.stdout.str()


def test_a_fixture_that_pytest_does_not_know_is_pytests_own_error(
    pytester: pytest.Pytester, run: Run
) -> None:
    written(pytester.path, "1", SLEEPS.replace("pause", "no_such"))
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'no_such' not found*"])


@pytest.mark.usefixtures("on_sandbox")
def test_the_value_is_masked_and_the_fixture_is_torn_down(
    pytester: pytest.Pytester, run: Run
) -> None:
    written(pytester.path, "1", ASKS)
    result = run("-s", "--resilience-report=report")
    text = result.stdout.str()
    assert "http://tenant-4711" not in text
    assert "GET ***/healthz" in text
    assert "TORN DOWN" in text
    assert "http://tenant-4711" not in (pytester.path / "report" / "report.json").read_text()


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "a.scenario.yaml"
    path.write_text(text)
    return [str(each) for each in load(path, None, REAL, {}).problems]


def test_a_file_is_valid_before_its_fixtures_are_known(tmp_path: Path) -> None:
    assert problems(tmp_path, ASKS) == []
    several = ASKS.replace("[tenant_url]", "[tenant_url, pause, rate, app]")
    several = several.replace("sleep: 1s", 'sleep: "${fixture.pause}"')
    several = several.replace("objective", 'rate: "${fixture.rate}"\n    objective')
    several += 'then: [{restarts: {pods: "${fixture.app}", at_most: 0}}]\n'
    assert problems(tmp_path, several.replace("sleep: ", "sleep: ")) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[tenant_url]", "[tenant]"), "`tenant_url` is not among the scenario's `fixtures`"),
        (("[tenant_url]", "[tenant_url, 'a b']"), "`a b` cannot be a fixture"),
        (("[tenant_url]", "[tenant_url, tenant_url]"), "`tenant_url` is there twice"),
        (("fixtures: [tenant_url]\n", ""), "expected `fixtures: [tenant_url]`"),
        (("sleep: 1s", "sleep: soon"), "soon"),
    ],
)
def test_what_is_wrong_without_any_value_is_told_at_collection(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    assert says in "\n".join(problems(tmp_path, ASKS.replace(*change)))


@pytest.mark.usefixtures("on_sandbox")
def test_a_value_may_not_decide_which_test_it_is(pytester: pytest.Pytester, run: Run) -> None:
    text = "fixtures: [pause]\ntags: ['${fixture.pause}']\n" + plain("waits", "10ms")
    written(pytester.path, "'slow'", text)
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*part of the scenario's id or tags*"])
