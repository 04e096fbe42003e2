"""Tests in Python with the fixture `resilience`, on one sandbox that outlives the inner pytest."""

from __future__ import annotations

import signal

import pytest

from resilience.cluster.transport import HttpCluster
from tests.harness.conftest import Run
from tests.harness.sandboxed import MANIFEST, Inner, exists


@pytest.fixture(autouse=True)
def _manifest(pytester: pytest.Pytester, on_sandbox: None) -> None:
    (pytester.path / "mark.yaml").write_text(MANIFEST)


def test_what_a_test_changed_is_put_back(
    pytester: pytest.Pytester, run: Run, cluster: HttpCluster
) -> None:
    pytester.makepyfile(
        """
        def test_it(resilience, resilience_cluster):
            from resilience.cluster.interface import CONFIGMAPS
            resilience.apply("mark.yaml")
            assert resilience_cluster.get(CONFIGMAPS, "mark", "default")["data"] == {"a": "b"}
        """
    )
    run().assert_outcomes(passed=1)
    assert not exists(cluster)


def test_a_probe_that_was_never_entered_is_told_once(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        def test_it(resilience):
            resilience.probe.http(service="web")
        """
    )
    result = run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["the probe `http` was never entered, so nothing was measured*"])
    assert "During handling" not in result.stdout.str()


def test_a_failing_assertion_fails_as_usual_and_all_is_put_back(
    pytester: pytest.Pytester, run: Run, cluster: HttpCluster
) -> None:
    pytester.makepyfile(
        """
        def test_it(resilience):
            resilience.apply("mark.yaml")
            assert 1 == 2
        """
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*"])
    assert result.ret == 1
    assert not exists(cluster)


def test_a_check_that_does_not_hold_fails_at_the_tests_own_line(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        def test_it(resilience):
            resilience.ready("deployment/absent", within="100ms")
        """
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">*resilience.ready(*", "*deployment/absent*"])
    text = result.stdout.str()
    assert "engine/" not in text
    assert "contextlib" not in text


def test_an_unknown_verb_is_told_with_what_there_is(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("def test_it(resilience): resilience.kil(pods='app=x')")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*unknown verb `kil`*kill*"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 2), (signal.SIGTERM, 143)])
def test_a_signal_in_the_tests_own_code_is_put_back_too(
    pytester: pytest.Pytester, run: Run, cluster: HttpCluster, number: signal.Signals, code: int
) -> None:
    pytester.makepyfile(
        """
        import threading
        def test_it(resilience):
            resilience.apply("mark.yaml")
            threading.Event().wait(60)
        """
    )
    with Inner(pytester.path) as inner:
        inner.wait_changed(cluster)
        inner.send(number)
        assert inner.end() == code
    assert not exists(cluster)


def test_xdist_is_refused(pytester: pytest.Pytester, run: Run) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile("def test_it(resilience): resilience.sleep('1ms')")
    result = run("-n1")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*would break one cluster from several workers at once*"])


def test_reruns_are_refused(pytester: pytest.Pytester, run: Run) -> None:
    pytest.importorskip("pytest_rerunfailures")
    pytester.makepyfile("def test_it(resilience): resilience.sleep('1ms')")
    result = run("--reruns=1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_an_interrupt_that_is_lost_inside_the_test_still_ends_the_run(
    pytester: pytest.Pytester, run: Run, cluster: HttpCluster
) -> None:
    pytester.makepyfile(
        """
        import os, signal, threading
        def test_it(resilience):
            try:
                os.kill(os.getpid(), signal.SIGINT)
                threading.Event().wait(10)
            except BaseException:
                pass
            resilience.apply("mark.yaml")
            threading.Event().wait(60)
        """
    )
    result = run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*Ctrl-C, after the undo*"])
    assert not exists(cluster)
