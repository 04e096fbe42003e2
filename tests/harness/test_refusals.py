"""What must not be combined with breaking a cluster, and that nothing else is minded."""

from __future__ import annotations

import pytest

from resilience.harness import exits
from resilience.model.verdict import Outcome
from tests.harness.conftest import Run, plain
from tests.harness.sandboxed import INSTALLED


@pytest.fixture(autouse=True)
def _scenario(pytester: pytest.Pytester) -> None:
    (pytester.path / "a.scenario.yaml").write_text(plain())


def refused(result: pytest.RunResult, text: str) -> None:
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    output = result.stderr.str() + result.stdout.str()
    assert text in output
    assert "Traceback" not in output
    assert "passed" not in output


def test_xdist_is_refused(run: Run) -> None:
    pytest.importorskip("xdist")
    refused(run("-n2"), "would break one cluster from several workers at once")


def test_xdist_is_not_minded_where_no_scenario_is(pytester: pytest.Pytester, run: Run) -> None:
    pytest.importorskip("xdist")
    (pytester.path / "a.scenario.yaml").unlink()
    pytester.makepyfile("def test_it(): pass")
    run("-n2").assert_outcomes(passed=1)


def test_reruns_are_refused(run: Run) -> None:
    pytest.importorskip("pytest_rerunfailures")
    refused(run("--reruns=2"), "--reruns would repeat faults and hide failures")


def test_reruns_in_the_ini_file_are_refused(pytester: pytest.Pytester, run: Run) -> None:
    pytest.importorskip("pytest_rerunfailures")
    refused(run("-o", "reruns=2"), "--reruns would repeat faults and hide failures")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--timeout=5", "--timeout-method=thread"],
        ["-o", "timeout=5", "-o", "timeout_method=thread"],
    ],
)
def test_a_timeout_that_ends_the_process_is_refused(run: Run, arguments: list[str]) -> None:
    pytest.importorskip("pytest_timeout")
    refused(run(*arguments), "timeout_method=thread ends the process without any undo")


FAULTHANDLER = ("-o", "faulthandler_exit_on_timeout=true")


def test_a_faulthandler_that_ends_the_process_is_refused(run: Run) -> None:
    refused(run(*FAULTHANDLER, "-o", "faulthandler_timeout=4"), "without any undo")


@pytest.mark.parametrize("arguments", [FAULTHANDLER, ("-o", "faulthandler_timeout=40")])
def test_a_faulthandler_that_ends_nothing_is_not_minded(
    run: Run, arguments: tuple[str, ...]
) -> None:
    assert run(*arguments, "--resilience-dry-run").ret == 0


def test_a_thread_timeout_without_a_time_is_not_minded(run: Run) -> None:
    pytest.importorskip("pytest_timeout")
    assert run("--timeout-method=thread", "--resilience-dry-run").ret == 0


def test_inside_a_cluster_without_a_context_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    refused(run(), "we run inside a cluster and no context is named")


def test_inside_a_cluster_other_tests_are_not_minded(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    (pytester.path / "a.scenario.yaml").unlink()
    pytester.makepyfile("def test_it(): pass")
    run().assert_outcomes(passed=1)


def test_collecting_alone_is_always_allowed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert run("--collect-only").ret == 0


def test_a_kubeconfig_that_is_absent_is_one_clear_failure(run: Run) -> None:
    result = run("--resilience-context=staging", "--resilience-kubeconfig=absent")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*the cluster cannot be opened: kubeconfig absent does not exist*"]
    )
    assert "Traceback" not in result.stdout.str()
    assert "During handling" not in result.stdout.str()
    assert result.ret == exits.OWN[Outcome.HARNESS_ERROR]  # it says nothing about a service


def test_a_cluster_that_cannot_be_opened_hides_no_failure_of_another_test(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("def test_it(): assert False\n\ndef test_ours(resilience): pass")
    result = run("--resilience-kubeconfig=absent")
    result.assert_outcomes(errors=2, failed=1)
    assert result.ret == 1


def test_a_kubeconfig_elsewhere_moves_neither_targets_nor_journal(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """pytest takes every path on its command line for one that tests may lie at."""
    kubeconfig = tmp_path_factory.mktemp("elsewhere") / "kubeconfig"
    kubeconfig.write_text("")
    (pytester.path / "a.scenario.yaml").write_text(plain("it reads its target"))
    (pytester.path / "resilience.toml").write_text("[targets.staging]\ncontexxt = 'x'\n")
    ours = [] if INSTALLED else ["-p", "resilience.plugin"]
    result = pytester.runpytest_subprocess(
        *ours, "-p", "no:asyncio", "--resilience-context=staging",
        "--resilience-kubeconfig", str(kubeconfig), "a.scenario.yaml",
    )  # fmt: skip
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*resilience.toml: target 'staging': unknown key 'contexxt'*"])
