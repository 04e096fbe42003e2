"""Items that run, on one sandbox that outlives the inner pytest, so that its state can be seen."""

from __future__ import annotations

import copy
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import CONFIGMAPS
from resilience.cluster.transport import HttpCluster
from tests.harness.conftest import Run, plain
from tests.harness.sandboxed import DEADLINE, INSTALLED, MANIFEST, POD, Inner, exists, named

CHANGES = """\
scenario: it changes something
namespace: default
settle: 10ms
given:
  - apply: mark.yaml
when:
  - sleep: SLEEP
then:
  - ready: THEN
    within: 100ms
"""


@pytest.fixture
def scenario(pytester: pytest.Pytester, on_sandbox: None) -> Path:
    """A scenario that makes a ConfigMap, sleeps for a minute, and undoes it."""
    (pytester.path / "mark.yaml").write_text(MANIFEST)
    return changes(pytester, sleep="60s")


def changes(pytester: pytest.Pytester, *, sleep: str = "10ms", then: str = "all") -> Path:
    path = pytester.path / "changes.scenario.yaml"
    path.write_text(CHANGES.replace("SLEEP", sleep).replace("THEN", then))
    return path


@pytest.fixture
def inner(pytester: pytest.Pytester, scenario: Path, run: Run) -> Iterator[Inner]:
    with Inner(pytester.path) as started:
        yield started


def test_a_passing_scenario_passes_and_is_undone(
    pytester: pytest.Pytester, run: Run, scenario: Path, cluster: HttpCluster
) -> None:
    changes(pytester)
    result = run()
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    assert not exists(cluster)


def test_a_report_that_was_asked_for_and_cannot_be_written_is_no_pass(
    pytester: pytest.Pytester, run: Run, scenario: Path
) -> None:
    changes(pytester)
    (pytester.path / "file").write_text("")
    result = run("--resilience-report=file/report")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["the report could not be written: *Not a directory*"])
    assert result.ret == 22


def test_a_store_of_reports_keeps_each_session(
    pytester: pytest.Pytester, run: Run, scenario: Path
) -> None:
    changes(pytester)
    for _ in range(2):
        assert run("--resilience-report=file:reports").ret == 0
    kept = sorted(pytester.path.glob("reports/*/report.html"))
    assert len(kept) == 2


def test_a_store_that_cannot_be_used_is_refused_before_anything_runs(
    pytester: pytest.Pytester, run: Run, scenario: Path
) -> None:
    changes(pytester)
    result = run("--resilience-report=s3://bucket/x?regoin=x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--resilience-report: store *unknown option 'regoin'*"])


BROKEN_REPORT = """
import pytest
from resilience.report import files

@pytest.fixture(autouse=True, scope="session")
def broken():
    def write(*_, **__):
        raise KeyError("series")
    files.write = write
    import resilience.report
    resilience.report.write = write
"""


def test_a_defect_while_the_report_is_written_is_one_line_and_no_pass(
    pytester: pytest.Pytester, run: Run, scenario: Path
) -> None:
    changes(pytester)
    pytester.makeconftest(BROKEN_REPORT)
    result = run("--resilience-report=report")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["the report could not be written: a defect in the report: KeyError: 'series'*"]
    )
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert result.ret == 22


@pytest.mark.parametrize(("arguments", "sections"), [((), 0), (("-q",), 1), (("-vv",), 1)])
def test_the_steps_are_told_once(
    pytester: pytest.Pytester,
    run: Run,
    scenario: Path,
    arguments: tuple[str, ...],
    sections: int,
) -> None:
    changes(pytester, then="deployment/absent")
    text = run(*arguments).stdout.str()
    assert text.count(" timeline ") == sections
    assert "`given` is done" in text


