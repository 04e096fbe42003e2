"""`pytest --resilience-audit`: rules as tests. End to end, against a sandbox by its kubeconfig."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from resilience.cluster.interface import PODS
from resilience.cluster.transport import HttpCluster
from tests.harness.conftest import Run, plain


@pytest.mark.usefixtures("on_sandbox")
def test_each_rule_is_a_test_that_fails_with_what_it_found(
    pytester: pytest.Pytester, run: Run, cluster: HttpCluster
) -> None:
    done = run("--resilience-audit", "--junitxml=out.xml")
    text = done.stdout.str()
    assert "audit::bare-pod" in text
    assert "no controller recreates it" in text
    assert "kill: {name: " in text
    outcomes = done.parseoutcomes()
    assert outcomes["failed"] == 1
    assert outcomes["skipped"] >= 1
    assert outcomes["passed"] > 20
    cases = ElementTree.parse(pytester.path / "out.xml").getroot().iter("testcase")
    assert {"bare-pod", "no-budget"} <= {case.get("name") for case in cases}
    assert cluster.list(PODS, "default"), "nothing was changed"


@pytest.mark.usefixtures("on_sandbox")
def test_they_run_beside_scenarios_and_are_selected_by_their_mark(
    pytester: pytest.Pytester, run: Run
) -> None:
    (pytester.path / "a.scenario.yaml").write_text(plain("calm"))
    beside = run("a.scenario.yaml", "--resilience-audit", "-k", "calm or latest").parseoutcomes()
    assert beside["passed"] == 2
    alone = run("a.scenario.yaml", "--resilience-audit", "-m", "audit", "--collect-only", "-q")
    assert "calm" not in alone.stdout.str()
    assert "audit::single-replica" in alone.stdout.str()


def test_without_a_cluster_it_says_what_to_name(run: Run) -> None:
    done = run("--resilience-audit")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "--resilience-kubeconfig" in done.stderr.str()
    assert "Traceback" not in done.stderr.str() + done.stdout.str()


@pytest.mark.usefixtures("on_sandbox")
def test_a_namespace_that_is_not_there_fails_each_rule_in_one_line(run: Run) -> None:
    done = run("--resilience-audit", "--resilience-namespace=absent", "-k", "no-budget")
    done.stdout.fnmatch_lines(["*namespace 'absent' does not exist*"])
    assert "Traceback" not in done.stdout.str()


def test_without_the_option_there_is_nothing_of_it(run: Run) -> None:
    assert run().ret == pytest.ExitCode.NO_TESTS_COLLECTED
