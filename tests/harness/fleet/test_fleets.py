"""One run over several clusters: each judged alone, one report, one exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import NAMESPACES
from resilience.report.digest import read
from tests.harness.conftest import Run, plain
from tests.harness.sandboxed import MANIFEST, exists

CHANGES = """\
scenario: {title}
namespace: default
settle: 10ms
given:
  - apply: mark.yaml
when:
  - sleep: 1ms
then:
  - ready: all
"""

BOTH = "--resilience-context=eu,us"


def write(pytester: pytest.Pytester, name: str, text: str) -> None:
    (pytester.path / f"{name}.scenario.yaml").write_text(text)
    (pytester.path / "mark.yaml").write_text(MANIFEST)


def runs(pytester: pytest.Pytester) -> list[dict[str, Any]]:
    found = json.loads((pytester.path / "out" / "report.json").read_text())["runs"]
    assert isinstance(found, list)
    return found


def uid(embedded: Embedded) -> str:
    with connect(embedded.access) as cluster:
        return str(cluster.get(NAMESPACES, "kube-system")["metadata"]["uid"])


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_each_scenario_runs_on_each_cluster(
    pytester: pytest.Pytester, run: Run, fleet: Path, workers: str
) -> None:
    if workers != "-n0":
        pytest.importorskip("xdist")
    write(pytester, "a", CHANGES.format(title="a"))
    write(pytester, "b", plain("b"))
    result = run(BOTH, workers, "--resilience-report=out", "--resilience-metrics=m.prom",
                 "--junitxml=junit.xml", "-v")  # fmt: skip
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    found = sorted(
        (each["scenario"]["id"], each["environment"]["member"]) for each in runs(pytester)
    )
    assert found == [("a", "eu"), ("a", "us"), ("b", "eu"), ("b", "us")]
    assert (pytester.path / "m.prom").read_text().count("resilience_run_passed{") == 4
    junit = (pytester.path / "junit.xml").read_text()
    assert 'name="a[cluster=eu]"' in junit
    assert '<property name="resilience.cluster" value="us"' in junit
    page = (pytester.path / "out" / "report.html").read_text()
    assert re.search(r'<section class="card matrix" aria-label="Fleet">', page)
    assert "| a | ✅ passed | ✅ passed |" in (pytester.path / "out" / "summary.md").read_text()
    past = read((pytester.path / "out" / "runs.json").read_bytes())
    assert {each.cluster for each in past} == {"eu", "us"}
    result.stdout.fnmatch_lines(["eu  2 passed", "us  2 passed"])


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_dead_cluster_is_named_and_not_measured_while_the_others_go_on(
    pytester: pytest.Pytester, run: Run, fleet: Path, workers: str
) -> None:
    if workers != "-n0":
        pytest.importorskip("xdist")
    write(pytester, "a", plain("a"))
    write(pytester, "b", plain("b"))
    result = run("--resilience-context=gone,eu", workers, "--resilience-report=out")
    result.assert_outcomes(passed=2, failed=2)
    assert result.ret == 21
    text = result.stdout.str()
    assert "cluster gone of the fleet does not answer, and nothing will be measured there" in text
    assert "not measured: cluster gone of the fleet cannot be opened: " in text
    assert not re.search("INTERNALERROR|Traceback", text)
    found = {(each["environment"]["member"], each["outcome"]) for each in runs(pytester)}
    assert found == {("gone", "not measured"), ("eu", "passed")}
    assert (
        "| a | ✅ passed | ⚠️ not measured |" in (pytester.path / "out" / "summary.md").read_text()
    )


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_cluster_under_two_contexts_is_refused_by_name(
    pytester: pytest.Pytester, run: Run, fleet: Path, workers: str
) -> None:
    if workers != "-n0":
        pytest.importorskip("xdist")
    write(pytester, "a", CHANGES.format(title="a"))
    result = run("--resilience-context=eu,us,eu-again", workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stdout.str() + result.stderr.str()
    assert "eu and eu-again of the fleet are the same cluster" in text


def test_a_context_that_no_kubeconfig_has_is_refused(
    pytester: pytest.Pytester, run: Run, fleet: Path
) -> None:
    write(pytester, "a", plain("a"))
    result = run("--resilience-context=eu,uss")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stdout.str() + result.stderr.str()
    assert "cluster uss of the fleet" in text
    assert "has no context 'uss'; it has: eu, eu-again, gone, us" in text


def test_each_cluster_consents_for_itself(
    pytester: pytest.Pytester, run: Run, fleet: Path, sandboxes: Mapping[str, Embedded]
) -> None:
    """The target of one names another namespace: its scenario is refused, the other runs."""
    (pytester.path / "resilience.toml").write_text(
        f'[targets.eu]\ncontext = "eu"\ncluster = "{uid(sandboxes["eu"])}"\nnamespaces = ["shop"]\n'
    )
    write(pytester, "a", CHANGES.format(title="a"))
    result = run(BOTH, "--resilience-report=out")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 23
    found = {each["environment"]["member"]: each["outcome"] for each in runs(pytester)}
    assert found == {"eu": "refused by guard", "us": "passed"}


def test_a_fleet_file_gives_each_cluster_its_target_tags_and_variables(
    pytester: pytest.Pytester, run: Run, fleet: Path, sandboxes: Mapping[str, Embedded]
) -> None:
    """`us` names the target of `eu`; on `eu`, the variable names the object that is made."""
    (pytester.path / "resilience.toml").write_text(
        f'[targets.first]\ncontext = "eu"\ncluster = "{uid(sandboxes["eu"])}"\n'
        'namespaces = ["default"]\n'
    )
    (pytester.path / "fleet.toml").write_text(
        '[clusters.one]\ntarget = "first"\ntags = ["near"]\nenvironment = {WHERE = "mark.yaml"}\n'
        '[clusters.two]\ncontext = "us"\ntarget = "first"\nenvironment = {WHERE = "other.yaml"}\n'
    )
    write(pytester, "a", CHANGES.format(title="a").replace("mark.yaml", "${WHERE}"))
    (pytester.path / "other.yaml").write_text(MANIFEST)
    result = run("--resilience-fleet=fleet.toml", "-m", "near", "--resilience-report=out")
    result.assert_outcomes(passed=1, deselected=1)
    result = run("--resilience-fleet=fleet.toml", "-k", "cluster:two")
    assert result.ret == 23, result.stdout.str()
    assert "its target 'first' is" in result.stdout.str()


def test_tests_in_python_run_on_each_cluster(
    pytester: pytest.Pytester, run: Run, fleet: Path
) -> None:
    pytester.makepyfile("""
        def test_it(resilience):
            resilience.ready("all", within="10s")
    """)
    result = run("--resilience-context=eu,gone", "--resilience-report=out")
    result.assert_outcomes(passed=1, errors=1)
    assert result.ret == 21
    assert "cluster gone of the fleet cannot be opened" in result.stdout.str()
    assert [each["environment"]["member"] for each in runs(pytester)] == ["eu"]


def test_a_fixture_that_wants_one_cluster_is_told_that_there_are_several(
    pytester: pytest.Pytester, run: Run, fleet: Path
) -> None:
    pytester.makeconftest("""
        import pytest

        @pytest.fixture(autouse=True)
        def wants(resilience_cluster):
            pass
    """)
    write(pytester, "a", plain("a"))
    result = run(BOTH)
    result.assert_outcomes(errors=2)
    assert "a fleet has 2 clusters; request resilience_fleet" in result.stdout.str()


def test_a_dry_run_shows_each_cluster_and_changes_none(
    pytester: pytest.Pytester, run: Run, fleet: Path, sandboxes: Mapping[str, Embedded]
) -> None:
    write(pytester, "a", CHANGES.format(title="a"))
    result = run(BOTH, "--resilience-dry-run")
    result.assert_outcomes(skipped=2)
    assert "a[cluster=us]" in result.stdout.str()
    with connect(sandboxes["us"].access) as cluster:
        assert not exists(cluster)


def test_an_audit_of_a_fleet_is_refused(pytester: pytest.Pytester, run: Run, fleet: Path) -> None:
    result = run(BOTH, "--resilience-audit")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "reads one cluster" in result.stdout.str() + result.stderr.str()