def test_a_failing_scenario_says_what_was_promised_without_a_traceback(
    pytester: pytest.Pytester, run: Run, scenario: Path, cluster: HttpCluster
) -> None:
    never: dict[str, Any] = {**copy.deepcopy(POD), "metadata": {"name": "gated"}}
    never["spec"]["readinessGates"] = [{"conditionType": "example.com/never"}]
    (pytester.path / "mark.yaml").write_text(f"{MANIFEST}---\n{yaml.safe_dump(never)}")
    changes(pytester, then="pod/gated")
    result = run("--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "Traceback" not in text
    assert ".py:" not in text
    assert "pod/gated" in text
    assert result.ret == 1
    assert not exists(cluster)
    case = ElementTree.parse(pytester.path / "junit.xml").find(".//testcase")
    assert case is not None
    assert [each.tag for each in case if each.tag in ("error", "failure")] == ["failure"]
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert properties["resilience.outcome"] == "service failed"
    assert str(properties["resilience.seed"]).isdigit()


def test_x_stops_after_the_first_failure(
    pytester: pytest.Pytester, run: Run, scenario: Path
) -> None:
    changes(pytester, then="deployment/absent")
    (pytester.path / "later.scenario.yaml").write_text(plain("later"))
    result = run("-x", "-p", "no:randomly")
    result.assert_outcomes(failed=1)


def test_lf_runs_only_what_failed(pytester: pytest.Pytester, run: Run, scenario: Path) -> None:
    changes(pytester, then="deployment/absent")
    (pytester.path / "later.scenario.yaml").write_text(plain("later"))
    run("-p", "no:randomly").assert_outcomes(failed=1, passed=1)
    result = run("-p", "no:randomly", "--lf")
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 2, "Ctrl-C"),
        (signal.SIGTERM, 143, "SIGTERM"),
        (signal.SIGHUP, 129, "SIGHUP"),
        (signal.SIGQUIT, 131, "SIGQUIT"),
    ],
)
def test_a_signal_stops_the_run_undoes_and_is_told(
    inner: Inner, cluster: HttpCluster, number: signal.Signals, code: int, word: str
) -> None:
    inner.wait_changed(cluster)
    inner.send(number)
    assert inner.end() == code
    assert not exists(cluster)
    assert "interrupted" in inner.output
    assert word in inner.output


def test_a_hangup_that_nohup_ignores_stays_ignored(
    pytester: pytest.Pytester, run: Run, scenario: Path, cluster: HttpCluster
) -> None:
    changes(pytester, sleep="1s")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        waiting = Inner(pytester.path)
    finally:
        signal.signal(signal.SIGHUP, before)
    with waiting as inner:
        inner.wait_changed(cluster)
        inner.send(signal.SIGHUP)
        assert inner.end() == 0, inner.output


def test_a_closed_terminal_ends_in_the_undo(
    pytester: pytest.Pytester, run: Run, scenario: Path, cluster: HttpCluster
) -> None:
    """End to end, on a real pseudo-terminal: nothing can be written to it any more."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *([] if INSTALLED else ["-p", "resilience.plugin"])],
        cwd=pytester.path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    drained = threading.Thread(target=_drain, args=(ours,), daemon=True)
    drained.start()
    try:
        with cluster.view(CONFIGMAPS, "default") as view:
            assert view.wait(lambda found: any(named(each) for each in found), DEADLINE)
        os.close(ours)
        os.kill(process.pid, signal.SIGHUP)
        process.wait(DEADLINE)
    finally:
        process.kill()
        process.wait()
    assert not exists(cluster)


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # closed
        return


def _limited(process: subprocess.Popen[str], directory: Path) -> None:
    """The journal's file cannot grow any more, as on a full disk."""
    [file] = (directory / ".resilience/journal").glob("*.jsonl")
    size = file.stat().st_size
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_under_the_journal_keeps_nothing_from_being_put_back(
    inner: Inner, cluster: HttpCluster, pytester: pytest.Pytester
) -> None:
    inner.wait_changed(cluster)
    _limited(inner.process, pytester.path)
    inner.send(signal.SIGINT)
    assert inner.end() == 20
    assert not exists(cluster)
    assert "cannot be written: File too large; undos are not recorded" in inner.output
    assert "Traceback" not in inner.output


