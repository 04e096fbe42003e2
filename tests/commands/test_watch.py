"""`resilience watch` as a process: it judges, it stops, and SIGTERM waits for the undo."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resilience.cli import main
from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import CONFIGMAPS
from resilience.cluster.transport import HttpCluster
from tests.harness.sandboxed import MANIFEST, exists
from tests.real_cluster import ROOT, admin, embedded
from tests.spoken import said

__all__ = ["admin", "embedded"]

SCENARIO = """
scenario: it changes something
namespace: default
settle: 10ms
given: [{apply: mark.yaml}]
when: [{sleep: %s}]
then: [{ready: {pods: app=none}, within: 100ms}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mark.yaml").write_text(MANIFEST)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    )
    return tmp_path


@contextmanager
def watching(folder: Path, config: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "resilience", "watch", "a.scenario.yaml", "--listen",
               "127.0.0.1:0", f"--kubeconfig={config}", *words]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_sigterm_ends_it_after_the_undo(
    folder: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    (folder / "a.scenario.yaml").write_text(SCENARIO % "120s")
    with watching(folder, embedded.kubeconfig) as process:
        with admin.view(CONFIGMAPS, "default") as view:
            assert view.wait(lambda _: exists(admin), 120)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 143, out
    assert not exists(admin)
    assert "SIGTERM" in out


def test_a_failed_verdict_is_the_last_run_and_is_remembered(
    folder: Path, embedded: Embedded
) -> None:
    (folder / "a.scenario.yaml").write_text(SCENARIO % "10ms")
    (folder / "conftest.py").write_text("import os\n\nos._exit(1)  # as a failed verdict does\n")
    memory = folder / ".resilience" / "watch-failed"
    with watching(folder, embedded.kubeconfig, "--every", "1s") as process:
        told = said(process, "nothing more is broken until then")
        assert memory.read_text() == "a.scenario.yaml failed\n", told
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--every", "often"), "--every 'often'"),
        (("--every", "10ms"), "at least 1s"),
        (("--window", "always"), "--window, --blackout or --timezone"),
        (("--blackout", "christmas"), "--window, --blackout or --timezone"),
        (("--listen", "everywhere"), "expected HOST:PORT"),
        (("--pause", "/x"), "expected NAMESPACE or NAMESPACE/CONFIGMAP"),
        (("--incident", "here"), "expected 'URL FILTER'"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_runs(
    words: tuple[str, str], why: str, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    (folder / "a.scenario.yaml").write_text(SCENARIO % "1s")
    assert main(["watch", "a.scenario.yaml", "--context", "none", *words]) == 1
    assert why in capsys.readouterr().err


def test_without_a_cluster_or_a_scenario_it_does_not_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    for name in ("RESILIENCE_CONTEXT", "RESILIENCE_KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    (folder / "a.scenario.yaml").write_text(SCENARIO % "1s")
    assert main(["watch", "a.scenario.yaml"]) == 1
    assert "watch runs on a cluster" in capsys.readouterr().err
    assert main(["watch", "none.scenario.yaml", "--context", "x"]) == 1
    assert "does not exist" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    (folder / "a.scenario.yaml").write_text(SCENARIO % "1s")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = main(["watch", "a.scenario.yaml", "--context", "x", "--listen", f"127.0.0.1:{port}"])
    assert code == 1
    assert f"--listen 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err
