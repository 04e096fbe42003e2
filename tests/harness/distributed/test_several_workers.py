"""`pytest -n 2` over scenarios: one run of each, one report, one exit code, one undo."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from resilience.cluster.interface import NAMESPACES
from resilience.cluster.transport import HttpCluster
from resilience.harness import refusals
from tests.harness.conftest import Run, plain
from tests.harness.sandboxed import MANIFEST, POD, Inner, exists

pytest.importorskip("xdist")

CHANGES = """\
scenario: {title}
namespace: default
settle: 10ms
given:
  - apply: mark.yaml
when:
  - sleep: {sleep}
then:
  - ready: {then}
    within: 30s
"""


def write(pytester: pytest.Pytester, name: str, text: str) -> None:
    (pytester.path / f"{name}.scenario.yaml").write_text(text)
    (pytester.path / "mark.yaml").write_text(MANIFEST)


def report(folder: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads((folder / "out" / "report.json").read_text())["runs"]
    return runs


def test_each_scenario_runs_once_and_one_report_has_them_all(
    pytester: pytest.Pytester, run: Run
) -> None:
    """Each worker starts a sandbox of its own."""
    (pytester.path / "pod.yaml").write_text(yaml.safe_dump(POD))
    for name in ("a", "b", "c"):
        text = CHANGES.format(title=name, sleep="1ms", then="pod/quiet").replace("mark", "pod")
        write(pytester, name, text)
    pytester.makepyfile("def test_it(): pass")
    result = run("-n2", "--resilience-report", "out", "--resilience-metrics", "m.prom")
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    runs = report(pytester.path)
    assert sorted(each["scenario"]["id"] for each in runs) == ["a", "b", "c"]
    assert len({each["seed"] for each in runs}) == 1  # one seed repeats the whole session
    lines = (pytester.path / "m.prom").read_text()
    assert lines.count("resilience_run_passed{") == 3
    result.assert_outcomes(passed=4)


def test_the_exit_code_and_messages_are_those_of_one_process(
    pytester: pytest.Pytester, run: Run, on_sandbox: None
) -> None:
    write(pytester, "good", plain("good"))
    write(pytester, "bad", plain("bad").replace("ready: all", "ready: deployment/none"))
    result = run("-n2", "-o", "console_output_style=classic")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 21  # a workload that does not exist says nothing about a service
    assert "deployment/none" in result.stdout.str()


def test_a_refused_scenario_ends_with_the_code_for_it(
    pytester: pytest.Pytester, run: Run, on_sandbox: None, cluster: HttpCluster
) -> None:
    """A target names that cluster, and not the scenario's namespace."""
    uid = cluster.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    target = f'[targets.here]\ncontext = "other"\ncluster = "{uid}"\nnamespaces = ["shop"]\n'
    (pytester.path / "resilience.toml").write_text(target)
    write(pytester, "away", CHANGES.format(title="away", sleep="1ms", then="all"))
    pytester.makepyfile("def test_it(): pass")
    result = run("-n2")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 23, result.stdout.str()


def test_python_tests_with_the_fixture_are_in_the_report_too(
    pytester: pytest.Pytester, run: Run, on_sandbox: None
) -> None:
    pytester.makepyfile("""
        def test_one(resilience):
            resilience.sleep("10ms")
            resilience.ready("all", within="10s")

        def test_two(resilience):
            resilience.ready("all", within="10s")
    """)
    result = run("-n2", "--resilience-report", "out")
    result.assert_outcomes(passed=2)
    assert len(report(pytester.path)) == 2


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 2), (signal.SIGHUP, 129)]
)
def test_a_signal_to_the_controller_undoes_what_every_worker_changed(
    pytester: pytest.Pytester, run: Run, on_sandbox: None, cluster: HttpCluster,
    number: signal.Signals, code: int,
) -> None:  # fmt: skip
    write(pytester, "long", CHANGES.format(title="long", sleep="150s", then="all"))
    write(pytester, "other", plain("other"))
    with Inner(pytester.path, "-n2") as inner:
        inner.wait_changed(cluster)
        inner.send(number)
        assert inner.end() == code, inner.output
    assert not exists(cluster)
    assert "interrupted" in inner.output
    assert not re.search("INTERNALERROR|Traceback", inner.output)


ENDED = """
import os, signal, pytest

@pytest.fixture(autouse=True)
def ended(resilience_cluster):
    os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize("python", [False, True])
def test_a_worker_that_was_ended_begins_no_run(
    pytester: pytest.Pytester, run: Run, on_sandbox: None, python: bool
) -> None:
    """The signal comes while the cluster is open and no run is under way."""
    pytester.makeconftest(ENDED)
    if python:
        pytester.makepyfile("def test_it(resilience): open('acted', 'w').close()")
    else:
        write(pytester, "a", CHANGES.format(title="a", sleep="1ms", then="all"))
    with Inner(pytester.path, "-n1", "--resilience-report", "out") as inner:
        assert inner.end() == 143, inner.output
    assert "interrupted: SIGTERM, before it began; nothing was touched" in inner.output
    assert not (pytester.path / "acted").exists()
    assert not (pytester.path / "out").exists()  # not even the record of a run


def test_a_worker_that_dies_fails_its_scenario_which_is_not_repeated(
    pytester: pytest.Pytester, run: Run, on_sandbox: None
) -> None:
    write(pytester, "a", plain("a"))
    pytester.makeconftest("""
        import os
        def pytest_resilience_run_started(item, scenario):
            with open("begun", "a") as file:
                file.write(scenario.id + "\\n")
            if scenario.id == "deadly":
                os._exit(9)
    """)
    write(pytester, "deadly", plain("deadly"))
    result = run("-n2", "--resilience-report", "out")
    result.assert_outcomes(passed=1, failed=1)
    assert (pytester.path / "begun").read_text().split().count("deadly") == 1
    outcomes = {each["scenario"]["id"]: each["outcome"] for each in report(pytester.path)}
    assert outcomes == {"a": "passed", "deadly": "interrupted"}
    assert result.ret == 25
    result.stdout.fnmatch_lines(["*its worker process died*`resilience recover *"])


def test_each_worker_may_not_run_all_scenarios(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, "a", plain("a"))
    result = run("-n2", "--dist", "each")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stderr.str() + result.stdout.str()
    assert "would execute every scenario on each worker" in text


@pytest.mark.parametrize("spec", ["ssh=somewhere", "2*ssh=somewhere", "socket=host:8888"])
def test_workers_on_other_hosts_are_refused(spec: str) -> None:
    given = {"dist": "load", "tx": [spec]}
    config: Any = SimpleNamespace(getoption=lambda name, default=None: given.get(name, default))
    assert any("other interpreters or hosts" in each for each in refusals.distribution(config))


@pytest.mark.parametrize("spec", ["popen", "4*popen", "popen//python=python3.12"])
def test_workers_on_this_machine_are_accepted(spec: str) -> None:
    given = {"dist": "load", "tx": [spec]}
    config: Any = SimpleNamespace(getoption=lambda name, default=None: given.get(name, default))
    assert not [*refusals.distribution(config)]