def test_a_journal_that_cannot_be_begun_is_one_line_and_nothing_is_touched(
    pytester: pytest.Pytester, run: Run, scenario: Path, cluster: HttpCluster
) -> None:
    result = run("--resilience-journal=/proc/none")
    text = result.stdout.str()
    assert result.ret == 22, text
    assert "Traceback" not in text
    result.stdout.fnmatch_lines(["*harness error: the journal /proc/none/*cannot be written: No*"])
    assert not exists(cluster)


def test_ctrl_c_twice_does_not_cut_the_undo_short(inner: Inner, cluster: HttpCluster) -> None:
    inner.wait_changed(cluster)
    inner.send(signal.SIGINT)
    inner.send(signal.SIGINT)
    assert inner.end() == 2
    assert not exists(cluster)


ONE_LIMITED = """
import pytest

def pytest_collection_modifyitems(items):
    items[0].add_marker(pytest.mark.timeout(3))
"""
"""A busy machine may need three seconds for a scenario that passes, too."""


def test_a_timeout_of_the_signal_method_undoes_and_the_session_goes_on(
    pytester: pytest.Pytester, run: Run, scenario: Path, cluster: HttpCluster
) -> None:
    pytest.importorskip("pytest_timeout")
    (pytester.path / "later.scenario.yaml").write_text(plain("later"))
    pytester.makeconftest(ONE_LIMITED)
    result = run("-p", "no:randomly")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*imeout*3*"])
    assert not exists(cluster)


def test_kill_9_is_undone_by_the_next_run(
    inner: Inner, cluster: HttpCluster, pytester: pytest.Pytester, run: Run
) -> None:
    inner.wait_changed(cluster)
    inner.send(signal.SIGKILL)
    inner.end()
    assert exists(cluster)
    (pytester.path / "other.scenario.yaml").write_text(plain("other"))
    result = run("other.scenario.yaml")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["recovering run*mark*"])
    assert not exists(cluster)


def test_kill_9_is_undone_by_recover(
    inner: Inner, cluster: HttpCluster, pytester: pytest.Pytester
) -> None:
    inner.wait_changed(cluster)
    inner.send(signal.SIGKILL)
    inner.end()
    command = [sys.executable, "-m", "resilience", "recover"]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mark" in done.stdout
    assert not exists(cluster)
    again = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, timeout=60)
    assert again.stdout == "nothing is left to undo\n"


def test_a_dry_run_starts_and_changes_nothing(
    pytester: pytest.Pytester, run: Run, scenario: Path, cluster: HttpCluster
) -> None:
    result = run("--resilience-dry-run")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*it changes something*", "*given: *mark.yaml*", "*when: *1m*"])
    assert not exists(cluster)


def test_a_real_cluster_is_refused_without_consent(
    pytester: pytest.Pytester, run: Run, embedded: Embedded, cluster: HttpCluster
) -> None:
    # The same sandbox by its other name is not known to be one, as a real cluster is not.
    config = json.loads(embedded.kubeconfig.read_text())
    cluster_entry = config["clusters"][0]["cluster"]
    cluster_entry["server"] = cluster_entry["server"].replace("127.0.0.1", "localhost")
    (pytester.path / "kubeconfig").write_text(json.dumps(config))
    (pytester.path / "mark.yaml").write_text(MANIFEST)
    changes(pytester)
    result = run("--resilience-context=sandbox", "--resilience-kubeconfig=kubeconfig",
                 "--junitxml=junit.xml")  # fmt: skip
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["refused by guard: nothing allows acting in namespace 'default'*"])
    assert result.ret == 23
    case = ElementTree.parse(pytester.path / "junit.xml").find(".//testcase")
    assert case is not None
    assert [each.tag for each in case if each.tag in ("error", "failure")] == ["error"]
    assert not exists(cluster)


