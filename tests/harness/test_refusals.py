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


def test_what_is_refused_without_workers_is_refused_with_them(run: Run) -> None:
    pytest.importorskip("xdist")
    refused(run("-n2", "--reruns", "1"), "--reruns would repeat faults")


def test_beside_scenarios_other_tests_run_on_workers(pytester: pytest.Pytester, run: Run) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile("def test_it(): pass")
    result = run("-n2", "--reruns", "1")
    result.assert_outcomes(passed=1, errors=1)
    assert "--reruns would repeat faults" in result.stdout.str()


def test_a_dry_run_may_be_distributed(run: Run) -> None:
    pytest.importorskip("xdist")
    run("-n2", "--resilience-dry-run").assert_outcomes(skipped=1)


RETRIES = """
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range(3):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not any(report.failed for report in reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""


def test_a_retry_cannot_hide_a_failed_run(pytester: pytest.Pytester, run: Run) -> None:
    """By whatever plugin: the second run is not carried out, and cannot pass."""
    pytester.makeconftest(RETRIES)
    failing = plain().replace("ready: all", "ready: deployment/none")
    (pytester.path / "a.scenario.yaml").write_text(failing)
    result = run()
    assert result.ret == exits.OWN[Outcome.NOT_MEASURED]
    assert "a retry cannot change it; nothing was changed this time" in result.stdout.str()


def test_a_report_that_is_changed_to_a_pass_hides_nothing(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            report.outcome = "passed"
            return report
        """
    )
    failing = plain().replace("ready: all", "ready: deployment/none")
    (pytester.path / "a.scenario.yaml").write_text(failing)
    assert run().ret == exits.OWN[Outcome.NOT_MEASURED]


def test_a_failure_that_is_expected_by_a_mark_is_one(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.xfail)
        """
    )
    failing = plain().replace("ready: all", "ready: deployment/none")
    (pytester.path / "a.scenario.yaml").write_text(failing)
    assert run().ret == pytest.ExitCode.OK


def test_a_scenario_that_nothing_carried_out_does_not_pass(
    pytester: pytest.Pytester, run: Run
) -> None:
    """As `pytest --trace` does when its input has ended."""
    pytester.makeconftest("def pytest_pyfunc_call(pyfuncitem): return True")
    result = run()
    assert result.ret == exits.OWN[Outcome.NOT_MEASURED]
    assert "no step was carried out" in result.stdout.str()


def test_xdist_is_not_minded_where_no_scenario_is(pytester: pytest.Pytester, run: Run) -> None:
    pytest.importorskip("xdist")
    (pytester.path / "a.scenario.yaml").unlink()
    pytester.makepyfile("def test_it(): pass")
    run("-n2").assert_outcomes(passed=1)


def test_reruns_of_scenarios_are_refused(run: Run) -> None:
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
    refused(run(), "this process runs inside a cluster and no context is named")


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
    result.assert_outcomes()
    said = result.stdout.str() + result.stderr.str()
    assert said.count("resilience: kubeconfig absent does not exist") == 1
    assert "Traceback" not in said
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_context_that_does_not_exist_is_an_error_of_usage(
    pytester: pytest.Pytester, run: Run
) -> None:
    (pytester.path / "kc").write_text("contexts: [{name: staging, context: {}}]\n")
    result = run("--resilience-context=stagin", "--resilience-kubeconfig=kc")
    said = result.stdout.str() + result.stderr.str()
    assert "has no context 'stagin'; it has: staging" in said
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_kubeconfig_in_the_environment_is_told_to_be_unused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "somewhere")
    result = run("--collect-only")
    assert "KUBECONFIG is set but not used" in result.stdout.str() + result.stderr.str()


def test_an_empty_context_is_never_taken_for_the_sandbox_without_a_word(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CI system exports what is not set as empty, and a shell passes it on."""
    result = run("--collect-only", "--resilience-context=")
    assert "--resilience-context is empty" in result.stdout.str() + result.stderr.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    monkeypatch.setenv("RESILIENCE_CONTEXT", "")
    result = run("--collect-only")
    told = result.stdout.str() + result.stderr.str()
    assert "RESILIENCE_CONTEXT is empty, so it is not used" in told


def test_a_case_of_a_matrix_is_chosen_by_its_value(pytester: pytest.Pytester, run: Run) -> None:
    text = plain(sleep="${matrix.n}0ms", extra="matrix: {n: [1, 2]}\n")
    (pytester.path / "a.scenario.yaml").write_text(text)
    result = run("--collect-only", "-q", "-k", "n:2")
    assert "[n=2]" in result.stdout.str()
    assert "[n=1]" not in result.stdout.str()


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
