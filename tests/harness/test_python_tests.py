"""Tests in Python with the fixture `resilience`, on one sandbox that outlives the inner pytest."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

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


def test_a_worker_knows_what_its_controller_refuses(pytester: pytest.Pytester, run: Run) -> None:
    """The controller sees no fixtures, a worker not all options."""
    pytest.importorskip("xdist")
    pytester.makepyfile("def test_it(resilience): resilience.sleep('1ms')")
    result = run("-n1", "--reruns=1")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*--reruns would repeat faults and hide failures*"])


def test_reruns_of_python_tests_with_the_fixture_are_refused(
    pytester: pytest.Pytester, run: Run
) -> None:
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


def run_json(folder: Path) -> list[dict[str, Any]]:
    """What report.json holds of each run."""
    found: list[dict[str, Any]] = json.loads((folder / "rep/report.json").read_text())["runs"]
    return found


def properties(folder: Path) -> dict[str | None, str | None]:
    """Of the only test case in junit.xml."""
    case = ElementTree.parse(folder / "junit.xml").find(".//testcase")
    assert case is not None
    return {one.get("name"): one.get("value") for one in case.iter("property")}


REPORTED = "--resilience-report=rep", "--resilience-metrics=m.prom", "--junitxml=junit.xml"


def test_a_test_is_reported_as_a_scenario_is(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_mark="""
        def test_it(resilience):
            \"""The mark survives.

            Nobody removes it.
            \"""
            resilience.apply("mark.yaml")
        """
    )
    result = run(*REPORTED, "--resilience-seed=7")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["resilience: context *seed 7", "*passed*The mark survives."])
    [found] = run_json(pytester.path)
    scenario = found["scenario"]
    assert (scenario["id"], scenario["title"]) == ("test_it", "The mark survives.")
    assert (scenario["file"], scenario["description"]) == ("test_mark.py", "Nobody removes it.")
    assert (found["outcome"], found["seed"]) == ("passed", 7)
    [step] = found["steps"]
    assert (step["verb"], step["place"]) == ("apply", "test_mark.py:6:1")
    said = properties(pytester.path)
    assert (said["resilience.outcome"], said["resilience.seed"]) == ("passed", "7")
    assert (
        'run_passed{scenario="test_it",file="test_mark.py"} 1'
        in Path(pytester.path / "m.prom").read_text()
    )


@pytest.mark.parametrize(
    ("body", "code", "outcome"),
    [
        ("assert 1 == 2", 1, "service failed"),
        ("raise OSError('refused')", 1, "service failed"),
        ("raise NotMeasured('no number')", 21, "not measured"),
        ("resilience.ready('deployment/absent', within='100ms')", 21, "not measured"),
        ("resilience.kill(pods='app=absent')", 21, "not measured"),
        ("resilience.kill(podz='app=absent')", 21, "not measured"),
        ("resilience.kil(pods='app=absent')", 21, "not measured"),
        ("resilience.probe.http(service='web')", 21, "not measured"),
    ],
)
def test_the_exit_code_says_what_kind_of_failure_it_was(
    pytester: pytest.Pytester, run: Run, body: str, code: int, outcome: str
) -> None:
    pytester.makepyfile(
        f"""
        from resilience.engine.python.fixture import NotMeasured
        def test_it(resilience):
            {body}
        """
    )
    result = run(*REPORTED)
    assert result.ret == code
    [found] = run_json(pytester.path)
    assert found["outcome"] == outcome
    assert properties(pytester.path)["resilience.outcome"] == outcome


def test_a_failure_that_the_test_expects_is_its_pass(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest
        from resilience.engine.python.fixture import NotHeld, StepFailed
        def test_it(resilience):
            with pytest.raises(NotHeld):
                resilience.ready("deployment/absent", within="100ms")
            with pytest.raises(StepFailed):
                resilience.kill(pods="app=absent")
        """
    )
    assert run(*REPORTED).ret == 0
    [found] = run_json(pytester.path)
    assert found["outcome"] == "passed"
    assert [step["result"] for step in found["steps"]] == ["not measured", "not measured"]


def test_what_a_fixture_does_with_it_counts_too(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.fixture
        def shop(resilience):
            resilience.ready("deployment/absent", within="100ms")
        def test_it(shop):
            pass
        """
    )
    result = run(*REPORTED)
    result.assert_outcomes(errors=1)
    assert result.ret == 21
    [found] = run_json(pytester.path)
    assert found["outcome"] == "not measured"


@pytest.mark.parametrize("arguments", [(), ("--setup-only",)])
def test_a_test_that_did_not_run_is_no_run(
    pytester: pytest.Pytester, run: Run, arguments: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        """
        import pytest
        def test_it(resilience):
            pytest.skip("another day")
        """
    )
    assert run(*REPORTED, *arguments).ret == 0
    assert not (pytester.path / "rep").exists()


def test_the_steps_stand_below_a_failure_that_did_not_print_them(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        def test_it(resilience):
            resilience.apply("mark.yaml")
            assert 1 == 2
        """
    )
    text = run("-q").stdout.str()
    assert text.count(" timeline ") == 1
    assert "done: apply mark.yaml" in text
    assert " timeline " not in run().stdout.str()