def test_the_sandbox_ends_with_pytest_even_by_kill_9(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pytester.path / "mark.yaml").write_text(MANIFEST)
    changes(pytester, sleep="60s")
    (pytester.path / "conftest.py").write_text(
        "import pytest\n"
        "@pytest.fixture(scope='session', autouse=True)\n"
        "def tell(resilience_cluster):\n"
        "    open('server', 'w').write(resilience_cluster.access.server)\n"
    )
    told = pytester.path / "server"
    os.mkfifo(told)
    with Inner(pytester.path) as inner:
        port = int(told.read_text().rpartition(":")[2])  # blocks until the other end has written
        assert listening(port)
        inner.send(signal.SIGKILL)
        inner.end()
        end = time.monotonic() + DEADLINE
        while listening(port) and time.monotonic() < end:
            threading.Event().wait(0.02)
    assert not listening(port)


def test_a_sandbox_that_dies_ends_the_run_at_once_as_a_harness_error(
    pytester: pytest.Pytester, run: Run
) -> None:
    (pytester.path / "mark.yaml").write_text(MANIFEST)
    changes(pytester, sleep="60s")
    with Inner(pytester.path) as inner:
        assert inner.process.stdout is not None
        lines = iter(inner.process.stdout.readline, "")
        assert any("done: apply mark.yaml" in line for line in lines)
        owners = [pid for pid in children(inner.process.pid) if "--owner-stdin" in command(pid)]
        os.kill(owners[0], signal.SIGKILL)
        assert inner.end() == 22
    assert "the sandbox has ended by itself" in inner.output
    assert "undo incomplete" not in inner.output


def children(pid: int) -> list[int]:
    """Of all its threads."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for file in files for word in file.read_text().split()]


def command(pid: int) -> str:
    """Its command line."""
    return Path(f"/proc/{pid}/cmdline").read_text()


def listening(port: int) -> bool:
    """Whether anybody listens on that port of loopback, by the kernel's table."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(r.split()[1].endswith(f":{port:04X}") and r.split()[3] == "0A" for r in rows)


def test_ctrl_c_at_the_terminal_reaches_pytest_and_not_the_sandbox_that_the_undo_needs(
    pytester: pytest.Pytester, run: Run
) -> None:
    (pytester.path / "mark.yaml").write_text(MANIFEST)
    changes(pytester, sleep="60s")
    with Inner(pytester.path, "-s") as inner:
        assert inner.process.stdout is not None
        lines = iter(inner.process.stdout.readline, "")
        assert any("done: apply mark.yaml" in line for line in lines)
        os.killpg(inner.process.pid, signal.SIGINT)  # as the terminal does: to the whole group
        assert inner.end() == 2
    assert "undone: delete ConfigMap default/mark" in inner.output
    assert "undo incomplete" not in inner.output


COUNTER = """
import sys, threading

from resilience.engine.run.run import Run
from resilience.harness.session import Session
from resilience.model.scenario import Scenario

names = []

def heard(frame, event, argument):
    code = frame.f_code
    ours = event == "call" and "/resilience/" in code.co_filename
    if not ours or "Run.begin" in names:
        return
    given = [frame.f_locals.get(name) for name in code.co_varnames[:code.co_argcount]]
    taken = any(isinstance(value, Scenario) for value in given)
    if taken and code.co_qualname not in names:  # a generator is entered once for each item
        names.append(code.co_qualname)
    if code is Run.begin.__func__.__code__:
        listen(None)

def listen(who):
    sys.setprofile(who)
    threading.setprofile(who)

inner = Session.run

def run(self, *given):
    listen(heard)
    try:
        return inner(self, *given)
    finally:
        listen(None)
        with open("calls", "w") as file:
            file.write("\\n".join(names))

Session.run = run
"""


def test_a_scenario_reaches_the_engine_in_at_most_eight_calls(
    pytester: pytest.Pytester, run: Run, scenario: Path
) -> None:
    """Counted: functions that are handed the Scenario, from Session.run to Run.begin."""
    changes(pytester)
    pytester.makeconftest(COUNTER)
    run().assert_outcomes(passed=1)
    calls = (pytester.path / "calls").read_text().splitlines()
    assert (calls[0], calls[-1]) == ("Session.run", "Run.begin")
    assert len(calls) <= 8, calls
